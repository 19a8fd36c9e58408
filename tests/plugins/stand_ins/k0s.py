"""Stands in for k0s.

What it knows was read off the help and the types of k0s v1.20.6+k0s.0, and seen to be taken by that program;
what came later is from k0s' documentation, with the minor release that brought it. Its first argument is the
version to be.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.plugins.stand_ins import fail, kubectl, only, options, parsed, placed, read, tell, write

_WORKER = {"config", "cri-socket", "kubelet-extra-args", "labels", "logging", "profile", "token-file"}
_CONTROLLER = {*_WORKER, "enable-worker", "enable-cloud-provider", "single"}
_LATER = {"no-taints": 23, "feature-gates": 25}
_LATER_ANYWHERE = {"ignore-pre-flight-checks": 24}
"""Of controllers, with the minor release that brought them."""

_SPEC: dict[str, set[str]] = {
    "api": {"address", "externalAddress", "extraArgs", "k0sApiPort", "port", "sans"},
    "controllerManager": {"extraArgs"},
    "scheduler": {"extraArgs"},
    "storage": {"type", "etcd", "kine"},
    "network": {"provider", "podCIDR", "serviceCIDR", "dualStack", "calico", "kuberouter"},
    "podSecurityPolicy": {"defaultPolicy"},
    "telemetry": {"enabled", "interval"},
    "installConfig": {"users"},
    "images": {
        "konnectivity", "metricsserver", "kubeproxy", "coredns", "calico", "kuberouter", "repository",
        "default_pull_policy",
    },
    "extensions": {"helm"},
    "konnectivity": {"adminPort", "agentPort"},
}  # fmt: skip
_DATA = "/var/lib/k0s"
_TOKEN = "token-of-a"
"""How one begins; the real ones are kubeconfigs."""


def settings(path: str, minor: int) -> dict[str, Any]:
    """Return ``spec`` of k0s.yaml, every key checked."""
    loaded = parsed(read(path, "config"))
    only(loaded, {"apiVersion", "kind", "metadata", "spec"}, "k0s.yaml")
    if not str(loaded["apiVersion"]).startswith("k0s.k0sproject.io/v1beta1"):
        fail(f"apiVersion {loaded['apiVersion']}")
    spec: dict[str, Any] = loaded["spec"]
    only(spec, {*_SPEC, "workerProfiles"}, "spec")
    for name, keys in _SPEC.items():
        balanced = {"nodeLocalLoadBalancing"} if name == "network" and minor >= 26 else set()
        only(spec.get(name) or {}, keys | balanced, f"spec.{name}")
    if spec["storage"]["type"] not in ("etcd", "kine"):
        fail(f"storage type {spec['storage']['type']}")
    return spec


def token(path: str, role: str) -> None:
    """Refuse a token for the other role, or none."""
    found = read(path, "token-file").strip()
    if not re.fullmatch(rf"{_TOKEN}-{role}-\d+", found):
        fail(f"{found!r} is no token for a {role}")


def check_containerd() -> None:
    """Refuse settings of containerd that can't be read."""
    directory = placed("/etc/k0s")
    for file in (
        *directory.glob("containerd*"),
        *directory.glob("containerd.d/*"),
        *directory.glob("certs.d/*/*"),
    ):
        if file.is_file():
            try:
                tomllib.loads(file.read_text(encoding="utf-8"))
            except tomllib.TOMLDecodeError as error:
                fail(f"{file.name}: {error}")


def serve(command: str, minor: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Start as a controller or a worker."""
    given, plain = options(arguments, set())
    releases = _LATER_ANYWHERE | (_LATER if command == "controller" else {})
    later = {name for name, since in releases.items() if minor >= since}
    unknown = set(given) - (_CONTROLLER if command == "controller" else _WORKER) - later
    if unknown or plain:
        fail(f"unknown flag: --{', '.join(sorted(unknown))} {plain}")
    works = command == "worker" or "enable-worker" in given
    socket = given.get("cri-socket", "")
    if socket and not re.fullmatch(r"remote:unix:///\S+", socket):
        fail(f"invalid --cri-socket {socket}")
    if works:
        check_containerd()
    files = {f"{_DATA}/kubelet.conf": "kubeconfig"} if works else {}
    spec: dict[str, Any] = {}
    if command == "controller":
        spec = settings(given.get("config", ""), minor)
        joined = placed(f"{_DATA}/pki/ca.key").exists()
        if "token-file" in given and not joined:
            token(given["token-file"], "controller")
        files |= {f"{_DATA}/pki/{name}": name for name in ("ca.key", "sa.key", "admin.conf")}
        files[f"{_DATA}/etcd/member/snap/db"] = ""
    elif not placed(f"{_DATA}/kubelet.conf").exists():
        token(given.get("token-file", ""), "worker")
        # Of its balancer, which the control plane tells it to have.
        files["/proc/net/tcp6"] = f"   0: {'0' * 24}01000000:1D13 {'0' * 32}:0000 0A 0\n"
    write(files)
    return {"command": command, "flags": given, "spec": spec}


def make_token(arguments: Sequence[str], minor: int) -> dict[str, Any]:
    """Print a token for a role."""
    given, plain = options(arguments, set())
    configured = {"config"} if minor <= 23 else set()
    if plain != ["create"] or set(given) != {"role", "expiry"} | configured:
        fail(f"token {arguments}")
    print(f"{_TOKEN}-{given['role']}-1")
    return {"command": "token", **given}


def ask_etcd(arguments: Sequence[str], minor: int) -> dict[str, Any]:
    """Answer of members, or let one leave."""
    given, plain = options(arguments, set())
    configured = {"config"} if minor <= 23 else set()
    wanted = {"leave": {"peer-address"}, "member-list": set[str]()}.get(plain[0] if plain else "")
    if wanted is None or len(plain) != 1 or set(given) != wanted | configured:
        fail(f"etcd {arguments}")
    gone = placed("left")
    if plain[0] == "leave":
        with gone.open("a", encoding="utf-8") as file:
            file.write(f"{given['peer-address']}\n")
    else:
        left = gone.read_text(encoding="utf-8").split() if gone.exists() else []
        staying = [address for number in (1, 2, 3) if (address := f"10.0.0.{number}") not in left]
        print({"members": {address: f"https://{address}:2380" for address in staying}})
    return {"command": "etcd", "verb": plain[0], **given}


def back_up(arguments: Sequence[str]) -> dict[str, Any]:
    """Keep what a controller can be made of again."""
    given, plain = options(arguments, set())
    if plain or set(given) != {"save-path"}:
        fail(f"backup {arguments}")
    Path(given["save-path"], "k0s_backup.tar.gz").write_text("backup", encoding="utf-8")
    return {"command": "backup", **given}


def main(version: str, command: str, *arguments: str) -> None:
    """Be a k0s of this version."""
    minor = int(version.split(".")[1])
    if command in ("controller", "worker"):
        told = serve(command, minor, arguments)
    elif command == "kubectl":
        told = kubectl.main(arguments)
    elif command == "token":
        told = make_token(arguments, minor)
    elif command == "etcd":
        told = ask_etcd(arguments, minor)
    elif command == "backup" and minor >= 21:
        told = back_up(arguments)
    else:
        fail(f"unknown command {command!r} for k0s")
    tell(told)


if __name__ == "__main__":
    main(*sys.argv[1:])
