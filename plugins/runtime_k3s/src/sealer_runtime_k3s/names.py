"""Names and places that all parts of a k3s cluster agree on, from k3s' own defaults."""

from __future__ import annotations

from sealer.model import Cluster, Host

PROGRAM = "/usr/local/bin/k3s"
DATA = "/var/lib/rancher/k3s"
SETTINGS = "/etc/rancher/k3s"
CONFIG = f"{SETTINGS}/config.yaml"
REGISTRIES = f"{SETTINGS}/registries.yaml"
REGISTRY_AUTHORITY = f"{SETTINGS}/registry-ca.crt"
KUBECONFIG = f"{SETTINGS}/k3s.yaml"
KUBECTL = f"{PROGRAM} kubectl --kubeconfig {KUBECONFIG}"
"""How kubectl is called on the first master."""

ENVIRONMENT = f"{SETTINGS}/k3s.env"
"""Where the unit reads who begins the cluster, and where the others find it.

config.yaml says nothing of other hosts: no host has to start k3s again because one comes or goes.
"""

JOIN_TOKEN = f"{SETTINGS}/join-token"
"""The file an agent reads its token from: at every start, so it stays."""

SERVER_SECRET = f"{SETTINGS}/server-secret"
NODE_SECRET = f"{SETTINGS}/node-secret"
"""The files that all servers have their two passwords in: whoever knows the first may become a server."""

SERVER_TLS = f"{DATA}/server/tls"
ADMIN_KUBECONFIG = f"{DATA}/server/cred/admin.kubeconfig"
"""That of k3s itself: it leads to the API server and not to what listens in front of it."""

TOMBSTONE = f"{DATA}/server/db/etcd/tombstone"
"""What k3s leaves behind when the others have taken its member out of etcd."""

SOCKET = "/run/k3s/containerd/containerd.sock"
"""Of the containerd inside k3s."""

SERVER_UNIT = "k3s.service"
AGENT_UNIT = "k3s-agent.service"
UNITS = "/etc/systemd/system"
API_PORT = 6443


def unit(host: Host) -> str:
    """Return the name of the unit that k3s is on a host."""
    return SERVER_UNIT if host.is_master else AGENT_UNIT


def node_name(host: Host) -> str:
    """Return the name of a host's Node object."""
    return host.facts.hostname.lower()


def server_url(cluster: Cluster) -> str:
    """Return where hosts that join find the cluster; afterwards k3s knows all its servers by itself."""
    address = cluster.first_master.address
    return f"https://{f'[{address}]' if ':' in address else address}:{API_PORT}"


def images_directory(cluster: Cluster) -> str:
    """Return the directory of the image's own archives of container images, which each host imports."""
    return f"{cluster.rootfs}/k3s/images"
