"""The step that makes a host ready for kubeadm: kernel, swap, programs, the kubelet's unit, claims."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from sealer.changes import (
    Change,
    Copy,
    Directory,
    File,
    Module,
    OwnedChains,
    OwnedLinks,
    OwnedPath,
    OwnedRoutes,
    Sysctl,
    Unit,
)
from sealer.kubernetes import brings_script, image_script, script_path
from sealer.model import Cluster, Host, Step, at
from sealer_runtime_k8s import fragments
from sealer_runtime_k8s.balancer import endpoint_changes
from sealer_runtime_k8s.kubeadm import is_own_endpoint, made_paths, networks
from sealer_runtime_k8s.names import KUBELET_UNIT, MARK, PROGRAMS
from sealer_runtime_k8s.probes import ABSENT, AVAILABLE, module_state
from sealer_runtime_k8s.swap import swap_off

PREPARED = "kubernetes-prepared"

_SCRIPT = "init-kube.sh"
_AUDIT_POLICY = "statics/audit-policy.yml"
IMAGE_FILES = (script_path(_SCRIPT), _AUDIT_POLICY)
"""What an image made for the Go tool prepares hosts with."""

_PATHS = (
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "/var/lib/etcd",
    "/var/log/pods",
    "/var/log/containers",
    "/usr/libexec/kubernetes",
    "/run/kubernetes",
    "/run/xtables.lock",
    "/run/flannel",
    "/run/calico",
    "/var/lib/calico",
    "/run/cilium",
    # kubectl keeps a cache there; what else is beside it stays.
    "/root/.kube/cache",
)
_LINKS = (
    "cni*",
    "veth*",
    "flannel*",
    "cali*",
    "vxlan.calico",
    "cilium_*",
    "lxc*",
    "kube-*",
    "nodelocaldns",
)
_CHAINS = ("KUBE-", "CNI-", "FLANNEL-", "cali-", "CILIUM_")

# What the kubelet, kube-proxy and the CNI programs write when they start, from their sources.
_WRITTEN_SYSCTLS = (
    "kernel.keys.root_maxbytes",
    "kernel.keys.root_maxkeys",
    "kernel.panic",
    "kernel.panic_on_oops",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "net.ipv4.conf.all.arp_announce",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.vs.conn_reuse_mode",
    "net.ipv4.vs.conntrack",
    "net.ipv4.vs.expire_nodest_conn",
    "net.ipv4.vs.expire_quiescent_template",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
)


def prepare_step(cluster: Cluster, host: Host) -> Step:
    """Return the step.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    return Step(
        id=at("kubernetes/prepare", host.name),
        title="prepare for Kubernetes",
        host=host.name,
        changes=(
            *_claims(cluster, host),
            *_kernel(cluster, host),
            *_by_script(cluster, host),
            *_programs(cluster, host),
        ),
        provides=(at(PREPARED, host.name),),
        requires=(at("rootfs", host.name), *_before_script(cluster, host)),
        timeout=2400 if brings_script(cluster.image, _SCRIPT) else 900,
    )


def _before_script(cluster: Cluster, host: Host) -> Iterator[str]:
    """Yield what the image's script finds on a host, as with the Go tool."""
    if brings_script(cluster.image, _SCRIPT):
        if cluster.container_runtime is not None:
            yield at("container-runtime", host.name)
        if cluster.registry is not None:
            yield at("registry-access", host.name)


def _by_script(cluster: Cluster, host: Host) -> Iterator[Change]:
    """Yield what the image itself prepares: its script, and the rules of what API servers write down."""
    if brings_script(cluster.image, _SCRIPT):
        yield image_script(cluster, host, _SCRIPT)
    policy = cluster.image.files.get(_AUDIT_POLICY)
    if policy is not None and host.is_master:
        yield File(path="/etc/kubernetes/audit-policy.yml", content=policy, mode=0o600)


def _claims(cluster: Cluster, host: Host) -> Iterator[Change]:
    # kube-proxy mounts it, which would make it where the kernel has no modules.
    yield Directory(path="/lib/modules")
    yield from (OwnedPath(path=path) for path in _PATHS)
    if host.is_master:
        made = (path for path in made_paths(cluster) if not _is_claimed(path))
        yield from (OwnedPath(path=path, shared=True) for path in made)
    yield OwnedLinks(patterns=_LINKS)
    yield OwnedRoutes(networks=tuple(str(network) for network in networks(cluster).pods))
    yield OwnedChains(prefixes=_CHAINS)
    yield from (Sysctl(name=name) for name in _WRITTEN_SYSCTLS)


def _is_claimed(path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(claimed) for claimed in _PATHS)


def _kernel(cluster: Cluster, host: Host) -> Iterator[Change]:
    """Yield modules, parameters and swap. A module that the kernel has built in is left alone."""
    states = {module: module_state(host, module) for module in fragments.MODULES}
    wanted = [module for module, state in states.items() if state != ABSENT]
    yield from (Module(name=module) for module, state in states.items() if state == AVAILABLE)
    if wanted:
        text = "# Written by Sealer.\n" + "".join(f"{module}\n" for module in wanted)
        yield File(path="/etc/modules-load.d/sealer-kubernetes.conf", content=text)
    sysctls = {"net.ipv4.ip_forward": "1"}
    if "br_netfilter" in wanted:
        sysctls["net.bridge.bridge-nf-call-iptables"] = "1"
        sysctls["net.bridge.bridge-nf-call-ip6tables"] = "1"
    if any(network.version == 6 for network in networks(cluster).pods):
        sysctls["net.ipv6.conf.all.forwarding"] = "1"
    yield from (Sysctl(name=name, value=value) for name, value in sysctls.items())
    lines = "".join(f"{name} = {value}\n" for name, value in sysctls.items())
    yield File(path="/etc/sysctl.d/90-sealer-kubernetes.conf", content=f"# Written by Sealer.\n{lines}")
    yield swap_off()


def _programs(cluster: Cluster, host: Host) -> Iterator[Change]:
    for name in ("kubeadm", "kubelet", "kubectl", "crictl"):
        yield Copy(source=f"{cluster.rootfs}/bin/{name}", path=f"{PROGRAMS}/{name}")
    yield Unit(name=KUBELET_UNIT, content=kubelet_unit(cluster.name), running=False)
    if is_own_endpoint(cluster):
        yield from endpoint_changes(cluster, host, cluster.masters)


def kubelet_unit(cluster: str) -> str:
    """Return the kubelet's unit, whole: kubeadm's packages split it into a unit and a drop-in."""
    return f"""\
{MARK}{cluster}
[Unit]
Description=kubelet: the Kubernetes node agent
Documentation=https://kubernetes.io/docs/
After=network-online.target containerd.service docker.service cri-docker.service
StartLimitIntervalSec=0

[Service]
Environment="KUBELET_KUBECONFIGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
EnvironmentFile=-/etc/sysconfig/kubelet
ExecStart={PROGRAMS}/kubelet $KUBELET_KUBECONFIGS --config=/var/lib/kubelet/config.yaml \
$KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""
