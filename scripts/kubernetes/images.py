"""The container images of a cluster, each with what its program needs and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from docker_archive import write_image
from steps import BuildError, Steps

# The tags that kubeadm 1.20 asks for. What Debian has of etcd and what stands in for CoreDNS go by them.
_REPOSITORY = "k8s.gcr.io"
_PAUSE, _ETCD, _COREDNS = "pause:3.2", "etcd:3.4.13-0", "coredns:1.7.0"
_BUSYBOX = "docker.io/library/busybox:1.35"

PACKAGES_WITH_LIBRARIES = ("conntrack", "dash", "iproute2", "ipset", "iptables")
PACKAGES = ("busybox-static", "etcd-client", "etcd-server")

_NETFILTER = (
    "/usr/sbin/xtables-nft-multi",
    "/usr/sbin/xtables-legacy-multi",
    "/usr/sbin/ipset",
    "/usr/sbin/conntrack",
    "/usr/sbin/ip",
)
_NETFILTER_NAMES = (
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
    "ebtables",
)


class Images:
    """Makes the images of one version.

    Args:
        steps: Runs programs.
        programs: The directory with the compiled programs.
        debian: The directory with unpacked Debian packages, a merged /usr.
        helpers: The directory of this file, for the files that go into images.
        version: The version of Kubernetes.
        architecture: As Debian names it.
    """

    def __init__(
        self, steps: Steps, *, programs: Path, debian: Path, helpers: Path, version: str, architecture: str
    ) -> None:
        self._steps = steps
        self._programs = programs
        self._debian = debian
        self._helpers = helpers
        self._version = version
        self._architecture = architecture

    def write(self, output: Path) -> None:
        """Write every image as an archive into a directory."""
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            root = self._base(output, name)
            shutil.copy(self._programs / name, root / "usr/local/bin")
            self._archive(output, name, f"{_REPOSITORY}/{name}:{self._version}", root)
        self._write_kube_proxy(output)
        root = self._base(output, "etcd")
        self._copy(root, ["/usr/bin/etcd", "/usr/bin/etcdctl", "/bin/sh"])
        self._archive(output, "etcd", f"{_REPOSITORY}/{_ETCD}", root)
        for name, program, reference in (("pause", "pause", _PAUSE), ("coredns", "clusterdns", _COREDNS)):
            root = self._base(output, name)
            shutil.copy(self._programs / program, root / name)
            self._archive(output, name, f"{_REPOSITORY}/{reference}", root, {"Entrypoint": [f"/{name}"]})
        self._write_busybox(output)
        shutil.rmtree(output / ".roots")

    def _write_kube_proxy(self, output: Path) -> None:
        root = self._base(output, "kube-proxy")
        shutil.copy(self._programs / "kube-proxy", root / "usr/local/bin/kube-proxy.real")
        shutil.copy(self._helpers / "kube-proxy.sh", root / "usr/local/bin/kube-proxy")
        (root / "usr/local/bin/kube-proxy").chmod(0o755)
        extensions = [
            f"/{path.relative_to(self._debian)}" for path in self._debian.glob("usr/lib/*/xtables/*.so")
        ]
        if not extensions:
            raise BuildError("the iptables package has no extensions")
        self._copy(root, ["/bin/sh", *_NETFILTER, *sorted(extensions)])
        for name in _NETFILTER_NAMES:
            (root / "usr/sbin" / name).symlink_to("xtables-nft-multi")
        self._archive(output, "kube-proxy", f"{_REPOSITORY}/kube-proxy:{self._version}", root)

    def _write_busybox(self, output: Path) -> None:
        root = self._base(output, "busybox")
        self._copy(root, ["/bin/busybox"])
        for applet in self._steps.run([root / "bin/busybox", "--list"]).split():
            if applet != "busybox":
                (root / "bin" / applet).symlink_to("busybox")
        self._archive(output, "busybox", _BUSYBOX, root, {"Cmd": ["sh"]})

    def _base(self, output: Path, name: str) -> Path:
        """Return a fresh root with the few files that programs expect anywhere."""
        root = output / ".roots" / name
        for directory in (
            "etc",
            "run",
            "tmp",
            "usr/bin",
            "usr/sbin",
            "usr/lib",
            "usr/lib64",
            "usr/local/bin",
            "var",
        ):
            (root / directory).mkdir(parents=True, exist_ok=True)
        (root / "tmp").chmod(0o1777)
        for directory in ("bin", "sbin", "lib", "lib64"):
            (root / directory).symlink_to(f"usr/{directory}")
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
        return root

    def _copy(self, root: Path, files: Sequence[str]) -> None:
        """Copy files out of the Debian packages, with the libraries they are linked with."""
        for name in files:
            for needed in (name, *self._libraries(name)):
                target = root / needed.lstrip("/")
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(_resolve(self._debian, needed), target)

    def _libraries(self, name: str) -> list[str]:
        """Return the libraries of a program, its loader too, as the loader itself finds them."""
        loaders = sorted(self._debian.glob("usr/lib*/ld-linux*.so*"))
        loader = f"/{loaders[0].relative_to(self._debian)}"
        listing = ["chroot", str(self._debian), loader, "--list", name]
        try:
            text = self._steps.run(listing)
        except BuildError:
            # Not linked with anything.
            return []
        return re.findall(r"(/\S+) \(0x", text)

    def _archive(
        self, output: Path, name: str, reference: str, root: Path, config: dict[str, object] | None = None
    ) -> None:
        write_image(
            output / f"{name}.tar",
            reference=reference,
            root=root,
            architecture=self._architecture,
            config=config,
        )


def _resolve(root: Path, name: str) -> Path:
    """Follow the links of a path as a program inside ``root`` would."""
    path = root / name.lstrip("/")
    while path.is_symlink():
        target = path.readlink()
        path = root / str(target).lstrip("/") if target.is_absolute() else path.parent / target
    return path
