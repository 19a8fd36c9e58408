"""A Clusterfile for a cluster that exists, from what its API server says of its nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sealer.cluster.launching import Asking
from sealer.clusterfile import Clusterfile, ClusterSpec, HostSpec
from sealer.errors import SealerError
from sealer.model import MASTER, NODE

_NODES = "kubectl get nodes -o json --request-timeout=20s"
_ROLE = "node-role.kubernetes.io/"
_CONTROL_PLANE = frozenset({"master", "control-plane", "controlplane"})
_OWN_TAINTS = frozenset({"node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"})
_OWN_LABEL = re.compile(r"(?:.*\.)?k(?:ubernete|8)s\.io/.*")  # which a cluster sets by itself


async def clusterfile_of(cluster: Asking, *, name: str, image: str | None) -> Clusterfile:
    """Return a Clusterfile that describes the nodes of a cluster: addresses, roles, labels, taints.

    Args:
        cluster: The cluster.
        name: What it is to be called.
        image: The cluster image that it is to be of.

    Raises:
        SealerError: The cluster can't be asked, or a node has no address.
    """
    try:
        nodes = json.loads(await cluster.ask(_NODES))["items"]
        hosts = sorted((_host(node) for node in nodes), key=lambda host: not host.is_master)
    except (ValueError, KeyError, TypeError) as error:
        raise SealerError(
            "what the API server says of its nodes can't be understood",
            hint="look at it by hand: kubectl get nodes -o json",
        ) from error
    return Clusterfile(cluster=ClusterSpec(name=name, image=image, hosts=tuple(hosts)))


def _host(node: Mapping[str, Any]) -> HostSpec:
    metadata, status, spec = node["metadata"], node["status"], node["spec"]
    addresses = {item["type"]: item["address"] for item in status.get("addresses", ())}
    address = addresses.get("InternalIP") or addresses.get("Hostname")
    if not address:
        raise SealerError(
            f"node {metadata['name']} has no address",
            hint="wait until the node has reported one: kubectl get nodes -o wide",
        )
    labels = metadata.get("labels", {})
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)}
    own = sorted(roles - _CONTROL_PLANE - {NODE, "worker"})
    first = MASTER if roles & _CONTROL_PLANE else NODE
    return HostSpec(
        address=address,
        roles=(first, *own),
        labels={key: value for key, value in labels.items() if not _OWN_LABEL.fullmatch(key)},
        taints=tuple(
            f"{taint['key']}={taint['value']}:{taint['effect']}"
            if taint.get("value")
            else f"{taint['key']}:{taint['effect']}"
            for taint in spec.get("taints", ())
            if taint["key"] not in _OWN_TAINTS and not taint["key"].startswith("node.kubernetes.io/")
        ),
    )
