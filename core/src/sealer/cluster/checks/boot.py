"""What holds now and no longer after the next boot."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import AnswerCheck, Cluster, Finding, Host, Probe, Severity

SUBJECT = "kernel"

# As sysctl.d(5) has it: of files with the same name that of /etc counts, then they are read by their names.
FORWARDING_FILES = Probe(
    name="core/forwarding-files",
    script="""\
set -- /usr/lib/sysctl.d /usr/local/lib/sysctl.d /run/sysctl.d /etc/sysctl.d
# On most hosts no file does, and one process tells.
if ! grep -rqs 'ip_forward' "$@"; then echo end; exit 0; fi
for directory; do
  for file in "$directory"/*.conf; do
    if [ -r "$file" ]; then echo "${file##*/} $file"; fi
  done
done | awk '{ last[$1] = $2 } END { for (name in last) print name, last[name] }' | sort |
  while read -r name file; do
    blank='[[:space:]]*'
    sed -n "s:^$blank-*net[./]ipv4[./]ip_forward$blank=$blank\\([0-9]*\\).*:\\1 $file:p" "$file"
  done
echo end""",
)
"""Prints ``VALUE FILE`` for each line that sets net.ipv4.ip_forward at boot, the one that counts last."""

_OURS = "90-sealer-"
"""What names of files begin with that Sealer writes."""


class ForwardingAtBoot(AnswerCheck):
    """Hosts forward packets of pods, and settings for safer servers often switch that off again at boot."""

    id = "forwarding-at-boot"
    title = "forwarding is not switched off at boot"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = FORWARDING_FILES

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has a file that switches it off behind what Sealer writes."""
        settings = [line.partition(" ")[::2] for line in answer.splitlines() if " " in line]
        later = [(value, file) for value, file in settings if file.rpartition("/")[2] > _OURS]
        if later and later[-1][0] == "0":
            yield self.finding(
                host.name,
                found=f"{later[-1][1]} sets net.ipv4.ip_forward to 0 at each boot",
                wanted="1, or no word about it: packets of pods are forwarded",
                mend=f"remove the line from {later[-1][1]}",
            )
