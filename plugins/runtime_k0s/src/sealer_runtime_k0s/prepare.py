"""The step that makes a host ready for k0s: program, accounts, configuration, claims on what it will make."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import (
    Change,
    Cleanup,
    Command,
    Copy,
    File,
    OwnedChains,
    OwnedLinks,
    OwnedPath,
    OwnedRoutes,
    Sysctl,
    User,
)
from sealer.model import Cluster, Host, Step, at
from sealer_runtime_k0s import containerd, fragments
from sealer_runtime_k0s.config import accounts, configuration, is_worker, networks
from sealer_runtime_k0s.names import (
    CONFIG,
    DATA,
    KUBECONFIG,
    KUBECTL_PROGRAM,
    PROGRAM,
    RUN,
    SETTINGS,
    images_directory,
)

PREPARED = "k0s-prepared"

_PATHS = (
    SETTINGS,
    DATA,
    RUN,
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/etc/cni",
    "/opt/cni",
    "/opt/containerd",
    # Where shims have their sockets and runc its notes, whichever containerd starts them.
    "/run/containerd",
    "/var/lib/kube-router",
    "/var/lib/calico",
    "/run/calico",
    "/run/flannel",
    "/run/netns",
    # containerd 2 has a socket for plugins of its own there.
    "/run/nri",
    "/run/xtables.lock",
    "/var/log/pods",
    "/var/log/containers",
    "/usr/libexec/k0s",
    # kubectl keeps a cache there; what else is beside it stays.
    "/root/.kube/cache",
)
_LINKS = ("cni*", "veth*", "flannel*", "kube-*", "tun-*", "cali*", "vxlan.calico", "cilium_*", "lxc*", "wg0")
_CHAINS = ("KUBE-", "CNI-", "FLANNEL-", "cali-", "CILIUM_")

# What k0s, the kubelet, kube-proxy and the network programs write when they start.
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

# k0s 1.20 refuses to be kubectl where the administrator's file is missing, whichever file it is told to read.
_KUBECTL = f"""\
#!/bin/sh
# Written by Sealer.
export KUBECONFIG="${{KUBECONFIG:-{KUBECONFIG}}}"
exec {PROGRAM} kubectl "$@"
"""


def prepare_step(cluster: Cluster, host: Host) -> Step:
    """Return the step. It may be made while k0s runs: only its start reads what is written here.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    return Step(
        id=at("k0s/prepare", host.name),
        title="prepare for k0s",
        host=host.name,
        changes=(*_claims(cluster), *_files(cluster, host)),
        provides=(at(PREPARED, host.name),),
        requires=(at("rootfs", host.name),),
    )


def _claims(cluster: Cluster) -> Iterator[Change]:
    yield from (OwnedPath(path=path) for path in _PATHS)
    yield OwnedLinks(patterns=_LINKS)
    yield OwnedRoutes(networks=tuple(str(network) for network in networks(cluster)[0]))
    yield OwnedChains(prefixes=_CHAINS)
    yield from (Sysctl(name=name) for name in _WRITTEN_SYSCTLS)
    # Undone after the unit has been stopped, and before the claims are released.
    yield Cleanup(title="containers end with k0s", run=fragments.END_CONTAINERS)


def _files(cluster: Cluster, host: Host) -> Iterator[Change]:
    yield Copy(source=f"{cluster.rootfs}/bin/k0s", path=PROGRAM)
    yield File(path=KUBECTL_PROGRAM, content=_KUBECTL, mode=0o755)
    if host.is_master:
        yield from (User(name=name) for name in accounts(cluster))
        yield File(path=CONFIG, content=configuration(cluster, host), mode=0o600)
    if is_worker(cluster, host) and cluster.container_runtime is None:
        yield from containerd.prepared(cluster, host)
        source = images_directory(cluster)
        # k0s imports what is there when it starts. Undone with the directory, which is claimed.
        yield Command(
            title="container images that k0s imports",
            run=fragments.link_images(source),
            unless=fragments.images_are_linked(source),
        )
