"""Room and rights on the file systems that a cluster writes to."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.changes import quote
from sealer.cluster.checks.answers import answer, number, read_pairs
from sealer.cluster.checks.given import Given
from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity

SUBJECT = "storage"

FEWEST_INODES = 20_000
"""Files of an image and of the containers that run first."""

_STATE = "/var/lib"
_WRITTEN = ("/etc", "/var", "/usr/local")

INODES = "core/inodes"
FREE = "core/free-state"
ROOT = "core/data-root"

_NEAREST = 'd=$1; while [ ! -d "$d" ]; do d=${d%/*}; d=${d:-/}; done'

MOUNTS = Probe(
    name="core/mounts",
    script="""\
options() {
  point=$(df -P "$1" | awk 'NR == 2 { print $NF }')
  awk -v point="$point" '$2 == point { found = $4 } END { print found }' /proc/self/mounts
}
for path in /tmp /var /etc /usr/local; do
  if [ -d "$path" ]; then
    if [ -w "$path" ]; then rights=writable; else rights=read-only; fi
    echo "$path $rights,$(options "$path")"
  fi
done""",
)
"""Prints a line ``PATH writable|read-only,OPTIONS`` for some directories."""


def _inodes_probe(data_root: str) -> Probe:
    script = f"""set -- {quote(data_root)}; {_NEAREST}; df -Pi "$d" | awk 'END {{ print $2, $4 }}'"""
    return Probe(name=INODES, script=script)


def _free_probe(data_root: str) -> Probe:
    """Return the question for the free KiB where services keep their state.

    It prints them, and whether the data root is on the same file system: ``shared`` or ``apart``.
    """
    script = f"""\
set -- {quote(data_root)}; {_NEAREST}
df -Pk {_STATE} "$d" | awk 'NR == 2 {{ point = $NF; free = $4 }}
  NR == 3 {{ print free, ($NF == point) ? "shared" : "apart" }}'"""
    return Probe(name=FREE, script=script)


def _root_probe(data_root: str) -> Probe:
    """Return the question what stands in the way on the path of the data root."""
    return Probe(
        name=ROOT,
        script=f"""\
set -- {quote(data_root)}
path=$1
while [ -n "$path" ]; do
  if [ -L "$path" ]; then echo "link $path"; fi
  if [ -e "$path" ] && [ ! -d "$path" ]; then echo "file $path"; fi
  if [ -d "$path" ]; then
    case $(stat -c %A "$path") in *x | *t) ;; *) echo "closed $path" ;; esac
  fi
  path=${{path%/*}}
done
{_NEAREST}
point=$(df -P "$d" | awk 'NR == 2 {{ print $NF }}')
awk -v point="$point" '$2 == point {{ found = $4 }} END {{ print "options", found }}' /proc/self/mounts
if [ -w "$d" ]; then echo "writable $d"; else echo "read-only $d"; fi""",
    )


