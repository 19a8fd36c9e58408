"""The ports of Kubernetes: who listens on them, and who connects."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import Cluster, Traffic
from sealer_runtime_k8s.names import API_PORT

KUBELET_PORT = 10250
MASTER_PORTS = (API_PORT, 2379, 2380, KUBELET_PORT, 10257, 10259)
NODE_PORTS = (KUBELET_PORT,)


def traffic(cluster: Cluster) -> Iterable[Traffic]:
    """Return the connections between hosts; those of pods depend on the network that the image brings."""
    everyone = tuple(host.name for host in cluster.hosts)
    masters = tuple(host.name for host in cluster.masters)
    yield Traffic(purpose="API server", port=API_PORT, sources=everyone, targets=masters)
    yield Traffic(purpose="kubelet", port=KUBELET_PORT, sources=masters, targets=everyone)
    yield Traffic(purpose="etcd for its clients", port=2379, sources=masters, targets=masters)
    yield Traffic(purpose="etcd for its peers", port=2380, sources=masters, targets=masters)
