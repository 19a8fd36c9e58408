"""How long kubeadm waits for things: fields that v1beta4 of its configuration has moved."""

from __future__ import annotations

from typing import Any

from sealer.model import Cluster
from sealer_runtime_k8s.documents import asked, offered

CONTROL_PLANE = "controlPlaneComponentHealthCheck"
"""In ``timeouts`` since v1beta4; ``apiServer.timeoutForControlPlane`` of the ClusterConfiguration before."""

DISCOVERY = "discovery"
"""In ``timeouts`` since v1beta4; ``discovery.timeout`` of the JoinConfiguration before."""


def timeouts(cluster: Cluster, kind: str) -> dict[str, Any]:
    """Return what image and user, whose word counts more, say of a kind's time-outs in v1beta4's words.

    Args:
        cluster: The cluster.
        kind: ``InitConfiguration`` or ``JoinConfiguration``.
    """
    result: dict[str, Any] = {}
    for documents in (offered, asked):
        server = documents(cluster, "ClusterConfiguration").get("apiServer") or {}
        own = documents(cluster, kind)
        found = {
            CONTROL_PLANE: server.get("timeoutForControlPlane"),
            DISCOVERY: (own.get("discovery") or {}).get("timeout"),
        }
        result |= {name: value for name, value in found.items() if value is not None}
        result |= own.get("timeouts") or {}
    return result
