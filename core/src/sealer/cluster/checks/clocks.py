"""Clocks agree, and something keeps them right."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable

from sealer.cluster.checks.answers import answer, read_pairs
from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity

SUBJECT = "time"

LARGEST_CLOCK_SKEW = 30.0
"""Seconds a clock may be away from the median of all clocks: certificates and tokens begin to fail beyond."""

# A process has the first 15 letters of its program's name. Asking timedatectl would start a service.
TIME_SERVICE = Probe(
    name="core/time-service",
    script="""\
service=none
for file in /proc/[0-9]*/comm; do
  read -r name < "$file" 2>/dev/null || continue
  case $name in chronyd | ntpd | systemd-timesyn | ptp4l | phc2sys | ntpd-rs*) service=$name ;; esac
done
echo "service $service"
state=unknown
case $service in
  systemd-timesyn) if [ -e /run/systemd/timesync/synchronized ]; then state=yes; else state=no; fi ;;
  chronyd)
    if said=$(chronyc -n tracking 2>/dev/null); then
      case $said in *Leap*Normal* | *Leap*second*) state=yes ;; *) state=no ;; esac
    fi ;;
  ntpd) if said=$(ntpq -pn 2>/dev/null); then
      state=no
      case $said in *"
*"*) state=yes ;; esac
    fi ;;
esac
echo "synchronised $state\"""",
)
"""Prints ``service NAME`` and ``synchronised yes|no|unknown``."""

TIME_ZONE = Probe(name="core/time-zone", script="date +%z")


class ClockSkew(Check):
    """Certificates and tokens are only valid where the clock agrees."""

    id = "clock-skew"
    title = "clocks agree"
    subject = SUBJECT

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose clock is far from the median of all."""
        median = statistics.median(host.facts.clock_offset for host in cluster.hosts)
        for host in cluster.hosts:
            skew = host.facts.clock_offset - median
            if abs(skew) > LARGEST_CLOCK_SKEW:
                yield self.finding(
                    host.name,
                    found=f"its clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}",
                    wanted=f"at most {LARGEST_CLOCK_SKEW:.0f} s away from the median of all hosts",
                    mend="set the clock, for example with a time service such as chrony",
                )


class TimeService(AnswerCheck):
    """A clock that nobody corrects runs away sooner or later."""

    id = "time-service"
    title = "a time service runs and is synchronised"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = TIME_SERVICE

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has no time service, or one that is not synchronised."""
        said = read_pairs(answer)
        if said.get("service") == "none":
            yield self.finding(
                host.name,
                found="no time service runs",
                wanted="one, such as chrony or systemd-timesyncd, on every host",
                mend="install and enable one; without a network they can follow one of the hosts",
            )
        elif said.get("synchronised") == "no":
            yield self.finding(
                host.name,
                found=f"{said['service']} runs, but is not synchronised",
                wanted="a clock that follows a time server",
                mend="check the servers in its configuration, and that UDP port 123 leads to them",
            )


class TimeZones(Check):
    """Logs of hosts are easier to compare when they are written in one time zone."""

    id = "time-zone"
    title = "time zones are equal"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the zone's offset."""
        return (TIME_ZONE,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose time zone is not that of most."""
        zones = {host.name: answer(host, TIME_ZONE) for host in cluster.hosts}
        known = Counter(zone for zone in zones.values() if zone is not None)
        for name, zone in zones.items():
            if zone is None:
                yield self.not_checked(name)
            elif zone != (most := known.most_common(1)[0][0]):
                yield self.finding(
                    name,
                    found=f"its time zone is {zone} from UTC",
                    wanted=f"{most}, as on most hosts",
                    mend="timedatectl set-timezone ZONE",
                )
