"""Names and places that all parts of a k0s cluster agree on, from k0s' own defaults."""

from __future__ import annotations

from sealer.model import Cluster, Host

PROGRAM = "/usr/local/bin/k0s"
KUBECTL_PROGRAM = "/usr/local/bin/kubectl"
DATA = "/var/lib/k0s"
RUN = "/run/k0s"
SETTINGS = "/etc/k0s"
CONFIG = f"{SETTINGS}/k0s.yaml"
KUBECONFIG = f"{DATA}/pki/admin.conf"
KUBECTL = f"{PROGRAM} kubectl --kubeconfig {KUBECONFIG}"
"""How kubectl is called on a controller."""

JOIN_TOKEN = f"{SETTINGS}/join-token"
"""The file a host that joins reads its token from; once it has joined, the token is of no use any more."""

JOIN_ENVIRONMENT = f"{SETTINGS}/join.env"
"""Where a controller's unit reads that it is to join others: the unit is the same on all of them."""

CONTAINERD_CONFIG = f"{SETTINGS}/containerd.toml"
CONTAINERD_DROP_IN = f"{SETTINGS}/containerd.d/sealer.toml"
MIRRORS = f"{SETTINGS}/certs.d"
REGISTRY_AUTHORITY = f"{SETTINGS}/registry-ca.crt"
SOCKET = f"{RUN}/containerd.sock"
"""Of the containerd inside k0s."""

CONTROLLER_UNIT = "k0scontroller.service"
WORKER_UNIT = "k0sworker.service"
"""The names that k0s gives them itself."""

UNITS = "/etc/systemd/system"


def unit(host: Host) -> str:
    """Return the name of the unit that k0s is on a host."""
    return CONTROLLER_UNIT if host.is_master else WORKER_UNIT


def node_name(host: Host) -> str:
    """Return the name of a host's Node object."""
    return host.facts.hostname.lower()


def images_directory(cluster: Cluster) -> str:
    """Return the directory of the image's own archives of container images, which each host imports."""
    return f"{cluster.rootfs}/k0s/images"
