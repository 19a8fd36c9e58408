"""The observation of a host: all questions in one script, the answers as facts."""

from __future__ import annotations

import ipaddress
import re
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence

from sealer.errors import HostError
from sealer.hosts.connection import Connection
from sealer.model import Facts, Platform, Probe

OBSERVATION_TIMEOUT = 120.0
"""Seconds that all questions together may take."""

# Where SSH arrived, behind whatever translates addresses; sudo takes that out of the environment of what it
# starts, and the processes above still have it. Without SSH, where packets to anywhere would leave from.
OWN_ADDRESS = """\
of_login() {
  process=$$
  while [ "${process:-0}" -gt 1 ]; do
    tr '\\0' '\\n' < "/proc/$process/environ" | sed -n 's/^SSH_CONNECTION=//p'
    process=$(sed 's/^.*) //' "/proc/$process/stat" | cut -d ' ' -f 2)
  done
}
login=${SSH_CONNECTION:-$(of_login | head -n 1)}
set -- $login
case ${3:-none} in
  none | 127.* | ::1 | *%*)
    { ip -4 route get 192.0.2.1 || ip -6 route get 2001:db8::1; } |
      sed -n 's/.* src \\([^ ]*\\).*/\\1/p' ;;
  *) echo "$3" ;;
esac"""

# Questions of core; the names can't be those of a plugin's probes, which have a slash.
_CORE = {
    "began": "date +%s.%N",
    "system": "uname -s",
    "machine": "uname -m",
    "hostname": "uname -n",
    "kernel": "uname -r",
    "release": "cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release",
    "init": """\
if [ -d /run/systemd/system ]; then echo systemd
elif [ -d /run/openrc ] || [ -x /sbin/openrc-run ]; then echo openrc
elif [ -f /etc/inittab ] || [ -d /etc/init.d ]; then echo sysvinit
else echo unknown
fi""",
    "machine-id": "cat /etc/machine-id 2>/dev/null || :",
    "cpus": "nproc 2>/dev/null || getconf _NPROCESSORS_ONLN",
    "memory": "sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo",
    "address": OWN_ADDRESS,
    "cgroup": "if [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo 2; else echo 1; fi",
}
_DISK = """\
d={root}
while [ ! -d "$d" ]; do d=${{d%/*}}; d=${{d:-/}}; done
df -Pk "$d" """
_ENDED = {"ended": "date +%s.%N"}

_OCI_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "amd64": ("amd64", ""),
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", "v8"),
    "arm64": ("arm64", "v8"),
    "armv8l": ("arm", "v7"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "armv5tejl": ("arm", "v5"),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
    "loongarch64": ("loong64", ""),
}
"""OCI architecture and variant (the Go names) by what ``uname -m`` says."""


async def observe(connection: Connection, probes: Sequence[Probe], *, data_root: str) -> Facts:
    """Ask a host all questions in one round trip.

    Args:
        connection: The host.
        probes: The questions of providers and checks.
        data_root: The directory whose file system is asked for free space; it need not exist yet.

    Raises:
        HostUnreachable: The host can't be reached.
        HostError: It does not answer in time, or its answers make no sense.
    """
    mark = f"sealer-{secrets.token_hex(16)}"
    script = observation_script(probes, data_root=data_root, mark=mark)
    sent = time.time()
    result = await connection.run_script(script, timeout=OBSERVATION_TIMEOUT)
    received = time.time()
    answers = read_answers(result.stdout, mark=mark)
    return read_facts(connection.host, answers, probes, sent=sent, received=received)


def observation_script(probes: Sequence[Probe], *, data_root: str, mark: str) -> str:
    """Return the script that asks all questions.

    Each answer stands between two lines that begin with the mark; as nobody can guess the mark, an answer may
    hold anything. A question that is no sh at all harms none but itself.
    """
    disk = {"disk": _DISK.format(root=shlex.quote(data_root))}
    probed = {probe.name: probe.script for probe in probes}
    return questions_script({**_CORE, **disk, **probed, **_ENDED}, mark=mark)


def questions_script(questions: Mapping[str, str], *, mark: str) -> str:
    """Return sh that asks questions, by name, so that ``read_answers`` can read its output."""
    parts = ["LC_ALL=C; export LC_ALL"]
    for name, script in questions.items():
        parts.append(f"printf '%s\\n' {shlex.quote(f'{mark} ask {name}')}")
        parts.append(f"( eval {shlex.quote(script)} ) 2>/dev/null")
        parts.append(f"printf '\\n%s %s\\n' {shlex.quote(f'{mark} end')} \"$?\"")
    return "\n".join(parts)


