"""A step that waits, driven over a connection: why it waits is an event, and the failure when time is up."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Directory, Wait, quote
from sealer.errors import HostsFailed
from sealer.events import Event, StepWaiting
from sealer.hosts.local import LocalConnection
from sealer.hosts.secret import Redactor
from sealer.model import Step
from sealer.operation.engine import Engine
from sealer.operation.journal import Journal, read_history
from sealer.operation.plan import make_plan
from sealer.operation.taking_back import Remover
from sealer.operation.visit import Applier
from sealer.operation.visitor import Visitor
from sealer.secret import Secret
from tests.core.hosts.test_round_trips import HOST, Blobs, applier, step
from tests.core.hosts.test_round_trips import drive as drive_with

SECRET = "hush-7261"


async def drive(directory: Path, change: Wait) -> list[Event]:
    events: list[Event] = []
    redactor = Redactor()
    redactor.add(Secret(SECRET))
    step = Step(id=f"ready@{HOST}", title="be ready", host=HOST, changes=(change,), retries=0)
    path = directory / "journal.jsonl"
    connection = LocalConnection(HOST)
    with Journal(path) as journal:
        engine = Engine(
            plan=make_plan([step]),
            connections={HOST: connection},
            visitor=Applier(
                data=str(directory / "data"),
                operation="one",
                blobs=Blobs(directory),
                uploads=asyncio.Semaphore(1),
                events=events.append,
                redactor=redactor,
            ),
            journal=journal,
            concurrency=1,
            history=read_history(path),
            events=events.append,
        )
        try:
            await engine.run()
        finally:
            await connection.close()
    return events


def waits(events: list[Event]) -> list[StepWaiting]:
    return [event for event in events if isinstance(event, StepWaiting)]


async def test_why_a_step_waits_is_an_event_without_secrets(tmp_path: Path) -> None:
    flag = quote(str(tmp_path / "flag"))
    # It is asked once before, when the step looks whether there is anything to do.
    asked = quote(str(tmp_path / "asked"))
    why = f"echo 'the password is {SECRET}'; if [ -e {asked} ]; then touch {flag}; fi; touch {asked}"
    change = Wait(title="the flag is there", until=f"[ -e {flag} ]", why=why, limit=60, pause=0.05)
    (event,) = waits(await drive(tmp_path, change))
    assert event == StepWaiting(
        step=f"ready@{HOST}", title="be ready", host=HOST, reason="the password is ***"
    )


async def test_when_time_is_up_the_reason_is_the_failure(tmp_path: Path) -> None:
    change = Wait(title="every node is Ready", until="false", why="echo 'n2: not Ready: no network'", limit=1)
    with pytest.raises(HostsFailed) as caught:
        await drive(tmp_path, change)
    (failure,) = caught.value.failures.values()
    assert failure.message == "waited 1 seconds in vain until every node is Ready: n2: not Ready: no network"


def mark_of(process: int) -> str:
    """Return what a script of this process has in the lock of a host."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return f"{boot} {process} {fields[19]}"


@pytest.mark.parametrize("taking_back", [False, True], ids=["changing", "taking back"])
async def test_people_hear_that_a_script_of_an_earlier_run_is_waited_for(
    tmp_path: Path, taking_back: bool
) -> None:
    earlier = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    lock = tmp_path / "data" / "lock"
    lock.mkdir(parents=True)
    (lock / "holder").write_text(f"{mark_of(earlier.pid)}\n")
    events: list[Event] = []

    def end_it(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepWaiting):
            earlier.communicate()

    data = str(tmp_path / "data")
    visitor: Visitor = Remover(data=data, operation="back", events=end_it, redactor=Redactor())
    if not taking_back:
        visitor = replace(applier(tmp_path, "one"), events=end_it)
    connection = LocalConnection(HOST)
    try:
        summary = await drive_with(tmp_path, connection, visitor, step(Directory(path=f"{tmp_path}/made")))
    finally:
        earlier.communicate()
        await connection.close()
    assert len(summary.done) == 1
    (event,) = waits(events)
    assert event.reason == f"process {earlier.pid}, started by an earlier run, has not ended yet"
