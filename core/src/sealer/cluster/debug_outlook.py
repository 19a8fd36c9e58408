"""What looking into nodes and pods would make, and remove: told without doing it."""

from __future__ import annotations

from collections.abc import Sequence

from sealer.cluster.debug_pods import (
    CONTAINER,
    Debugging,
    add_container,
    copy_pod,
    make_pod,
    node_pod,
    remove_pod,
    require_name,
    with_image,
)
from sealer.cluster.debugging import known_images, opened_pods, to_clean
from sealer.cluster.launching import Asking
from sealer.cluster.outlook import Outlook, PlannedChange, PlannedStep
from sealer.cluster.request import Request
from sealer.cluster.session import Context
from sealer.cluster.state import require_state
from sealer.model import at
from sealer.operation.records import ClusterRecords

DEBUG = "debug"
"""What looking into nodes and pods is called in plans."""

NEW = "sealer-debug-ID"
"""What stands for the name of a pod that is not made yet."""

_EACH_TIME = "it is made anew each time"


def look_at_node(
    context: Context, records: ClusterRecords, node: str, wanted: Debugging
) -> tuple[Outlook, Debugging]:
    """Say what looking into a node would make, and with which image; no host is reached for that.

    Raises:
        SealerError: The cluster is not known here, or there is no such image.
    """
    request, wanted = _with_image(context, records, wanted)
    script = make_pod(node_pod(NEW, node, wanted))
    return _outlook(request, f"look into node {node}", (script,), _EACH_TIME), wanted


def look_at_pod(
    context: Context, records: ClusterRecords, pod: str, wanted: Debugging, *, target: str, copy: bool
) -> Outlook:
    """Say what looking into a pod would make; no host is reached for that.

    Raises:
        SealerError: The cluster is not known here, there is no such image, or the name is none.
    """
    require_name(pod, "pod")
    request, wanted = _with_image(context, records, wanted)
    script = copy_pod(pod, NEW, wanted) if copy else add_container(pod, target, CONTAINER, wanted)
    return _outlook(request, f"look into pod {pod}", (script,), _EACH_TIME)


async def look_at_cleaning(asking: Asking, identities: Sequence[str]) -> Outlook:
    """Say which pods would be removed.

    Raises:
        UsageError: There is no such pod.
    """
    found = to_clean(await opened_pods(asking), identities)
    scripts = [remove_pod(namespace, identity) for identity, namespace in found.items()]
    return _outlook(asking.prepared.request, "remove pods for looking", scripts, "it is there")


def _with_image(context: Context, records: ClusterRecords, wanted: Debugging) -> tuple[Request, Debugging]:
    request = require_state(records)
    return request, with_image(wanted, lambda: known_images(context, request))


def _outlook(request: Request, title: str, scripts: Sequence[str], reason: str) -> Outlook:
    """Return what would be done as one step on the first master, by way of which it is done."""
    spec = request.clusterfile.cluster
    host = spec.masters[0].address
    changes = tuple(PlannedChange(change=script, reason=reason) for script in scripts)
    return Outlook(
        verb=DEBUG,
        cluster=spec.name,
        image=request.image.reference,
        hosts=(host,),
        steps=(PlannedStep(step=at(DEBUG, host), title=title, host=host, changes=changes),),
    )
