"""Plans to look at, to keep in a file, and to carry out later if the hosts are still as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sealer.cluster.comparison import PlannedStep, compare
from sealer.cluster.install import Prepared, Wish, install, prepare
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, reach
from sealer.clusterfile.flags import require_master
from sealer.errors import PlanError, SealerError
from sealer.hosts.secret import Redactor
from sealer.image.pull import ensure
from sealer.operation.engine import Summary
from sealer.operation.records import ClusterRecords

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan that was compared with the hosts, with the request it was made from. It holds no secret."""

    request: Request
    steps: tuple[Mapping[str, Any], ...]
    ignore: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data for a JSON file."""
        return {
            "version": _VERSION,
            "request": self.request.to_plain(),
            "steps": list(self.steps),
            "ignore": list(self.ignore),
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], source: str) -> SavedPlan:
        """Read what ``to_plain`` wrote.

        Raises:
            SealerError: It is no saved plan, or damaged; the message names ``source``.
        """
        steps = data.get("steps")
        if data.get("version") != _VERSION or not isinstance(steps, list):
            raise SealerError("not a plan of this version of sealer", place=source)
        request = Request.from_plain(data.get("request") or {}, source)
        ignore = tuple(str(name) for name in data.get("ignore") or ())
        return cls(request=request, steps=tuple(steps), ignore=ignore)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A plan with what the hosts say about it."""

    saved: SavedPlan
    steps: tuple[PlannedStep, ...]


async def look(context: Context, wish: Wish) -> Look:
    """Plan, and compare with the live hosts. Nothing is changed, neither there nor here.

    Raises:
        SealerError: As for an installation.
    """
    require_master(wish.clusterfile.cluster)
    records = ClusterRecords(context.home, wish.clusterfile.cluster.name)
    redactor = Redactor()
    await ensure(context.store, wish.reference, sink=context.events)
    async with reach(context, wish.clusterfile.cluster, redactor) as connections:
        prepared = await prepare(context, records, wish, connections)
        steps = await compare(context, prepared.plan, prepared.cluster.data, connections, redactor)
    plain = tuple(step.to_plain() for step in steps)
    saved = SavedPlan(request=prepared.request, steps=plain, ignore=wish.ignore)
    return Look(saved=saved, steps=steps)


async def apply_saved(context: Context, saved: SavedPlan) -> Summary:
    """Carry out a plan if it would still be the same.

    Raises:
        PlanError: The hosts, or what the image's name means, have changed since; nothing was done.
        SealerError: As for an installation.
    """
    request = saved.request
    wish = Wish(
        clusterfile=request.clusterfile,
        reference=request.image.reference,
        choice=request.choice,
        named=True,
        ignore=saved.ignore,
    )

    async def confirm(prepared: Prepared, connections: Connections) -> None:
        if prepared.request.image != request.image:
            raise PlanError(f"image {wish.reference} is another one than when the plan was made", hint=_AGAIN)
        steps = await compare(context, prepared.plan, prepared.cluster.data, connections, Redactor())
        changed = _differing(saved.steps, [step.to_plain() for step in steps])
        if changed:
            raise PlanError(
                f"the hosts have changed since the plan was made: {', '.join(changed)}", hint=_AGAIN
            )

    return await install(context, wish, confirm=confirm)


_AGAIN = "nothing was done; make the plan again and look at it: sealer plan --out FILE"


def _differing(before: tuple[Mapping[str, Any], ...], now: list[dict[str, Any]]) -> list[str]:
    """Return the ids of the steps that would not do what they would have done."""
    old = {step["step"]: step for step in before}
    new = {step["step"]: step for step in now}
    return [step for step in {**old, **new} if old.get(step) != new.get(step)]
