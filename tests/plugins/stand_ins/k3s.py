"""Stands in for k3s.

What it knows was read off the help of k3s v1.21.2+k3s1, and seen to be taken by that program; what came later
is from k3s' documentation, with the minor release that brought it. Its first argument is the version to be.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.plugins.stand_ins import fail, kubectl, only, parsed, placed, read, tell, write

_NODE_WORDS = (
    "config log vmodule v node-name image-credential-provider-bin-dir image-credential-provider-config "
    "container-runtime-endpoint pause-image snapshotter private-registry resolv-conf flannel-iface "
    "flannel-conf lb-server-port token token-file server data-dir"
)
_NODE_LISTS = "node-label node-taint node-ip node-external-ip kubelet-arg kube-proxy-arg"
_NODE_SWITCHES = (
    "debug alsologtostderr with-node-id docker protect-kernel-defaults rootless selinux no-flannel"
)
_SERVER_WORDS = (
    "bind-address https-listen-port advertise-address advertise-port service-node-port-range cluster-domain "
    "flannel-backend write-kubeconfig write-kubeconfig-mode datastore-endpoint datastore-cafile "
    "datastore-certfile datastore-keyfile etcd-snapshot-name etcd-snapshot-schedule-cron "
    "etcd-snapshot-retention etcd-snapshot-dir etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-access-key "
    "etcd-s3-secret-key etcd-s3-bucket etcd-s3-region etcd-s3-folder default-local-storage-path agent-token "
    "agent-token-file cluster-reset-restore-path system-default-registry"
)
_SERVER_LISTS = (
    "tls-san cluster-cidr service-cidr cluster-dns kube-apiserver-arg kube-scheduler-arg "
    "kube-controller-manager-arg kube-cloud-controller-manager-arg disable no-deploy"
)
_SERVER_SWITCHES = (
    "etcd-expose-metrics etcd-disable-snapshots etcd-s3 etcd-s3-skip-ssl-verify disable-scheduler "
    "disable-cloud-controller disable-kube-proxy disable-network-policy cluster-init cluster-reset "
    "secrets-encryption"
)
_LATER = {"embedded-registry": (26, "switch", "server"), "disable-helm-controller": (22, "switch", "server")}

_TOKEN = re.compile(r"K10[0-9a-f]{64}::(?P<user>server|node):(?P<password>[^:\s]+)|(?P<plain>[^:\s]+)")
_ACCESS = {
    "auth": {"username", "password", "auth", "identity_token"},
    "tls": {"ca_file", "cert_file", "key_file", "insecure_skip_verify"},
}


def flags(command: str, minor: int) -> dict[str, str]:
    """Return the kind of each flag that a command has."""
    known = dict.fromkeys(_NODE_WORDS.split(), "word")
    known |= dict.fromkeys(_NODE_LISTS.split(), "list") | dict.fromkeys(_NODE_SWITCHES.split(), "switch")
    if command == "server":
        known |= dict.fromkeys(_SERVER_WORDS.split(), "word")
        known |= dict.fromkeys(_SERVER_LISTS.split(), "list")
        known |= dict.fromkeys(_SERVER_SWITCHES.split(), "switch")
    return known | {
        name: kind for name, (since, kind, where) in _LATER.items() if minor >= since and where == command
    }


def settings(command: str, minor: int) -> dict[str, Any]:
    """Return config.yaml, every key and every kind checked."""
    known = flags(command, minor)
    loaded = parsed(read("/etc/rancher/k3s/config.yaml", "config"))
    if not isinstance(loaded, dict):
        fail("config.yaml is no mapping")
    for key, value in loaded.items():
        name = str(key).removesuffix("+")
        kind = known.get(name) or fail(f"flag provided but not defined: -{name}")
        if kind == "switch" and not isinstance(value, bool):
            fail(f"invalid boolean value {value!r} for -{name}")
        if kind == "word" and isinstance(value, list | dict | bool):
            fail(f"invalid value {value!r} for -{name}")
        if kind == "list" and isinstance(value, dict | bool):
            fail(f"invalid value {value!r} for -{name}")
    return loaded


def words(value: object) -> list[str]:
    """Return the words of a setting that may be one or several."""
    given = value if isinstance(value, list) else [value]
    return [part for one in given for part in str(one).split(",")]


def token(path: str, user: str) -> str:
    """Return the password in a file with a token, checked."""
    match = _TOKEN.fullmatch(read(path, "token-file").strip())
    if match is None:
        fail("invalid token format")
    if match["user"] not in (None, user):
        fail(f"token is of {match['user']}, not of {user}")
    return match["password"] or match["plain"]


def check_addresses(found: Mapping[str, Any]) -> None:
    """Refuse addresses and networks that are none."""
    checks: dict[str, Callable[[str], object]] = {
        "node-ip": ipaddress.ip_address,
        "advertise-address": ipaddress.ip_address,
        "cluster-cidr": ipaddress.ip_network,
        "service-cidr": ipaddress.ip_network,
    }
    for key, check in checks.items():
        for word in words(found[key]) if key in found else ():
            try:
                check(word)
            except ValueError:
                fail(f"invalid {key} {word}")


def check_registries() -> list[str]:
    """Return the registries that are mirrored, every key of registries.yaml checked."""
    if not placed("/etc/rancher/k3s/registries.yaml").exists():
        return []
    loaded = parsed(read("/etc/rancher/k3s/registries.yaml", "registries"))
    only(loaded, {"mirrors", "configs"}, "registries.yaml")
    mirrored = loaded.get("mirrors") or {}
    for name, mirror in mirrored.items():
        only(mirror or {}, {"endpoint", "rewrite"}, f"mirrors.{name}")
        for endpoint in (mirror or {}).get("endpoint", ()):
            if not re.fullmatch(r"https?://[^/]+(/v2)?", endpoint):
                fail(f"invalid endpoint {endpoint}")
        for pattern, made in ((mirror or {}).get("rewrite") or {}).items():
            if not isinstance(made, str) or re.compile(pattern).groups < made.count("$"):
                fail(f"invalid rewrite {pattern}: {made}")
    for name, access in (loaded.get("configs") or {}).items():
        only(access, set(_ACCESS), f"configs.{name}")
        for part, keys in _ACCESS.items():
            only(access.get(part) or {}, keys, f"configs.{name}.{part}")
        authority = (access.get("tls") or {}).get("ca_file")
        if authority:
            read(authority, "ca_file")
    return sorted(mirrored)


def serve(command: str, minor: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Start as a server or an agent."""
    if arguments:
        fail(f"arguments: {arguments}")
    found = settings(command, minor)
    check_addresses(found)
    url = found.get("server") or os.environ.get("K3S_URL", "")
    begins = found.get("cluster-init") or os.environ.get("K3S_CLUSTER_INIT") == "true"
    if url and not re.fullmatch(r"https://(\[[0-9a-f:]+\]|[^/:]+):\d+", url):
        fail(f"only https:// URLs are supported: {url}")
    if command == "agent" and not url:
        fail("--server is required")
    if "token-file" not in found:
        fail("--token is required")
    password = token(str(found["token-file"]), "node" if command == "agent" else "server")
    if command == "server":
        if url and begins:
            fail("it can't both begin a cluster and join one")
        if not url and not begins and "datastore-endpoint" not in found:
            fail("it would keep the cluster in sqlite")
        if "agent-token-file" in found and token(str(found["agent-token-file"]), "node") == password:
            fail("agents could become servers")
    mirrored = check_registries()
    if found.get("embedded-registry") and not mirrored:
        fail("nothing is mirrored, so nothing is shared")
    leave_behind(command, str(found["token-file"]))
    return {"command": command, "url": url, "begins": bool(begins), "mirrors": mirrored, "settings": found}


