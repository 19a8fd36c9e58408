"""The file system all nodes share below their disks: a small Debian server, made once and cached."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from sealer.testing.lab.cache import cache_directory, locked
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.programs import require_programs, require_root, run

SUITE = "bookworm"

PACKAGES = (
    "ca-certificates", "conntrack", "curl", "dbus", "ebtables", "ethtool", "gzip", "hostname", "iproute2",
    "ipset", "iptables", "iputils-ping", "kmod", "less", "mount", "netcat-openbsd", "nftables",
    "openssh-client", "openssh-server", "procps", "rsync", "socat", "sudo", "systemd", "systemd-sysv", "tar",
    "util-linux", "wget", "xz-utils", "zstd",
)  # fmt: skip
"""What an administrator finds on a plain server. Nothing an installer of clusters brings along, and no
Python: whatever drives the nodes must do without."""

MASKED_UNITS = (
    "apt-daily-upgrade.timer", "apt-daily.timer", "console-getty.service", "dev-hugepages.mount",
    "dev-mqueue.mount", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
    "getty.target", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "systemd-modules-load.service",
    "systemd-remount-fs.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
)  # fmt: skip
"""Units that need hardware or the whole kernel, and timers that would change a node behind a test's back."""

_FILES = {
    "etc/ssh/sshd_config.d/lab.conf": "PermitRootLogin yes\nPasswordAuthentication yes\nUseDNS no\n",
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nReadKMsg=no\nSystemMaxUse=64M\n",
}


def root_stamp() -> str:
    """Return the version of the root: it changes with the suite, the packages and the fixed files."""
    parts = (SUITE, *PACKAGES, "-", *MASKED_UNITS, "-", *(f"{k}={v}" for k, v in sorted(_FILES.items())))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def ensure_root() -> Path:
    """Return the directory of the nodes' root, building it when it is missing or out of date.

    A build takes one to three minutes and fetches about 80 MB from the Debian mirror that apt is configured
    with. It happens beside the final place and is renamed into it; a second process waits for the first.

    Raises:
        LabError: Not root, ``debootstrap`` is missing, apt knows no mirror of the suite, or the build failed.
    """
    top = cache_directory() / "lab" / "root"
    ready = top / root_stamp()
    if ready.is_dir():
        return ready
    require_root()
    require_programs(("debootstrap", "unshare", "chroot"))
    with locked(top / ".lock"):
        if not ready.is_dir():
            for rest in top.glob(".building-*"):
                shutil.rmtree(rest)
            building = Path(tempfile.mkdtemp(prefix=".building-", dir=top))
            _build(building, log=top / "build.log")
            building.chmod(0o755)
            building.rename(ready)
    return ready


def _build(root: Path, *, log: Path) -> None:
    """Fill an empty directory with the root."""
    debootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)]
    # In mount and pid namespaces of its own, whatever an interrupted build leaves behind is gone with it.
    apart = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    result = run([*apart, *debootstrap, debian_mirror()], check=False, timeout=None)
    log.write_text(result.stdout + result.stderr)
    if result.returncode != 0:
        lines = (result.stdout + result.stderr).strip().splitlines()
        raise LabError(f"debootstrap failed: {lines[-1] if lines else 'no output'}", place=str(log))
    for pattern in ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*_*", "etc/ssh/ssh_host_*"):
        for path in root.glob(pattern):
            path.unlink()
    (root / "etc/machine-id").write_text("")
    for unit in MASKED_UNITS:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def debian_mirror() -> str:
    """Return the address of the Debian mirror that this machine's apt uses for the suite.

    Raises:
        LabError: apt is configured with none, even after an update of its lists.
    """
    template = "$(REPO_URI) $(SUITE) $(CODENAME)"
    for update in (False, True):
        if update:
            run(["apt-get", "update", "-qq"], check=False, timeout=300)
        for line in run(["apt-get", "indextargets", "--format", template]).stdout.splitlines():
            address, *names = line.split()
            if SUITE in names:
                return address
    raise LabError(f"apt is configured with no mirror of Debian {SUITE}")
