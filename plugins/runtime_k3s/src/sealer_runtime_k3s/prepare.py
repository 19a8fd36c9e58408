"""The step that makes a host ready for k3s: kernel, program, configuration, claims on what it will make."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import (
    Change,
    Cleanup,
    Copy,
    File,
    OwnedChains,
    OwnedLinks,
    OwnedPath,
    OwnedRoutes,
    OwnedRules,
    Symlink,
    Sysctl,
)
from sealer.model import Cluster, Host, Step, at
from sealer_runtime_k3s import fragments
from sealer_runtime_k3s.config import configuration, networks, parse_networks
from sealer_runtime_k3s.names import CONFIG, DATA, PROGRAM, images_directory
from sealer_runtime_k3s.units import environment_file

PREPARED = "k3s-prepared"

_PATHS = (
    "/etc/rancher",
    DATA,
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/etc/cni",
    "/var/log/pods",
    "/var/log/containers",
    "/usr/libexec/kubernetes",
    "/run/k3s",
    # Where shims have their sockets and runc its notes, whichever containerd starts them.
    "/run/containerd",
    "/run/flannel",
    "/run/netns",
    # containerd 2 has a socket for plugins of its own there.
    "/run/nri",
    "/run/xtables.lock",
    # kubectl keeps a cache there; what else is beside it stays.
    "/root/.kube/cache",
)
_LINKS = ("cni*", "veth*", "flannel*", "kube-*", "cali*", "cilium_*", "lxc*", "wg0")
_CHAINS = ("KUBE-", "CNI-", "FLANNEL-", "cali-", "CILIUM_")

# What the kubelet, kube-proxy and the CNI programs inside k3s write when they start.
_WRITTEN_SYSCTLS = (
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "net.ipv4.conf.all.forwarding",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.conf.default.forwarding",
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv6.conf.default.forwarding",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
)


def prepare_step(cluster: Cluster, host: Host) -> Step:
    """Return the step. It may be made while k3s runs: only its start reads what is written here.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    return Step(
        id=at("k3s/prepare", host.name),
        title="prepare for k3s",
        host=host.name,
        changes=(*_claims(cluster), *_files(cluster, host)),
        provides=(at(PREPARED, host.name),),
        requires=(at("rootfs", host.name),),
    )


def _claims(cluster: Cluster) -> Iterator[Change]:
    yield from (OwnedPath(path=path) for path in _PATHS)
    yield OwnedLinks(patterns=_LINKS)
    pods = tuple(str(network) for network in parse_networks(networks(cluster)[0]))
    yield OwnedRoutes(networks=pods)
    yield OwnedChains(prefixes=_CHAINS)
    # Older releases of flannel have no chains of their own.
    yield OwnedRules(networks=pods)
    yield from (Sysctl(name=name) for name in _WRITTEN_SYSCTLS)
    # Undone after the unit has been stopped, and before the claims are released.
    yield Cleanup(title="containers end with k3s", run=fragments.END_CONTAINERS)


def _files(cluster: Cluster, host: Host) -> Iterator[Change]:
    yield Copy(source=f"{cluster.rootfs}/bin/k3s", path=PROGRAM)
    for name in ("kubectl", "crictl", "ctr"):
        # A container runtime of its own brings crictl and ctr.
        if name == "kubectl" or cluster.container_runtime is None:
            yield Symlink(path=f"/usr/local/bin/{name}", target="k3s")
    yield File(path=CONFIG, content=configuration(cluster, host), mode=0o600)
    yield environment_file(cluster, host)
    # k3s imports each archive that is there when it starts; that the directory is missing is no error to it.
    yield Symlink(path=f"{DATA}/agent/images", target=images_directory(cluster))