def read_answers(output: str, *, mark: str) -> dict[str, str]:
    """Take the answers out of what the script printed; those of questions that failed are left out.

    A final newline of an answer is dropped.
    """
    pattern = re.compile(
        rf"^{re.escape(mark)} ask ([^\n]*)\n(.*?)\n{re.escape(mark)} end (\d+)$", re.DOTALL | re.MULTILINE
    )
    return {match[1]: match[2].removesuffix("\n") for match in pattern.finditer(output) if match[3] == "0"}


def read_facts(
    host: str, answers: Mapping[str, str], probes: Sequence[Probe], *, sent: float, received: float
) -> Facts:
    """Make facts of the answers.

    The clock offset compares the middle of the host's own work with the middle of our waiting, so it is
    wrong by half the difference between the way there and the way back at most.

    Args:
        host: The host's name.
        answers: By the name of the question.
        probes: Whose answers go into ``Facts.answers``; a missing one is the empty text.
        sent: When the script was sent, in seconds since 1970.
        received: When its answers had come.

    Raises:
        HostError: An answer that every host can give is missing or makes no sense.
    """
    reader = _Reader(host, answers)
    began, ended = reader.instant("began"), reader.instant("ended")
    return Facts(
        hostname=reader.text("hostname"),
        platform=platform_of(reader.text("system"), reader.text("machine")),
        operating_system=_distribution(answers.get("release", "")),
        kernel=reader.text("kernel"),
        init=reader.text("init"),
        machine_id=answers.get("machine-id", "").strip(),
        clock_offset=(began + ended) / 2 - (sent + received) / 2,
        cpus=reader.number("cpus"),
        memory=reader.number("memory") * 1024,
        disk_free=reader.free_space("disk"),
        cgroup_version=reader.number("cgroup"),
        address=_own_address(answers.get("address", "")),
        answers={probe.name: answers.get(probe.name, "") for probe in probes},
    )


def platform_of(system: str, machine: str) -> Platform:
    """Return the OCI platform for what ``uname`` says; unknown machines keep their name."""
    architecture, variant = _OCI_ARCHITECTURES.get(machine, (machine, ""))
    return Platform(os=system.lower(), architecture=architecture, variant=variant)


def _own_address(answer: str) -> str:
    """Return an address that other hosts can use too, or the empty text."""
    try:
        address = ipaddress.ip_address(answer.strip())
    except ValueError:
        return ""
    return "" if address.is_loopback or address.is_link_local or address.is_unspecified else str(address)


def _distribution(release: str) -> str:
    """Return ``ID VERSION_ID`` of an os-release file, or what there is of them."""
    found: dict[str, str] = {}
    for line in release.splitlines():
        name, _, value = line.strip().partition("=")
        try:
            found[name] = "".join(shlex.split(value))
        except ValueError:
            continue
    return " ".join(found[name] for name in ("ID", "VERSION_ID") if found.get(name)) or "unknown"


class _Reader:
    """Reads answers of core's questions, or says which one makes no sense."""

    def __init__(self, host: str, answers: Mapping[str, str]) -> None:
        self._host = host
        self._answers = answers

    def text(self, name: str) -> str:
        answer = self._answers.get(name, "").strip()
        if not answer:
            raise self._nonsense(name, "no answer")
        return answer

    def number(self, name: str) -> int:
        answer = self.text(name)
        if re.fullmatch(r"[0-9]{1,18}", answer) is None:
            raise self._nonsense(name, answer)
        return int(answer)

    def instant(self, name: str) -> float:
        """Read seconds since 1970; where date knows no fractions the middle of the second is meant."""
        answer = self.text(name)
        match = re.match(r"([0-9]{1,12})(?:\.([0-9]{1,9})$)?", answer)
        if match is None:
            raise self._nonsense(name, answer)
        return int(match[1]) + (float(f"0.{match[2]}") if match[2] else 0.5)

    def free_space(self, name: str) -> int:
        """Read the free bytes off the last line of ``df -Pk``; names in it may hold blanks."""
        answer = self.text(name)
        match = re.search(r" [0-9]+ +[0-9]+ +([0-9]+) +[0-9]+% ", answer.splitlines()[-1])
        if match is None:
            raise self._nonsense(name, answer)
        return int(match[1]) * 1024

    def _nonsense(self, name: str, answer: str) -> HostError:
        shown = answer if len(answer) <= 80 else f"{answer[:80]}…"
        return HostError(
            f"the host could not be observed: its answer about its {name} makes no sense: {shown!r}",
            host=self._host,
            hint="the host needs sh and the usual POSIX tools (uname, date, df, sed), or busybox",
        )
