"""Plans to look at, to keep in a file, and to carry out later if the hosts are still as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sealer.cluster.comparison import compare
from sealer.cluster.foreign import write_context
from sealer.cluster.foresight import look_at_departure
from sealer.cluster.images import available
from sealer.cluster.install import Prepared, Wish, install, prepare, prepare_again
from sealer.cluster.launching import (
    application_request,
    known_cluster,
    platforms_there,
    put_application,
    require_version,
)
from sealer.cluster.leaving import Leaving, leaving_hosts
from sealer.cluster.outlook import VERSION, Outlook, PlannedStep
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, reach, reach_for
from sealer.cluster.state import load_own_state
from sealer.clusterfile.flags import require_master
from sealer.errors import PlanError, SealerError
from sealer.hosts.secret import Redactor
from sealer.model import ImageType
from sealer.operation.engine import Summary
from sealer.operation.records import ClusterRecords

RUN = "run"

_AGAIN = "nothing was done; make the plan again and look at it: sealer plan --out FILE"

_MOST_NAMED = 8
"""How many steps are named at most that would not do the same."""

NOBODY = Leaving()
"""No host leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan that was compared with the hosts, with the request it was made from. It holds no secret.

    Attributes:
        request: What was asked for.
        outlook: What would be done, as plain data.
        ignore: The ids of host checks to leave out.
        leaving: The hosts that leave the cluster first.
    """

    request: Request
    outlook: Mapping[str, Any]
    ignore: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data for a JSON file."""
        return {
            "version": VERSION,
            "plan": dict(self.outlook),
            "request": self.request.to_plain(),
            "ignore": list(self.ignore),
            "leaving": list(self.leaving),
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], source: str) -> SavedPlan:
        """Read what ``to_plain`` wrote.

        Raises:
            SealerError: It is no saved plan, or damaged; the message names ``source``.
        """
        outlook = data.get("plan")
        if data.get("version") != VERSION or not isinstance(outlook, dict):
            raise SealerError("not a plan of this version of sealer", place=source, hint=_AGAIN)
        steps = outlook.get("steps")
        if not isinstance(steps, list) or not all(
            isinstance(step, dict) and "step" in step for step in steps
        ):
            raise SealerError("the plan is damaged", place=source, hint=_AGAIN)
        request = Request.from_plain(data.get("request") or {}, source)
        return cls(
            request=request,
            outlook=outlook,
            ignore=_words(data.get("ignore")),
            leaving=_words(data.get("leaving")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A plan with what the hosts say about it, what it takes to carry just that out, and who leaves first."""

    outlook: Outlook
    saved: SavedPlan
    leaving: Leaving


async def look(context: Context, wish: Wish) -> Look:
    """Plan what ``run_image`` would do, and compare with the live hosts. Nothing is changed.

    Raises:
        SealerError: As for the real thing.
    """
    image = await available(context, wish.reference)
    if image.metadata.type is not ImageType.CLUSTER:
        return await _look_at_application(context, wish)
    require_master(wish.clusterfile.cluster)
    records = ClusterRecords(context.home, wish.clusterfile.cluster.name)
    records.require_unlocked()
    records.require_none_open()
    leaving = leaving_hosts(context.home, wish)
    going: tuple[PlannedStep, ...] = ()
    state = load_own_state(records)
    if state is not None and leaving.addresses:
        going = await look_at_departure(context, state, leaving)
        state = state.without_hosts(frozenset(leaving.addresses))
    redactor = Redactor()
    async with reach(context, wish.clusterfile.cluster, redactor) as connections:
        prepared = await prepare(context, state, wish, connections, trials=False)
        steps = await compare(context, prepared.plan, prepared.cluster.data, connections, redactor)
    return _look(prepared, wish.reference, (*going, *steps), ignore=wish.ignore, leaving=leaving)


async def _look_at_application(context: Context, wish: Wish) -> Look:
    there = known_cluster(context, wish)
    there.records.require_unlocked()
    there.records.require_none_open()
    nodes = await platforms_there(context, there, wish)
    request = await application_request(context, there.state, wish, nodes)
    prepared = prepare_again(context, request)
    write_context(request)
    redactor = Redactor()
    async with reach_for(context, request, redactor) as connections:
        await require_version(context, prepared, connections)
        steps = await compare(context, prepared.plan, prepared.cluster.data, connections, redactor)
    return _look(prepared, wish.reference, steps)


def _look(
    prepared: Prepared,
    reference: str,
    steps: tuple[PlannedStep, ...],
    *,
    ignore: tuple[str, ...] = (),
    leaving: Leaving = NOBODY,
) -> Look:
    hosts = (*leaving.addresses, *(host.name for host in prepared.cluster.hosts))
    outlook = Outlook(verb=RUN, cluster=prepared.cluster.name, image=reference, hosts=hosts, steps=steps)
    saved = SavedPlan(
        request=prepared.request, outlook=outlook.to_plain(), ignore=ignore, leaving=leaving.addresses
    )
    return Look(outlook=outlook, saved=saved, leaving=leaving)


def wish_of(saved: SavedPlan) -> Wish:
    """Return what the user asked for when the plan was made."""
    request = saved.request
    image = request.image if request.application is None else request.application
    return Wish(
        clusterfile=request.clusterfile,
        reference=image.reference,
        choice=request.choice,
        named=True,
        ignore=saved.ignore,
        shrink=bool(saved.leaving),
        foreign=request.foreign,
        delivery=request.delivery,
    )


async def look_again(context: Context, saved: SavedPlan) -> Look:
    """Make a saved plan again, and see that it would still do the same.

    Raises:
        PlanError: The hosts, or what the image's name means, have changed since.
        SealerError: As for ``look``.
    """
    found = await look(context, wish_of(saved))
    _require_same_image(saved, found.saved.request)
    _require_same_steps(saved, found.outlook.steps)
    return found


async def apply_saved(context: Context, saved: SavedPlan) -> Summary:
    """Carry out a plan if it would still be the same; hosts that are to leave have left by now.

    Raises:
        PlanError: The hosts, or what the image's name means, have changed since; nothing was done.
        SealerError: As for the real thing.
    """
    wish = wish_of(saved)

    async def confirm(prepared: Prepared, connections: Connections) -> None:
        _require_same_image(saved, prepared.request)
        steps = await compare(context, prepared.plan, prepared.cluster.data, connections, Redactor())
        if not saved.leaving:
            _require_same_steps(saved, steps)

    await available(context, wish.reference)
    if saved.request.application is None:
        return await install(context, replace(wish, shrink=False), confirm=confirm)
    return await put_application(context, known_cluster(context, wish), wish, confirm=confirm)


def _require_same_image(saved: SavedPlan, now: Request) -> None:
    before = saved.request
    if (now.image, now.application) != (before.image, before.application):
        name = wish_of(saved).reference
        raise PlanError(f"image {name} is another one than when the plan was made", hint=_AGAIN)


def _require_same_steps(saved: SavedPlan, steps: tuple[PlannedStep, ...]) -> None:
    old = {step["step"]: step for step in saved.outlook["steps"]}
    new = {step.step: step.to_plain() for step in steps}
    changed = [step for step in {**old, **new} if old.get(step) != new.get(step)]
    if changed:
        named = ", ".join(changed[:_MOST_NAMED])
        if len(changed) > _MOST_NAMED:
            named += f" and {len(changed) - _MOST_NAMED} more"
        raise PlanError(f"the hosts have changed since the plan was made: {named}", hint=_AGAIN)


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value or ())
