"""Whether a host has a Kubernetes already, and whose: for distributions that are units with our mark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sealer.changes import quote
from sealer.model import AnswerCheck, Cluster, Finding, Host, Probe

MARK = "# Written by Sealer for the cluster "
"""How the first line of such a unit begins; the cluster's name follows."""

_OURS = "ours"
_NONE = "none"


def told(script: str) -> str:
    """Return sh that prints what a script prints, or ``none`` when that is nothing: an answer in any case."""
    return f'found=$({script}\n) || exit 1\necho "${{found:-{_NONE}}}"'


def occupancy(*, units: Sequence[str], others: Sequence[str], paths: Sequence[str]) -> str:
    """Return sh that prints ``ours CLUSTER``, a line for each sign of another Kubernetes, or ``none``.

    Args:
        units: Paths of the units that the distribution itself would have.
        others: Names of units that say that another Kubernetes runs.
        paths: What others leave behind; patterns will do.
    """
    return told(f"""\
cluster=$(cat {" ".join(units)} 2>/dev/null | sed -n {quote(f"1s/^{MARK}//p")}) || :
if [ -n "$cluster" ]; then
  echo "{_OURS} $cluster"
else
  for unit in {" ".join(others)}; do
    if systemctl is-active -q "$unit" 2>/dev/null; then echo "runs $unit"; fi
  done
  for path in {" ".join(paths)}; do
    if [ -e "$path" ]; then echo "left $path"; fi
  done
fi""")


def owner(host: Host, state: Probe) -> str:
    """Return the name of the cluster that a host belongs to, or the empty text.

    Args:
        host: The host.
        state: The question whose script ``occupancy`` made.
    """
    kind, _, cluster = host.facts.answers.get(state.name, "").partition(" ")
    return cluster if kind == _OURS else ""


class Unused(AnswerCheck):
    """The host has no Kubernetes but that of this cluster; ``occupancy`` makes the script of its probe."""

    title = "no other Kubernetes"

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host belongs to another cluster, or has signs of one."""
        other = owner(host, self.probe)
        if answer != _NONE and other != cluster.name:
            found = ", ".join(line.partition(" ")[2] for line in answer.splitlines())
            yield self.finding(
                host.name,
                found=f"it belongs to the cluster {other}" if other else f"signs of Kubernetes: {found}",
                wanted="a host without Kubernetes",
                mend="delete that cluster first, or choose another host",
            )
