"""Ties steps into a plan: a graph without cycles in which every name that is required is provided."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from sealer.errors import PlanError
from sealer.model import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in an order in which they could run one by one, and what each waits for.

    Attributes:
        steps: Sorted so that every step comes after those it waits for.
        waits_for: The ids of the steps that must be done before a step, by its id.
    """

    steps: tuple[Step, ...]
    waits_for: Mapping[str, frozenset[str]]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the hosts that have steps, in order of appearance."""
        return tuple(dict.fromkeys(step.host for step in self.steps))

    def step(self, identity: str) -> Step:
        """Return the step of that id.

        Raises:
            KeyError: There is none.
        """
        for step in self.steps:
            if step.id == identity:
                return step
        raise KeyError(identity)


def fingerprint(step: Step) -> str:
    """Return a digest of what a step does, equal for equal steps in any process."""
    content = ",".join(change.fingerprint() for change in step.changes)
    return hashlib.sha256(content.encode()).hexdigest()


def make_plan(
    steps: Sequence[Step],
    *,
    given: Iterable[str] = (),
    groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Plan:
    """Tie steps into a plan.

    Args:
        steps: In the order they were declared; it decides where the graph leaves a choice.
        given: Names that hold already.
        groups: Names that hold when all of the names they stand for do.

    Raises:
        PlanError: Two steps have one id or provide one name, a name or value is required that nothing
            provides, steps wait for one another, or one may be made nowhere.
    """
    by_id: dict[str, Step] = {}
    providers: dict[str, str] = {}
    for step in steps:
        if step.id in by_id:
            raise PlanError(f"two steps are called {step.id}", hint="this is a fault of a plugin")
        if step.concurrency is not None and step.concurrency < 1:
            raise PlanError(f"step {step.id} may be made on {step.concurrency} hosts at once")
        by_id[step.id] = step
        for name in step.provides:
            if name in providers:
                raise PlanError(f"both {providers[name]} and {step.id} provide {name}")
            providers[name] = step.id
    known = frozenset(given)
    waits_for: dict[str, frozenset[str]] = {}
    for step in steps:
        names = [part for name in step.requires for part in groups.get(name, (name,))]
        needed = {_provider(step, name, providers) for name in names if name not in known}
        needed |= {_producer(step, source, key, by_id) for source, key in step.uses()}
        waits_for[step.id] = frozenset(needed - {step.id})
    return Plan(steps=_sorted(steps, waits_for), waits_for=waits_for)


def _provider(step: Step, name: str, providers: Mapping[str, str]) -> str:
    if name not in providers:
        raise PlanError(
            f"step {step.id} requires {name}, which no step provides",
            hint="a plugin for it is missing, or the image lacks what it needs",
        )
    return providers[name]


def _producer(step: Step, source: str, key: str, by_id: Mapping[str, Step]) -> str:
    producer = by_id.get(source)
    if producer is None:
        raise PlanError(f"step {step.id} uses the value {key} of step {source}, which is not planned")
    if all(output.key != key for change in producer.changes for output in change.outputs):
        raise PlanError(f"step {step.id} uses the value {key}, which step {source} does not yield")
    return source


def _sorted(steps: Sequence[Step], waits_for: Mapping[str, frozenset[str]]) -> tuple[Step, ...]:
    """Sort by dependence, and by declaration where that leaves a choice."""
    order = {step.id: number for number, step in enumerate(steps)}
    by_id = {step.id: step for step in steps}
    sorter = TopologicalSorter(waits_for)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise PlanError(f"steps wait for one another: {circle}") from error
    result: list[Step] = []
    ready = [(order[step], step) for step in sorter.get_ready()]
    heapq.heapify(ready)
    while ready:
        _, first = heapq.heappop(ready)
        result.append(by_id[first])
        sorter.done(first)
        for step in sorter.get_ready():
            heapq.heappush(ready, (order[step], step))
    return tuple(result)
