"""The contract of types of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sealer.changes import Command
from sealer.model import Phase, Step, Task
from sealer.providers import TaskType
from sealer.testing.conformance.base import Contract
from sealer.testing.conformance.fragments import fragments, identity
from sealer.testing.examples import example_cluster
from sealer.testing.purity import pure
from sealer.testing.shells import syntax_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSample:
    """Data that a type of task understands, and data that it does not.

    Attributes:
        data: Understood; of addresses it names 10.0.0.1.
        bad: Not understood, or None where everything is.
    """

    data: str
    bad: str | None = None


class TaskTypeContract(Contract):
    """What ``sealer_task_types`` provides."""

    @pytest.fixture
    def samples(self) -> Sequence[TaskSample]:
        """Return data for tasks of the type; at least one."""
        raise NotImplementedError("override the fixture 'samples': it returns some TaskSample")

    def test_something_is_done_at_every_phase(
        self, provider: TaskType, samples: Sequence[TaskSample]
    ) -> None:
        """On the host that the data name; commands too, where they are kept for cleaning."""
        assert samples
        for sample in samples:
            for phase in Phase:
                changes = planned(provider, sample.data, phase)
                assert changes
                assert not phase.is_cleaning or any(isinstance(change, Command) for change in changes)

    def test_planning_is_pure_and_repeatable(self, provider: TaskType, samples: Sequence[TaskSample]) -> None:
        """It opens nothing, and made again it is the same."""
        for sample in samples:
            first = [identity(change) for change in planned(provider, sample.data, Phase.POST_INSTALL)]
            with pure():
                again = planned(provider, sample.data, Phase.POST_INSTALL)
            assert [identity(change) for change in again] == first

    def test_scripts_can_be_run(self, provider: TaskType, samples: Sequence[TaskSample]) -> None:
        """Each shell can parse every fragment."""
        for sample in samples:
            changes = tuple(planned(provider, sample.data, Phase.POST_INIT_HOST))
            step = Step(id="task", title="task", host="10.0.0.1", changes=changes)
            assert syntax_errors(dict(fragments(step))) == []

    def test_data_that_mean_nothing_are_refused(
        self, provider: TaskType, samples: Sequence[TaskSample]
    ) -> None:
        """By a ``ValueError`` that says what is wrong, while planning and not on a host."""
        for sample in samples:
            if sample.bad is not None:
                with pytest.raises(ValueError, match=r"\w"):
                    planned(provider, sample.bad, Phase.POST_INSTALL)

    def test_tasks_do_not_share_changes(self, provider: TaskType, samples: Sequence[TaskSample]) -> None:
        """Commands are known by the task and the phase: what one has done must not count for another."""
        keys = [
            {change.key for change in planned(provider, samples[0].data, Phase.POST_INSTALL, name=name)}
            for name in ("first", "second")
        ]
        assert any(keys)
        commands = [{key for key in found if key.startswith("command:")} for found in keys]
        assert commands[0].isdisjoint(commands[1])


def planned(provider: TaskType, data: str, phase: Phase, *, name: str = "first") -> list[Any]:
    """Return the changes of a task on the first master of an example."""
    cluster = example_cluster()
    task = Task(name=name, type=provider.name, phase=phase, data=data)
    return list(provider.changes(cluster, cluster.first_master, task))
