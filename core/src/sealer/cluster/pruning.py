"""Takes what nobody needs any more out of the registry inside a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sealer.changes import PrunedStore, Tree
from sealer.cluster.distribution import UPLOAD_TIMEOUT, store_steps
from sealer.cluster.images import images_again
from sealer.cluster.install import prepare_again
from sealer.cluster.kinds import Kind, look_at
from sealer.cluster.launching import Existing, asking
from sealer.cluster.outlook import Outlook
from sealer.cluster.request import (
    ImageChoice,
    Request,
    noted,
    plain_choice,
    request_of,
    state_before,
)
from sealer.cluster.rollback_target import newest_change
from sealer.cluster.session import Context
from sealer.cluster.state import require_state
from sealer.errors import ImageError, PlanError
from sealer.events import Message
from sealer.image.reference import Reference, parse_reference
from sealer.model import Step, at
from sealer.model.cluster import STORE
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ClusterRecords, Operation

PRUNE = "prune-registry"
"""The verb of these operations."""

_KINDS = "pods,deployments,daemonsets,statefulsets,replicasets,replicationcontrollers,jobs,cronjobs"
_USED = f"kubectl get {_KINDS} --all-namespaces -o jsonpath='{{..image}}' --request-timeout=60s"

_NO_REGISTRY = "there is nothing to prune in it; sealer prune clears what is kept on this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """What the record of such an operation says beside the request.

    Attributes:
        spared: The cluster image whose container images stay, because a rollback would need them.
    """

    spared: tuple[ImageChoice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pruning:
    """What is to be done: the request without the images that go, and what stays beside."""

    request: Request
    spared: Spared


async def prune(context: Context, records: ClusterRecords, *, keep: int) -> Summary:
    """Take out what was brought by application images that are not needed, and by earlier cluster images.

    Args:
        context: What a verb needs from outside.
        records: Of the cluster.
        keep: How many releases of each application image stay, the newest ones.

    Raises:
        PlanError: The cluster has no registry of its own.
        SealerError: It can't be asked what it uses; nothing was changed.
        HostsFailed: A host could not be cleaned; the operation can be resumed.
    """
    with records.lock(PRUNE):
        state = require_state(records)
        records.require_none_open()
        pruning = await _choose(context, records, state, keep)
        beside = _plain(pruning.spared)
        return await PRUNING.begin(context, records, pruning.request, before=state, beside=beside)


async def look_at_pruning(context: Context, records: ClusterRecords, *, keep: int) -> Outlook:
    """Say what pruning would do.

    Raises:
        SealerError: As for doing it.
    """
    records.require_unlocked()
    state = require_state(records)
    records.require_none_open()
    pruning = await _choose(context, records, state, keep)
    plan = _plan(context, pruning.request, pruning.spared)
    return await look_at(context, pruning.request, plan, verb=PRUNE)


def plan_of_pruning(context: Context, operation: Operation) -> Plan:
    """Return the plan of an operation on record.

    Raises:
        RecordDamaged: Its record is damaged.
    """
    return _plan(context, request_of(operation), noted(operation, Spared))


PRUNING = Kind(verb=PRUNE, plan=plan_of_pruning)


def newest(stored: Sequence[ImageChoice], keep: int) -> tuple[ImageChoice, ...]:
    """Return the newest releases of each application image: those that were put on the cluster last."""
    kept: list[ImageChoice] = []
    releases: dict[str, int] = {}
    for choice in reversed(stored):
        name = _repository(choice)
        releases[name] = releases.get(name, 0) + 1
        if releases[name] <= keep:
            kept.append(choice)
    return tuple(reversed(kept))


def in_use(choice: ImageChoice, used: frozenset[tuple[str, str]]) -> bool:
    """Whether a cluster uses one of the container images that an image brought."""
    return any(names_of(name) & used for name in choice.served)


def names_of(image: str) -> frozenset[tuple[str, str]]:
    """Return what tells a container image from others: its repository with the tag, and with the digest."""
    try:
        reference: Reference = parse_reference(image)
    except ImageError:
        return frozenset()
    ends = (reference.tag, reference.digest)
    return frozenset((reference.name, end) for end in ends if end)


async def _choose(context: Context, records: ClusterRecords, state: Request, keep: int) -> _Pruning:
    prepared = prepare_again(context, replace(state, application=None, removals=()))
    registry = prepared.parts.registry
    if registry is None or not registry.hosts(prepared.cluster):
        raise PlanError(f"cluster {records.cluster} has no registry inside it", hint=_NO_REGISTRY)
    async with asking(context, Existing(records=records, state=state)) as cluster:
        words = (await cluster.ask(_USED)).split()
    used = frozenset(name for word in words for name in names_of(word))
    wanted = newest(state.stored, keep)
    kept = tuple(choice for choice in state.stored if choice in wanted or in_use(choice, used))
    for choice in kept:
        if choice not in wanted:
            text = f"{choice.reference} stays: the cluster uses container images that it brought"
            context.events(Message(text=text))
    return _Pruning(request=replace(state, stored=kept), spared=spared_by_rollback(records, state))


def spared_by_rollback(records: ClusterRecords, state: Request) -> Spared:
    """Return the cluster image that a rollback of the newest operation would go back to, if it is another.

    Raises:
        RecordDamaged: That can't be known; nothing may be removed then.
    """
    newest = newest_change(records)
    before = None if newest is None else state_before(newest)
    if before is not None and before.is_installed and before.image.digests != state.image.digests:
        return Spared(spared=(before.image,))
    return Spared()


def _plan(context: Context, request: Request, spared: Spared) -> Plan:
    prepared = prepare_again(context, replace(request, application=None, removals=()))
    cluster, registry = prepared.cluster, prepared.parts.registry
    if registry is None:
        raise PlanError(f"cluster {cluster.name} has no registry inside it", hint=_NO_REGISTRY)
    hosts = registry.hosts(cluster)
    trees: dict[str, list[Tree]] = {host.name: [] for host in hosts}
    for choice in (*spared.spared, request.image, *request.stored):
        for step in store_steps(images_again(context.store, choice).layers, hosts):
            trees[step.host] += [one for one in step.changes if isinstance(one, Tree) and one.layers]
    return make_plan([_step(host, kept) for host, kept in trees.items()])


def _step(host: str, trees: Iterable[Tree]) -> Step:
    return Step(
        id=at("registry/prune", host),
        title="take out container images that nothing needs",
        host=host,
        changes=(PrunedStore(path=STORE, trees=tuple(trees)),),
        timeout=UPLOAD_TIMEOUT,
    )


def _repository(choice: ImageChoice) -> str:
    name = choice.name or choice.reference
    try:
        return parse_reference(name).name
    except ImageError:
        return name


def _plain(spared: Spared) -> dict[str, object]:
    return {"spared": [plain_choice(choice) for choice in spared.spared]}
