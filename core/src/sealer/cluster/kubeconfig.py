"""The administrator's way into a cluster: its kubeconfig, for use from anywhere."""

from __future__ import annotations

import yaml

from sealer.cluster.install import prepare_again
from sealer.cluster.session import Context, reach
from sealer.cluster.state import require_state
from sealer.errors import HostError, SealerError
from sealer.hosts.secret import Redactor
from sealer.model import bracketed
from sealer.operation.records import ClusterRecords


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
            entry["cluster"]["server"] = f"{scheme}://{bracketed(address)}:{port}"
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SealerError(
            "what the first master keeps as kubeconfig is none",
            hint="look at that file by hand on the first master",
        ) from error
    return yaml.safe_dump(content, sort_keys=False)