def leave_behind(command: str, token_file: str) -> None:
    """Make what is there when it is ready."""
    made = {"/var/lib/rancher/k3s/agent/client-kubelet.crt": "certificate"}
    if command == "server":
        data = "/var/lib/rancher/k3s/server"
        made |= {
            "/etc/rancher/k3s/k3s.yaml": "kubeconfig",
            f"{data}/tls/server-ca.crt": "authority",
            f"{data}/tls/server-ca.key": "key",
            f"{data}/cred/passwd": f"{read(token_file, 'token').strip()},server,server,k3s:server\n",
            f"{data}/db/etcd/member/wal/0.wal": "",
        }
    write(made)


def snapshot(arguments: Sequence[str]) -> dict[str, Any]:
    """Keep a copy of etcd."""
    given = dict(word.lstrip("-").partition("=")[::2] for word in arguments[1:])
    if tuple(arguments[:1]) != ("save",) or set(given) != {"name", "dir"}:
        fail(f"etcd-snapshot {arguments}")
    Path(given["dir"], f"{given['name']}-n1-1600000000").write_text("etcd", encoding="utf-8")
    return {"command": "etcd-snapshot", **given}


def main(version: str, command: str, *arguments: str) -> None:
    """Be a k3s of this version."""
    minor = int(version.split(".")[1])
    if command in ("server", "agent"):
        told = serve(command, minor, arguments)
    elif command == "kubectl":
        told = kubectl.main(arguments)
    elif command == "etcd-snapshot":
        told = snapshot(arguments)
    elif command == "certificate" and minor >= 24 and arguments == ("rotate",):
        told = {"command": "certificate"}
    else:
        fail(f"No help topic for {command!r}")
    tell(told)


if __name__ == "__main__":
    main(*sys.argv[1:])
