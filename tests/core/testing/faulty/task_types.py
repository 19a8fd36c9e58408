"""Task types with faults."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.changes import Change, Command
from sealer.model import Cluster, Host, Phase, Task
from sealer.providers import TaskType
from sealer.testing.conformance import TaskSample, TaskTypeContract
from tests.core.testing.faulty.parts import giving


class Notes(TaskType):
    """A sound type of task."""

    name = "notes"
    summary = "notes"

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        if not task.data:
            raise ValueError("there is nothing to note")
        yield Command(title=f"{task.name} at {task.phase}", run="note", unless="noted")


class NotesContract(TaskTypeContract):
    samples = giving((TaskSample(data="x", bad=""),))


class TestSoundTask(NotesContract):
    provider = giving(Notes())


class Heedless(Notes):
    count = 0

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        type(self).count += 1
        if task.phase is not Phase.PRE_INSTALL:
            yield Command(title="note", run=f"note '{self.count}", revert=f"forget {self.count}")


class TestHeedless(NotesContract):
    finds = (
        "test_something_is_done_at_every_phase",
        "test_planning_is_pure_and_repeatable",
        "test_scripts_can_be_run",
        "test_data_that_mean_nothing_are_refused",
        "test_tasks_do_not_share_changes",
    )
    provider = giving(Heedless())
