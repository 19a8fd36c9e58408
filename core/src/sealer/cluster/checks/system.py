"""The system that the hosts run: init, programs, limits, processor."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.cluster.checks.answers import answer, number
from sealer.cluster.checks.given import Given
from sealer.model import AnswerCheck, Check, Cluster, Finding, Host, Probe, Severity

SUBJECT = "system"

PROGRAMS = ("tar", "gzip", "sha256sum", "od", "awk", "find", "stat", "cmp", "comm", "systemctl")
"""What changes are made with."""

_KERNEL_PROGRAMS = ("mount", "umount", "modprobe")
_FEWEST_FILES = 4096
_X86_64_V2 = ("cx16", "lahf_lm", "pni", "popcnt", "sse4_1", "sse4_2", "ssse3")
"""The flags in /proc/cpuinfo of the psABI's micro-architecture level 2; pni is SSE3."""


def _missing(name: str, programs: Iterable[str]) -> Probe:
    words = " ".join(programs)
    return Probe(
        name=name,
        script=f'for p in {words}; do command -v "$p" >/dev/null || echo "$p"; done; echo end',
    )


MISSING_PROGRAMS = _missing("core/missing-programs", PROGRAMS)
MISSING_KERNEL_PROGRAMS = _missing("core/missing-kernel-programs", _KERNEL_PROGRAMS)

OPEN_FILES = Probe(name="core/open-files", script="ulimit -H -n")
"""Prints how many files a process may open at most, or ``unlimited``."""

CPU_FLAGS = Probe(name="core/cpu-flags", script="sed -n '/^flags/{s/^[^:]*: *//p;q;}' /proc/cpuinfo")
"""Prints the features of the first processor; the kernel names them so on x86 only."""

KERNEL_TREES = Probe(
    name="core/kernel-trees",
    script="""\
if [ -r /proc/self/mountinfo ]; then echo "proc readable"; fi
if [ -w /proc/sys/net/ipv4/conf/all/forwarding ]; then echo "sysctl writable"; fi
if [ -d /sys/class/net ]; then echo "sys readable"; fi
echo end""",
)


class InitSystem(Check):
    """Services are units of systemd, and nothing is done on hosts with OpenRC or sysvinit."""

    id = "init-system"
    title = "systemd is the init system"
    subject = SUBJECT
    strict = "services of a cluster are units of systemd"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host with another init system."""
        for host in cluster.hosts:
            if host.facts.init != "systemd":
                yield self.finding(
                    host.name,
                    found=f"its init system is {host.facts.init}",
                    wanted="systemd",
                    mend="install a system with systemd there; if the host has systemd too, boot with it:"
                    " init=/lib/systemd/systemd",
                )


class Programs(AnswerCheck):
    """Changes are made with a few standard programs."""

    id = "host-programs"
    title = "standard programs are there"
    subject = SUBJECT
    strict = "every change to a host is made with them"
    probe = MISSING_PROGRAMS

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host lacks some."""
        missing = [program for program in PROGRAMS if program in answer.split()]
        if missing:
            yield self.finding(
                host.name,
                found=f"missing programs: {', '.join(missing)}",
                wanted="all of them",
                mend="install them with the system's package manager",
            )


class KernelPrograms(AnswerCheck):
    """Container runtimes mount file systems and load kernel modules by programs of the host."""

    id = "kernel-programs"
    title = "mount, umount and modprobe are in the PATH"
    subject = SUBJECT
    probe = MISSING_KERNEL_PROGRAMS

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host lacks one; a missing modprobe alone is a warning."""
        missing = [program for program in _KERNEL_PROGRAMS if program in answer.split()]
        if missing:
            yield self.finding(
                host.name,
                found=f"missing programs: {', '.join(missing)}",
                wanted="all of them",
                mend="install the packages mount and kmod, or what the system calls them",
                severity=Severity.WARNING if missing == ["modprobe"] else Severity.ERROR,
            )


class KernelTrees(AnswerCheck):
    """The kernel is asked and set up by the files below /proc and /sys."""

    id = "proc"
    title = "/proc and /sys are there, and settings can be written"
    subject = SUBJECT
    strict = "the kernel is set up by writing there"
    probe = KERNEL_TREES

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host lacks some of it."""
        wanted = {
            "proc readable": "/proc",
            "sysctl writable": "/proc/sys, writable",
            "sys readable": "/sys",
        }
        missing = [what for line, what in wanted.items() if line not in answer.splitlines()]
        if missing:
            yield self.finding(
                host.name,
                found=f"not there: {'; '.join(missing)}",
                wanted="a host that is a machine, or a container with a machine's privileges",
                mend="mount them, writable; a container needs to be started as privileged",
            )


class OpenFiles(AnswerCheck):
    """Servers of a cluster keep thousands of files and connections open."""

    id = "open-files"
    title = "processes may open many files"
    subject = SUBJECT
    severity = Severity.WARNING
    probe = OPEN_FILES

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if the host has a low limit."""
        limit = number(answer)
        if limit is None:
            if answer != "unlimited":
                yield self.not_checked(host.name)
        elif limit < _FEWEST_FILES:
            yield self.finding(
                host.name,
                found=f"a process of root may open {limit} files (ulimit -Hn)",
                wanted=f"{_FEWEST_FILES} or more",
                mend="raise nofile in /etc/security/limits.conf, and DefaultLimitNOFILE of systemd",
            )


class Architecture(Check):
    """The image's programs must be for the host's processor."""

    id = "architecture"
    title = "the image fits the architecture"
    subject = SUBJECT
    strict = "the image's programs can't run on another processor"
    needs_image = True

    def __init__(self, given: Given) -> None:
        self._platforms = given.platforms

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose image is for another platform."""
        for host in cluster.hosts:
            image, own = self._platforms[host.name], host.facts.platform
            if (image.os, image.architecture) != (own.os, own.architecture):
                yield self.finding(
                    host.name,
                    found=f"it is {own}, the image {image}",
                    wanted="an image for the host's platform",
                    mend=f"build or pull {cluster.image.reference} for {own}",
                )


class CpuFeatures(Check):
    """Many container images are built for x86-64-v2, and end with an illegal instruction on less."""

    id = "cpu-features"
    title = "the processor has what x86-64-v2 asks for"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the processor's features."""
        return (CPU_FLAGS,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each x86-64 host that lacks some."""
        for host in cluster.hosts:
            if host.facts.platform.architecture != "amd64":
                continue
            flags = answer(host, CPU_FLAGS)
            if flags is None:
                yield self.not_checked(host.name)
                continue
            missing = [flag for flag in _X86_64_V2 if flag not in flags.split()]
            if missing:
                yield self.finding(
                    host.name,
                    found=f"the processor has no {', '.join(missing)}",
                    wanted="x86-64-v2, for which many container images are built",
                    mend="let the hypervisor pass the processor through (cpu model host), or use a newer one",
                )
