"""A cluster as it is: its hosts, its nodes, and the administrator's way in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from sealer.cluster.install import Prepared, prepare_again
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, reach
from sealer.cluster.state import require_state
from sealer.errors import HostError, SealerError
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.operation.records import ClusterRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A cluster as it is.

    Attributes:
        request: What is remembered of it.
        operation: The newest operation, with ``done``, ``aborted`` or None when it is open; None when none is
            on record.
        hosts: Why a host can't be reached, or "" when it can, by address.
        nodes: What the API server says of each node, or None when it doesn't answer.
    """

    request: Request
    operation: tuple[str, str | None] | None
    hosts: Mapping[str, str]
    nodes: tuple[Mapping[str, Any], ...] | None


async def status(context: Context, records: ClusterRecords) -> Status:
    """Ask the hosts and the API server how they are.

    Raises:
        SealerError: Nothing is known of the cluster.
    """
    request = require_state(records)
    prepared = prepare_again(context, request)
    operations = records.operations()
    async with reach(context, request.clusterfile.cluster, Redactor()) as connections:
        unreachable = {
            host: str(found) if isinstance(found, HostError) else "" for host, found in connections.items()
        }
        nodes = await _nodes(prepared, connections)
    return Status(
        request=request,
        operation=(operations[-1].id, operations[-1].history().finished) if operations else None,
        hosts=unreachable,
        nodes=nodes,
    )


async def _nodes(prepared: Prepared, connections: Connections) -> tuple[Mapping[str, Any], ...] | None:
    """Return what the API server says, by the first master that gets an answer."""
    for master in prepared.cluster.masters:
        connection = connections[master.name]
        if not isinstance(connection, HostError):
            nodes = await _nodes_by(prepared, connection)
            if nodes is not None:
                return nodes
    return None


async def _nodes_by(prepared: Prepared, connection: Connection) -> tuple[Mapping[str, Any], ...] | None:
    path = prepared.parts.runtime.kubeconfig_path(prepared.cluster)
    script = (
        f'PATH="{prepared.cluster.rootfs}/bin:$PATH"\n'
        f"kubectl --kubeconfig '{path}' get nodes -o json --request-timeout=20s"
    )
    try:
        result = await connection.run_script(script, timeout=60)
        return tuple(json.loads(result.stdout)["items"]) if result.succeeded else None
    except (HostError, ValueError, KeyError):
        return None


async def kubeconfig(context: Context, records: ClusterRecords) -> str:
    """Return the administrator's kubeconfig, pointing to the address of the first master that can be reached.

    Raises:
        HostError: No master can be reached, or it has none.
        SealerError: It is no kubeconfig.
    """
    request = require_state(records)
    prepared = prepare_again(context, request)
    async with reach(context, request.clusterfile.cluster, Redactor()) as connections:
        masters = [(master.address, connections[master.name]) for master in prepared.cluster.masters]
        reached = [(address, found) for address, found in masters if not isinstance(found, HostError)]
        if not reached:
            raise next(found for _, found in masters if isinstance(found, HostError))
        address, connection = reached[0]
        text = await connection.read_file(prepared.parts.runtime.kubeconfig_path(prepared.cluster))
    return point_to(text.decode(), address)


def point_to(text: str, address: str) -> str:
    """Return a kubeconfig whose servers are at another address, on the port they had.

    Names inside the cluster, which only its hosts resolve, are of no use elsewhere.

    Raises:
        SealerError: The text is no kubeconfig.
    """
    try:
        content = yaml.safe_load(text)
        for entry in content["clusters"]:
            scheme, _, rest = entry["cluster"]["server"].partition("://")
            port = rest.rpartition(":")[2]
            host = f"[{address}]" if ":" in address else address
            entry["cluster"]["server"] = f"{scheme}://{host}:{port}"
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SealerError("what the first master keeps as kubeconfig is none") from error
    return yaml.safe_dump(content, sort_keys=False)
