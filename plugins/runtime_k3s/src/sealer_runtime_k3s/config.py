"""The texts of k3s' files: its configuration, its unit, its mirrors of registries."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from sealer.errors import PlanError
from sealer.kubernetes import remote_endpoint
from sealer.model import Cluster, ContainerImage, Host, RegistryEndpoint
from sealer_runtime_k3s.names import (
    JOIN_TOKEN,
    MARK,
    NODE_SECRET,
    PROGRAM,
    REGISTRY_AUTHORITY,
    SERVER_SECRET,
    node_name,
    server_url,
)

DOCUMENT = "K3sConfig"
DEFAULT_PODS = "10.42.0.0/16"
DEFAULT_SERVICES = "10.43.0.0/16"
"""k3s' own networks, which many take for granted."""

_JOINED = frozenset({"tls-san"})
_OURS = frozenset(
    {"server", "token", "token-file", "agent-token", "agent-token-file", "node-name", "node-ip"}
)
"""What tells one host from another, or is secret: not the user's to say."""

# Of k3s 1.21 to 1.36 (`k3s agent --help`); all else would stop an agent from starting.
_AGENT_KEYS = frozenset(
    [
        "airgap-extra-registry",
        "alsologtostderr",
        "bind-address",
        "container-runtime-endpoint",
        "data-dir",
        "debug",
        "default-runtime",
        "disable-apiserver-lb",
        "disable-default-registry-endpoint",
        "docker",
        "enable-pprof",
        "flannel-cni-conf",
        "flannel-conf",
        "flannel-iface",
        "image-credential-provider-bin-dir",
        "image-credential-provider-config",
        "image-service-endpoint",
        "kube-proxy-arg",
        "kubelet-arg",
        "lb-server-port",
        "log",
        "node-external-ip",
        "node-label",
        "node-taint",
        "nonroot-devices",
        "pause-image",
        "prefer-bundled-bin",
        "private-registry",
        "protect-kernel-defaults",
        "resolv-conf",
        "rootless",
        "selinux",
        "snapshotter",
        "v",
        "vmodule",
        "vpn-auth-file",
        "with-node-id",
    ]
)


def configuration(cluster: Cluster, host: Host) -> str:
    """Return config.yaml of a host: what is computed, with the user's ``K3sConfig`` documents laid over it.

    Raises:
        PlanError: The documents or the environment ask for what can't work.
    """
    settings = _computed(cluster, host)
    for key, value in _users(cluster).items():
        if not host.is_master and key not in _AGENT_KEYS:
            continue
        if key in _JOINED:
            settings[key] = list(dict.fromkeys([*settings.get(key, ()), *_as_list(value)]))
        else:
            settings[key] = value
    return "# Written by Sealer.\n" + yaml.safe_dump(
        settings, sort_keys=False, allow_unicode=True, width=sys.maxsize
    )


def _computed(cluster: Cluster, host: Host) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "node-name": node_name(host),
        "node-ip": str(ipaddress.ip_address(host.address)),
    }
    first = host.name == cluster.first_master.name
    if host.is_master:
        pods, services = networks(cluster)
        names = [master.address for master in cluster.masters]
        for master in cluster.masters:
            wanted = cluster.env_of(master).get("CertSANs", "").split(",")
            names += [name.strip() for name in wanted if name.strip()]
        settings |= {
            "advertise-address": settings["node-ip"],
            "tls-san": list(dict.fromkeys(names)),
            "cluster-cidr": pods,
            "service-cidr": services,
            "write-kubeconfig-mode": "0600",
            "agent-token-file": NODE_SECRET,
        }
        # Members of etcd can be added to a cluster that began with one; sqlite has no members.
        settings |= {"cluster-init": True, "token-file": SERVER_SECRET} if first else {}
    if not first:
        settings |= {"server": server_url(cluster), "token-file": JOIN_TOKEN}
    sandbox = sandbox_image(cluster.image.container_images)
    if sandbox is not None:
        settings["pause-image"] = sandbox
    if cluster.container_runtime is not None:
        settings["container-runtime-endpoint"] = remote_endpoint(cluster.container_runtime, "k3s")
        settings["kubelet-arg"] = [f"cgroup-driver={cluster.container_runtime.cgroup_driver}"]
    return settings


