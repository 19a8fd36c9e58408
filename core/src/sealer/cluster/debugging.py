"""Looking into nodes and pods of a cluster, from containers with images of the cluster's registry."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sealer.cluster.debug_pods import (
    CONTAINER,
    LABEL,
    Debugging,
    add_container,
    copy_pod,
    end_container,
    images_of,
    make_pod,
    node_pod,
    remove_pod,
    require_name,
    run_in,
    wait_for_container,
    with_image,
)
from sealer.cluster.install import prepare_again
from sealer.cluster.launching import Asking, prelude
from sealer.cluster.pipeline import launch_site
from sealer.cluster.request import Request
from sealer.cluster.session import Context, reach
from sealer.cluster.state import require_state
from sealer.errors import HostError, SealerError, UsageError
from sealer.hosts.connection import LineSink
from sealer.hosts.secret import Redactor
from sealer.operation.records import ClusterRecords

_WITHOUT_EPHEMERAL = ("ephemeral containers are disabled", "the server could not find the requested resource")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A container to look from.

    Attributes:
        pod: The name of its pod.
        namespace: Of the pod.
        container: Its name.
        removable: Whether it can be removed; containers that were added to a pod stay as long as the pod.
        exit_status: Of the command that was run, or None when there was none.
    """

    pod: str
    namespace: str
    container: str
    removable: bool
    exit_status: int | None = None


@asynccontextmanager
async def at_a_master(context: Context, records: ClusterRecords) -> AsyncIterator[Asking]:
    """Reach the first master that can be reached.

    Raises:
        SealerError: None can, or the cluster is not known here.
    """
    request = require_state(records)
    prepared = prepare_again(context, request)
    site = launch_site(prepared.cluster, prepared.parts, prepared.cluster.rootfs)
    masters = tuple(host for host in request.clusterfile.cluster.hosts if host.is_master)
    spec = replace(request.clusterfile.cluster, hosts=masters)
    async with reach(context, spec, Redactor()) as connections:
        for connection in connections.values():
            if not isinstance(connection, HostError):
                yield Asking(prepared=prepared, connection=connection, site=site)
                return
        raise next(found for found in connections.values() if isinstance(found, HostError))


def known_images(context: Context, request: Request) -> tuple[str, ...]:
    """Return the container images that the cluster's registry serves.

    Raises:
        SealerError: The cluster's image is gone from the store.
    """
    return images_of(prepare_again(context, request).cluster, request.stored_images)


def _with_image(asking: Asking, wanted: Debugging) -> Debugging:
    prepared = asking.prepared
    return with_image(wanted, lambda: images_of(prepared.cluster, prepared.request.stored_images))


async def debug_node(
    asking: Asking, node: str, wanted: Debugging, *, line: LineSink, complaint: LineSink
) -> Opened:
    """Make a pod on a node that has the node's namespaces, its processes and its files, and look from there.

    With a command, the pod is removed when the command has ended; else it stays.

    Args:
        asking: The cluster.
        node: The node's name, or its address.
        wanted: With what.
        line: Gets each line that the command prints.
        complaint: Gets each line that it prints on standard error.

    Raises:
        UsageError: There is no such node.
        HostError: The container does not run.
    """
    wanted = _with_image(asking, wanted)
    name = await node_name(asking, node)
    pod = f"sealer-debug-{secrets.token_hex(4)}"
    await _do(asking, make_pod(node_pod(pod, name, wanted)))
    opened = Opened(pod=pod, namespace=wanted.namespace, container=CONTAINER, removable=True)
    return await _look(asking, opened, wanted, line, complaint)


async def debug_pod(
    asking: Asking,
    pod: str,
    wanted: Debugging,
    *,
    target: str = "",
    copy: bool = False,
    line: LineSink,
    complaint: LineSink,
) -> Opened:
    """Add a container to a pod that runs, or to a copy of it, and look from there.

    Args:
        asking: The cluster.
        pod: The pod's name.
        wanted: With what.
        target: The container whose processes are looked at.
        copy: Whether to look into a copy, and leave the pod as it is.
        line: Gets each line that the command prints.
        complaint: Gets each line that it prints on standard error.

    Raises:
        UsageError: The pod's name is none.
        HostError: The container can't be added, or does not run.
    """
    require_name(pod, "pod")
    wanted = _with_image(asking, wanted)
    if copy:
        made = f"sealer-debug-{secrets.token_hex(4)}"
        await _do(asking, copy_pod(pod, made, wanted))
        opened = Opened(pod=made, namespace=wanted.namespace, container=CONTAINER, removable=True)
        return await _look(asking, opened, wanted, line, complaint)
    container = f"{CONTAINER}-{secrets.token_hex(4)}"
    try:
        await _do(asking, add_container(pod, target, container, wanted))
    except HostError as error:
        if any(words in error.message for words in _WITHOUT_EPHEMERAL):
            raise SealerError(
                "this cluster can't add containers to pods that run, which takes Kubernetes 1.23 or later",
                hint=f"look into a copy of the pod: sealer debug pod {pod} --copy",
            ) from error
        raise
    opened = Opened(pod=pod, namespace=wanted.namespace, container=container, removable=False)
    return await _look(asking, opened, wanted, line, complaint)


