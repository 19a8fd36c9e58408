"""What other clusters left on a host."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.changes import quote
from sealer.cluster.checks.answers import NO_ANSWER, answer
from sealer.cluster.checks.given import Given
from sealer.model import Check, Cluster, Finding, Probe

SUBJECT = "leftovers"


class OtherClusters(Check):
    """A host belongs to one cluster at a time."""

    id = "other-cluster"
    title = "the host is in no other cluster"
    subject = SUBJECT
    strict = "two clusters on a host would take back each other's changes"

    def __init__(self, given: Given) -> None:
        self._own = given.own
        script = f'for d in {quote(given.data_root)}/*/journal; do echo "$d"; done'
        self._probe = Probe(name="core/clusters", script=script)

    def probes(self) -> tuple[Probe, ...]:
        """Return the question which clusters have left their data on the host."""
        return (self._probe,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with data of a cluster that this operation does not know."""
        for host in cluster.hosts:
            text = answer(host, self._probe)
            if text is None:
                yield self.not_checked(host.name, NO_ANSWER)
                continue
            for path in text.splitlines():
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