def tunnel_port(cluster: Cluster) -> int | None:
    """Return the UDP port by which hosts send packets of pods, or None when k3s opens none for that.

    It depends on ``flannel-backend`` (https://docs.k3s.io/networking/basic-network-options).
    """
    backend = _text(_users(cluster).get("flannel-backend", "vxlan"))
    return {"vxlan": 8472, "wireguard-native": 51820}.get(backend)


def networks(cluster: Cluster) -> tuple[str, str]:
    """Return the networks of pods and of services, each in CIDR notation, or two with a comma.

    Raises:
        PlanError: A setting is no network, or two overlap.
    """
    env = cluster.env_of(cluster.first_master)
    user = _users(cluster)
    pods = _text(user.get("cluster-cidr")) or env.get("PodCIDR") or DEFAULT_PODS
    services = _text(user.get("service-cidr")) or env.get("SvcCIDR") or DEFAULT_SERVICES
    for pod in parse_networks(pods):
        for service in parse_networks(services):
            if pod.version == service.version and pod.overlaps(service):
                raise PlanError(
                    f"the network of pods {pod} overlaps that of services {service}",
                    hint="set PodCIDR and SvcCIDR to networks that are apart",
                )
    return pods, services


def parse_networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Read networks that are separated by commas.

    Raises:
        PlanError: One is none.
    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise PlanError(f"{text!r} is no network: {error}", hint="write it as 10.42.0.0/16") from error


def sandbox_image(images: Iterable[ContainerImage]) -> str | None:
    """Return the pause image among those packed, or None: then k3s takes the one it knows."""
    names = (image.image for image in images)
    found = {name for name in names if "pause" in name.rpartition("/")[2].partition(":")[0].split("-")}
    return max(found, default=None)


def registries(registry: RegistryEndpoint, domains: Iterable[str]) -> str:
    """Return registries.yaml: names of these domains are pulled from the cluster's registry.

    It holds a secret. The key ``rewrite`` is k3s' own, since v1.21.0+k3s1
    (https://docs.k3s.io/installation/private-registry).
    """
    mirrors = {
        domain: {
            "endpoint": [f"https://{registry.netloc}"],
            "rewrite": {"^(.*)$": f"{domain.replace(':', '_')}/$1"},
        }
        for domain in sorted(set(domains) - {registry.netloc})
    }
    access = {
        "auth": {"auth": str(registry.credentials)},
        "tls": {"ca_file": REGISTRY_AUTHORITY},
    }
    # JSON is YAML in which every text is quoted: what a value will be can't be read as anything else.
    settings = {"mirrors": mirrors, "configs": {registry.netloc: access}}
    return f"# Written by Sealer.\n{json.dumps(settings, indent=2, ensure_ascii=False)}\n"


def unit_text(cluster: str, *, server: bool) -> str:
    """Return the unit of a server or an agent. Containers outlive a restart of it."""
    return f"""\
{MARK}{cluster}
[Unit]
Description=k3s: Kubernetes, {"control plane and node" if server else "node"}
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target containerd.service

[Service]
Type={"notify" if server else "exec"}
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart={PROGRAM} {"server" if server else "agent"}
Delegate=yes
KillMode=process
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def _users(cluster: Cluster) -> dict[str, Any]:
    """Return the settings of the user's documents, the later ones winning.

    Raises:
        PlanError: They set what is not theirs.
    """
    result: dict[str, Any] = {}
    for document in cluster.documents:
        if document.get("kind") != DOCUMENT:
            continue
        spec = document.get("spec") or {}
        if not isinstance(spec, Mapping):
            raise PlanError(f"spec of a {DOCUMENT} is no mapping", hint="write the keys of k3s' config.yaml")
        refused = sorted(_OURS.intersection(spec))
        if refused:
            raise PlanError(
                f"{DOCUMENT} sets {', '.join(refused)}, which Sealer sets for each host",
                hint="leave it away",
            )
        result |= spec
    return result


def _as_list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _text(value: object) -> str:
    return ",".join(_as_list(value)) if value else ""