class DiskSpace(Check):
    """Layers are sent, unpacked and run from the data root; images say how large they become."""

    id = "disk-space"
    title = "there is room for the image"
    subject = SUBJECT
    needs_image = True

    def __init__(self, given: Given) -> None:
        self._rooms = given.rooms

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with too little free space."""
        for host in cluster.hosts:
            wanted = self._rooms[host.name].data
            if host.facts.disk_free < wanted:
                yield self.finding(
                    host.name,
                    found=f"{_bytes(host.facts.disk_free)} free at {cluster.data_root}",
                    wanted=f"{_bytes(wanted)} for this image",
                    mend=f"free space, or choose another place for {cluster.data_root} (spec.dataRoot)",
                )


class ContainerSpace(Check):
    """Container runtimes unpack container images where services keep their state."""

    id = "container-space"
    title = "there is room for the containers"
    subject = SUBJECT
    severity = Severity.WARNING
    needs_image = True

    def __init__(self, given: Given) -> None:
        self._rooms = given.rooms
        self._probe = _free_probe(given.data_root)

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the free space."""
        return (self._probe,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host that could not hold all container images of the image."""
        for host in cluster.hosts:
            words = (answer(host, self._probe) or "").split()
            free = number(words[0]) if words else None
            if free is None:
                yield self.not_checked(host.name)
                continue
            room = self._rooms[host.name]
            shared = words[1:] == ["shared"]
            wanted = room.containers + (room.data if shared else 0)
            if room.containers and free * 1024 < wanted:
                beside = f", beside {_bytes(room.data)} for its files" if shared else ""
                yield self.finding(
                    host.name,
                    found=f"{_bytes(free * 1024)} free at {_STATE}",
                    wanted=f"{_bytes(room.containers)}, if the host runs all container images of this image"
                    f"{beside}",
                    mend=f"free space at {_STATE}",
                )


class Inodes(Check):
    """A file system can be full of files while there is space."""

    id = "inodes"
    title = "there is room for more files"
    subject = SUBJECT

    def __init__(self, given: Given) -> None:
        self._probe = _inodes_probe(given.data_root)

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for free inodes."""
        return (self._probe,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with few; file systems without a fixed number say 0 of 0."""
        for host in cluster.hosts:
            words = (answer(host, self._probe) or "").split()
            numbers = [number(word) for word in words]
            if len(numbers) != 2 or None in numbers:
                yield self.not_checked(host.name, "the file system does not say how many files it can hold")
                continue
            total, free = numbers
            if total and (free or 0) < FEWEST_INODES:
                yield self.finding(
                    host.name,
                    found=f"room for {free} more files at {cluster.data_root} (inodes)",
                    wanted=f"{FEWEST_INODES} or more",
                    mend="remove small files that nobody needs: df -i and find show where",
                )


class DataRoot(AnswerCheck):
    """Programs run from the data root, and tools follow no links on the way there."""

    id = "data-root"
    title = "the data root can hold programs"
    subject = SUBJECT

    def __init__(self, given: Given) -> None:
        self._root = given.data_root

    @property
    def probe(self) -> Probe:
        """The question what stands in the way."""
        return _root_probe(self._root)

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding for each thing that stands in the way."""
        for line in answer.splitlines():
            yield from self._judge_line(host, *line.partition(" ")[::2])

    def _judge_line(self, host: Host, kind: str, what: str) -> Iterable[Finding]:
        elsewhere = "or choose another place (spec.dataRoot)"
        match kind:
            case "link":
                yield self.finding(
                    host.name,
                    found=f"{what} is a symbolic link",
                    wanted=f"{self._root} without links on the way",
                    mend=f"mount the other place there (mount --bind), {elsewhere}",
                )
            case "file":
                yield self.finding(
                    host.name,
                    found=f"{what} is no directory",
                    wanted=f"directories on the way to {self._root}",
                    mend=f"move it away, {elsewhere}",
                )
            case "closed":
                yield self.finding(
                    host.name,
                    found=f"only root may go through {what}",
                    wanted="a way that others may go: containers don't run as root only",
                    mend=f"chmod o+x {what}, {elsewhere}",
                )
            case "options" if "noexec" in what.split(","):
                yield self.finding(
                    host.name,
                    found=f"the file system of {self._root} is mounted noexec",
                    wanted="one that programs can run from",
                    mend=f"mount -o remount,exec it, {elsewhere}",
                )
            case "read-only":
                yield self.finding(
                    host.name,
                    found=f"{what} can't be written",
                    wanted=f"a place for {self._root} that can be written",
                    mend=f"mount -o remount,rw it, {elsewhere}",
                )


class Writable(AnswerCheck):
    """Units, settings and state are written to the usual directories."""

    id = "read-only"
    title = "/etc, /var and /usr/local can be written"
    subject = SUBJECT
    strict = "an installation writes there"
    probe = MOUNTS

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if one of them can't be written."""
        said = read_pairs(answer)
        closed = [path for path in _WRITTEN if {"read-only", "ro"} & set(said.get(path, "").split(","))]
        if closed:
            yield self.finding(
                host.name,
                found=f"read-only: {', '.join(closed)}",
                wanted="directories that can be written",
                mend="mount -o remount,rw them; what went read-only by itself is broken: see dmesg",
            )


class TemporaryPrograms(AnswerCheck):
    """Installers unpack programs to /tmp and run them there."""

    id = "tmp-exec"
    title = "programs can run from /tmp"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = MOUNTS

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if /tmp is mounted noexec."""
        said = read_pairs(answer)
        if "/tmp" not in said:  # noqa: S108  # a question about it, no use of it
            yield self.not_checked(host.name)
        elif "noexec" in said["/tmp"].split(","):  # noqa: S108
            yield self.finding(
                host.name,
                found="/tmp is mounted noexec",  # noqa: S108
                wanted="programs can run from it: commands of applications may unpack some there",
                mend="mount -o remount,exec /tmp, or see that no application needs it",
            )


def _bytes(count: int) -> str:
    """Write a size so that two sizes of the same order can be told apart."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
