"""What a node of a Kubernetes cluster looks like, without what differs from one installation to the next.

Left out or made equal, because it is made by lot, by the clock, or by Kubernetes while it runs:

- keys, certificates and kubeconfigs: that they exist, with mode and owner, counts, and their contents do not;
- what containerd, etcd and the kubelet keep of running containers, and their logs;
- names of network links, scopes, slices and mounts of pods, and hardware addresses;
- which node got which network for pods, and on which of them pods like those of CoreDNS run;
- what the script in the pods of that network is doing at the moment;
- the chains of kube-proxy for addresses of pods, which come and go with them;
- the order in which one host was worked on for others, such as labelled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sealer.testing.lab import DEFAULT_IGNORED, Ignored, Kind, Node, Snapshot, snapshot
from tests.lab.operator import DATA

IGNORED = Ignored(
    trees=(
        *DEFAULT_IGNORED.trees,
        "/run/containerd",
        "/run/netns",
        "/var/lib/cni",
        "/var/lib/containerd",
        "/var/lib/etcd/member",
        "/var/lib/kubelet/pods",
        "/var/lib/kubelet/pki",
        "/var/log/containers",
        "/var/log/pods",
        "/root/.kube",
    ),
    contents=(
        *DEFAULT_IGNORED.contents,
        "/etc/cni/net.d",
        "/etc/containerd/certs.d",
        "/etc/kubernetes/pki",
        "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/controller-manager.conf",
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/scheduler.conf",
        "/var/lib/kubelet/cpu_manager_state",
        f"{DATA}/journal",
        f"{DATA}/registry",
    ),
)

_UNITS = r"cri-containerd-.*|kubepods.*|var-lib-kubelet-.*|run-(containerd|netns)-.*"

_PASSING = {
    Kind.UNIT: _UNITS,
    Kind.UNIT_FILE: _UNITS,
    Kind.MOUNT: r"/var/lib/kubelet/.*|/run/(containerd|netns)/.*",
    Kind.LINK: r"veth.*|cni0",
    Kind.ADDRESS: r"fe80:.*|.* cni0",
    Kind.ROUTE: r".*(fe80:|veth|100\.64\.).*",
    Kind.PROCESS: r"coredns|awk|chroot|env|ip|iptables.*|kubectl|sleep|timeout",
    Kind.SYSCTL: r"net/ipv[46]/(conf|neigh)/(veth.*|cni0)/.*",
    Kind.CGROUP: r"/kubepods.*",
    Kind.NAMESPACE: r"cni-.*",
}
"""What comes and goes with pods, by names."""

_CHAIN = re.compile(r"(\w+) :((?:KUBE|CNI)-[A-Z0-9-]+)")


def end_state(node: Node) -> Snapshot:
    """Return what is on a node, without what may differ."""
    found = snapshot(node, ignored=IGNORED)
    things = {
        kind: {
            re.sub(r"/journal/\d{6}-", "/journal/", name): _plain(kind, text)
            for name, text in names.items()
            if not re.fullmatch(_PASSING.get(kind, ""), name)
        }
        for kind, names in found.things.items()
    }
    for kind in (Kind.IPTABLES, Kind.IP6TABLES):
        things[kind] = _chains(things[kind])
    things[Kind.NFTABLES] = {}  # the same rules once more
    return Snapshot(found.node, things)


def _plain(kind: Kind, text: str) -> str:
    return re.sub(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", "MAC", text) if kind is Kind.LINK else text


def _chains(rules: Mapping[str, str]) -> dict[str, str]:
    """Return which chains there are, by table, without those for addresses of pods."""
    found = (_CHAIN.match(rule) for rule in rules)
    return {f"{match[1]} {match[2]}": "" for match in found if match and "KUBE-SEP-" not in match[2]}
