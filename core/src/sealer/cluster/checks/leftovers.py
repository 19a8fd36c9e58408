"""What other clusters left on a host."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.changes import quote
from sealer.cluster.checks.given import Given
from sealer.model import AnswerCheck, Cluster, Finding, Host, Probe

SUBJECT = "leftovers"


class OtherClusters(AnswerCheck):
    """A host belongs to one cluster at a time."""

    id = "other-cluster"
    title = "the host is in no other cluster"
    subject = SUBJECT
    strict = "two clusters on a host would take back each other's changes"

    def __init__(self, given: Given) -> None:
        self._own = given.own
        self._root = given.data_root

    @property
    def probe(self) -> Probe:
        """The question which clusters have left their data on the host."""
        script = f'for d in {quote(self._root)}/*/journal; do echo "$d"; done'
        return Probe(name="core/clusters", script=script)

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding for each other cluster that has left its data on the host."""
        for path in answer.splitlines():
            name = path.removesuffix("/journal").rpartition("/")[2]
            if name in ("*", self._own):
                continue
            yield self.finding(
                host.name,
                found=f"it belongs to cluster {name}",
                wanted="a host without a cluster",
                mend=f"clean this host alone: sealer reset --hosts {host.address} --cluster-name {name}; "
                f"take all of that cluster away: sealer delete --all {name}",
            )
