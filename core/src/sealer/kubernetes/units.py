"""The check that a unit of systemd runs on the hosts of a cluster."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from sealer.changes import quote
from sealer.model import Check, Cluster, Finding, Host, Probe

_ACTIVE = "active"


class UnitRuns(Check):
    """A unit of systemd runs wherever it should."""

    subject = "services"

    @abstractmethod
    def unit(self, cluster: Cluster, host: Host) -> str | None:
        """Return the unit's name on a host, or None when the host needs none."""

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the question for the unit's state, and for the last words of one that does not run."""
        unit = self.unit(cluster, host)
        return () if unit is None else (self._probe(unit),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host on which the unit does not run."""
        for host in cluster.hosts:
            unit = self.unit(cluster, host)
            if unit is None:
                continue
            state, _, said = host.facts.answers.get(self._probe(unit).name, "").partition("\n")
            if not state:
                yield self.not_checked(host.name)
            elif state != _ACTIVE:
                words = " ".join(said.split())
                yield self.finding(
                    host.name,
                    found=f"{unit} is {state}" + (f": {words[-300:]}" if words else ""),
                    wanted=_ACTIVE,
                    mend=f"systemctl restart {unit}; what it says: journalctl -u {unit}",
                )

    def _probe(self, unit: str) -> Probe:
        return Probe(
            name=f"{self.id.partition('-')[0]}/unit-{unit}",
            script=f"""\
state=$(systemctl is-active {quote(unit)})
echo "$state"
[ "$state" = {_ACTIVE} ] || journalctl -q --no-pager -o cat -n 2 -u {quote(unit)} 2>/dev/null || :""",
        )