async def node_name(asking: Asking, node: str) -> str:
    """Return the name of the node with that name or address.

    Raises:
        UsageError: There is none.
    """
    template = "{{range .items}}{{.metadata.name}}{{range .status.addresses}} {{.address}}{{end}}\n{{end}}"
    text = await asking.ask(f"kubectl get nodes --request-timeout=20s -o go-template='{template}'")
    nodes = [line.split() for line in text.splitlines() if line.strip()]
    for words in nodes:
        if node in words:
            return words[0]
    raise UsageError(
        f"there is no node {node}", hint=f"there are: {', '.join(words[0] for words in nodes) or 'none'}"
    )


async def opened_pods(asking: Asking) -> tuple[dict[str, str], ...]:
    """Return the pods that were made for looking and are still there."""
    columns = "{{.metadata.namespace}} {{.metadata.name}} {{.spec.nodeName}} {{.status.phase}}"
    template = "{{range .items}}" + columns + "\n{{end}}"
    words = f"kubectl get pods -A -l {LABEL} --request-timeout=20s -o go-template='{template}'"
    rows = [line.split() for line in (await asking.ask(words)).splitlines() if line.strip()]
    return tuple(dict(zip(("namespace", "id", "node", "state"), row, strict=False)) for row in rows)


def to_clean(opened: Iterable[Mapping[str, str]], identities: Sequence[str]) -> dict[str, str]:
    """Return the pods that are meant, some or all, with their namespaces.

    Args:
        opened: What ``opened_pods`` returned.
        identities: Of pods, or none for all.

    Raises:
        UsageError: There is no such pod.
    """
    there = {row["id"]: row["namespace"] for row in opened}
    missing = [identity for identity in identities if identity not in there]
    if missing:
        raise UsageError(
            f"there is no {', '.join(missing)} to clean", hint=f"there are: {', '.join(there) or 'none'}"
        )
    return {identity: there[identity] for identity in identities or there}


async def clean(asking: Asking, identities: Sequence[str]) -> tuple[str, ...]:
    """Remove pods that were made for looking: some, or all.

    Raises:
        UsageError: There is no such pod.
    """
    chosen = to_clean(await opened_pods(asking), identities)
    for identity, namespace in chosen.items():
        await _do(asking, remove_pod(namespace, identity))
    return tuple(chosen)


async def _look(
    asking: Asking, opened: Opened, wanted: Debugging, line: LineSink, complaint: LineSink
) -> Opened:
    """Wait until the container runs, and run the command in it, if there is one."""
    try:
        await _do(asking, wait_for_container(opened.pod, opened.container, wanted), limit=wanted.seconds + 60)
        if not wanted.words:
            return opened
        script = f"{prelude(asking.site)}\n{run_in(opened.pod, opened.container, wanted)}"
        result = await asking.connection.run_script(script, on_output=line, on_line=complaint)
    except BaseException:
        if opened.removable:
            await _do(asking, remove_pod(opened.namespace, opened.pod))
        raise
    if opened.removable:
        await _do(asking, remove_pod(opened.namespace, opened.pod))
    else:
        try:
            await _do(asking, end_container(opened.pod, opened.container, wanted))
        except HostError as error:
            # What the command came to is worth more; but nobody else would end it.
            complaint(f"container {opened.container} may still run in pod {opened.pod}: {error.message}")
    return replace(opened, exit_status=result.exit_status)


async def _do(asking: Asking, script: str, *, limit: float = 120.0) -> None:
    """Run a script beside the cluster's kubeconfig.

    Raises:
        HostError: It failed; the message has its last words.
    """
    result = await asking.connection.run_script(f"{prelude(asking.site)}\n{script}", timeout=limit)
    if not result.succeeded:
        said = "; ".join(result.stderr[-3:]) or f"exit status {result.exit_status}"
        raise HostError(said, host=asking.connection.host)
