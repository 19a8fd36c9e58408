"""Which steps can be visited now, and which of them together."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence, Set

from sealer.model import Step
from sealer.operation.plan import Plan

MOST_TOGETHER = 32
"""How many steps are visited together at most."""

Follows = Callable[[Step, Step], bool]
"""Whether a step can be visited together with one ahead of it on the same host."""


class Schedule:
    """Keeps account of what each step of a plan still waits for.

    Args:
        plan: The plan.
        skipped: The ids of the steps that are done already.
        follows: Which steps may be visited together.
    """

    def __init__(self, plan: Plan, skipped: frozenset[str], follows: Follows) -> None:
        self._follows = follows
        self._order = {step.id: number for number, step in enumerate(plan.steps)}
        self._open = {step.id: step for step in plan.steps if step.id not in skipped}
        self._waiting = {identity: set(plan.waits_for[identity] - skipped) for identity in self._open}
        self._taken: set[str] = set()
        self._under_way: Counter[str] = Counter()
        self._used: dict[str, frozenset[tuple[str, str]]] = {}
        self._followers: dict[str, list[str]] = defaultdict(list)
        self._of_host: dict[str, list[Step]] = defaultdict(list)
        self._ready: dict[str, list[tuple[int, str]]] = {}
        for step in self._open.values():
            self._of_host[step.host].append(step)
            for other in self._waiting[step.id]:
                self._followers[other].append(step.id)
            self._queue(step.id)

    @property
    def open(self) -> tuple[Step, ...]:
        """The steps that have not ended."""
        return tuple(self._open.values())

    def take(self, busy: Collection[str], room: int, known: Set[tuple[str, str]]) -> list[list[Step]]:
        """Take what idle hosts can begin with, those whose step stands first in the plan first.

        Args:
            busy: The hosts that are not idle.
            room: For how many hosts at most.
            known: The values that are known, by step and key.
        """
        idle = [(queue[0], host) for host, queue in self._ready.items() if host not in busy]
        heapq.heapify(idle)
        found: list[list[Step]] = []
        while idle and len(found) < room:
            _, host = heapq.heappop(idle)
            steps = self._together(host, known)
            if steps:
                found.append(steps)
        return found

    def needs(self, step: Step, others: Iterable[Step]) -> frozenset[str]:
        """Return which of other steps a step waits for."""
        return frozenset(self._waiting[step.id] & {other.id for other in others})

    def done(self, step: Step) -> None:
        """Take that a step is done, so that others need not wait for it any longer."""
        self.over(step)
        for follower in self._followers[step.id]:
            self._waiting[follower].discard(step.id)
            self._queue(follower)

    def over(self, step: Step) -> None:
        """Take that a step has ended, and is not to be visited again."""
        self._release(step)
        self._open.pop(step.id, None)

    def give_back(self, steps: Sequence[Step]) -> None:
        """Take that a visit has ended: steps of it that have not are to be visited in another one."""
        for step in steps:
            self._release(step)
            self._queue(step.id)

    def _take(self, step: Step) -> None:
        self._taken.add(step.id)
        if step.concurrency is not None:
            self._under_way[step.kind] += 1

    def _release(self, step: Step) -> None:
        if step.id in self._taken:
            self._taken.remove(step.id)
            if step.concurrency is not None:
                self._under_way[step.kind] -= 1

    def _may_begin(self, step: Step) -> bool:
        return step.concurrency is None or self._under_way[step.kind] < step.concurrency

    def _uses(self, step: Step) -> frozenset[tuple[str, str]]:
        if step.id not in self._used:
            self._used[step.id] = step.uses()
        return self._used[step.id]

    def _queue(self, identity: str) -> None:
        """Make a step ready, unless it still waits, is being visited or has ended."""
        if identity in self._open and identity not in self._taken and not self._waiting[identity]:
            queue = self._ready.setdefault(self._open[identity].host, [])
            heapq.heappush(queue, (self._order[identity], identity))

    def _together(self, host: str, known: Set[tuple[str, str]]) -> list[Step]:
        """Take the first step that a host can begin with, and those that can be visited together with it.

        These wait for nothing but steps ahead of them in the same visit, and use no value that is to come.
        One of which only so many may be under way goes ahead or alone: it takes no place while it waits.

        Returns:
            No step where all that the host could begin with are under way on enough others.
        """
        first = self._first(host)
        if first is None:
            return []
        chosen = {first.id: first}
        for step in self._of_host[host]:
            if self._order[step.id] <= self._order[first.id] or step.id not in self._open:
                continue
            if step.concurrency is not None:
                continue
            if len(chosen) == MOST_TOGETHER:
                break
            waits = self._waiting[step.id] - chosen.keys()
            if not waits and self._uses(step) <= known and self._follows(first, step):
                chosen[step.id] = step
        for step in chosen.values():
            self._take(step)
        queue = [entry for entry in self._ready[host] if entry[1] not in chosen]
        if queue:
            heapq.heapify(queue)
            self._ready[host] = queue
        else:
            del self._ready[host]
        return list(chosen.values())

    def _first(self, host: str) -> Step | None:
        """Return the first step that a host can begin with, if there is one."""
        queue = self._ready[host]
        first = self._open[queue[0][1]]
        if self._may_begin(first):
            return first
        allowed = (self._open[name] for _, name in sorted(queue) if self._may_begin(self._open[name]))
        return next(allowed, None)
