"""What a support bundle asks hosts: state of the system, of what Sealer changed there, and of its units."""

from __future__ import annotations

from sealer.changes import quote
from sealer.model import Probe

_LINES = 400
"""The last lines of each log that are taken."""


def host_questions(data: str) -> dict[str, Probe]:
    """Return the questions, by the name of the file that an answer goes to.

    All of them only read, and bear that programs are missing.

    Args:
        data: The cluster's directory on hosts.
    """
    journal = quote(f"{data}/journal")
    scripts = {
        "system.txt": _each(
            "uname -a", "cat /etc/os-release", "uptime", "df -h", "df -i", "free -m", "date -u", "mount"
        ),
        "network.txt": _each(
            "ip address", "ip route", "cat /etc/hosts", "cat /etc/resolv.conf", "ss -ltn", "iptables-save -c"
        ),
        "processes.txt": _each("ps -eo pid,ppid,user,stat,etime,args --sort=pid"),
        "kernel.log": f"dmesg 2>/dev/null | tail -n {_LINES}",
        "failed-units.txt": _each("systemctl --failed --no-pager --no-legend"),
        "journal.txt": f"""\
for entry in {journal}/[0-9]*; do
  [ -d "$entry" ] || continue
  printf '%s ' "${{entry##*/}}"
  cat "$entry/operation" "$entry/key" 2>/dev/null | tr '\\n' ' '
  if [ -e "$entry/undo" ]; then echo undo; else echo kept; fi
done""",
        "units.log": f"""\
cat {journal}/*/key 2>/dev/null | sed -n 's/^unit://p' | sort -u | while IFS= read -r unit; do
  echo "=== $unit"
  systemctl status --no-pager -l -n 0 "$unit" 2>&1
  journalctl -q --no-pager -o short-iso -n {_LINES} -u "$unit" 2>&1
done""",
        "pods.log": """\
for file in /var/log/pods/kube-system_*/*/*.log; do
  [ -f "$file" ] || continue
  echo "=== $file"
  tail -n 100 "$file"
done""",
        "data.txt": f"ls -la {quote(data)} 2>&1; du -sh {quote(data)}/* 2>/dev/null",
    }
    return {name: Probe(name=f"bundle/{name}", script=f"{text}\ntrue") for name, text in scripts.items()}


def cluster_questions() -> dict[str, str]:
    """Return the sh that asks the API server, by the name of the file that an answer goes to."""
    kubectl = "kubectl --request-timeout=20s"
    return {
        "nodes.txt": f"{kubectl} get nodes -o wide 2>&1; {kubectl} describe nodes 2>&1",
        "pods.txt": f"{kubectl} get pods -A -o wide 2>&1",
        "workloads.txt": f"{kubectl} get deployments,daemonsets,statefulsets,jobs,services -A -o wide 2>&1",
        "events.txt": f"{kubectl} get events -A --sort-by=.lastTimestamp 2>&1 | tail -n 500",
    }


def _each(*commands: str) -> str:
    """Return sh that shows what each command says, under its own words."""
    return "\n".join(f"echo {quote('$ ' + command)}; {command} 2>&1; echo" for command in commands)
