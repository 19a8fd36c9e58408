"""Names and places that all parts of a kubeadm cluster agree on."""

from __future__ import annotations

from sealer.model import Cluster, Host

PROGRAMS = "/usr/bin"
"""Where kubeadm's own packages put its programs; sudo finds them there on every distribution."""

API_DOMAIN = "apiserver.cluster.local"
API_PORT = 6443
ADMIN_KUBECONFIG = "/etc/kubernetes/admin.conf"
KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf"
KUBELET_UNIT = "kubelet.service"
KUBELET_UNIT_PATH = f"/etc/systemd/system/{KUBELET_UNIT}"
MARK = "# Written by Sealer for the cluster "
"""How our unit's first line begins; the cluster's name follows."""


def directory(cluster: Cluster) -> str:
    """Return the directory, on each host, of our own files about kubeadm."""
    return f"{cluster.data}/kubeadm"


def node_name(cluster: Cluster, host: Host) -> str:
    """Return the name of a host's Node object: its host name, or its address when the user wants that."""
    if cluster.env_of(host).get("UseIPasNodeName", "").lower() == "true":
        return host.address
    return host.facts.hostname.lower()


def environment() -> dict[str, str]:
    """Return the environment of steps that call kubectl on the first master."""
    return {"KUBECONFIG": ADMIN_KUBECONFIG}
