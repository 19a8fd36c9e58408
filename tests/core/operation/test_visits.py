"""The engine and its visitors on a real host: this machine, or a real sshd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sealer.changes import Change, Command, Output, quote
from sealer.errors import ChangeFailed, HostsFailed, Interrupted
from sealer.events import Event, HostOutput, Outcome, StepFinished, StepStarted
from sealer.hosts import Connection, LocalConnection, Redactor, SshSettings, Target, open_connection
from sealer.model import Step
from sealer.operation import engine as engine_module
from sealer.operation.engine import Engine
from sealer.operation.journal import Journal, read_history
from sealer.operation.plan import make_plan
from sealer.operation.visit import Applier
from sealer.testing.sshd import Sshd

HOST = "n1"


class NoBlobs:
    def blob_path(self, digest: str) -> Path:
        raise KeyError(digest)


def make_engine(
    tmp_path: Path, connection: Connection, events: Callable[[Event], None], *steps: Step
) -> tuple[Engine, Journal]:
    path = tmp_path / "journal"
    journal = Journal(path)
    visitor = Applier(
        data=str(tmp_path / "data"),
        operation="op",
        blobs=NoBlobs(),
        uploads=asyncio.Semaphore(1),
        events=events,
        redactor=Redactor(),
    )
    engine = Engine(
        plan=make_plan(list(steps)),
        connections={HOST: connection},
        visitor=visitor,
        journal=journal,
        history=read_history(path),
        concurrency=1,
        events=events,
    )
    return engine, journal


def step(name: str, *changes: Change, needs: tuple[str, ...] = (), retries: int = 2) -> Step:
    return Step(
        id=name,
        title=name,
        host=HOST,
        changes=changes,
        provides=(name,),
        requires=needs,
        retries=retries,
        timeout=60,
    )


async def stop_in_the_middle(tmp_path: Path, connection: Connection) -> None:
    """Stop while the first of two changes of the first of two steps is being made; then go on."""
    log, go = tmp_path / "log", tmp_path / "go"
    wait = f"touch {quote(str(tmp_path / 'began'))}; until [ -e {quote(str(go))} ]; do sleep 0.02; done"
    steps = [
        step(
            "a",
            Command(title="1", run=f"{wait}; echo 1 >> {quote(str(log))}"),
            Command(title="2", run=f"echo 2 >> {quote(str(log))}"),
        ),
        step("b", Command(title="3", run=f"echo 3 >> {quote(str(log))}"), needs=("a",)),
    ]
    events: list[Event] = []
    engine, journal = make_engine(tmp_path, connection, events.append, *steps)
    with journal:
        running = asyncio.create_task(engine.run())
        async with asyncio.timeout(30):
            while not (tmp_path / "began").exists():
                await asyncio.sleep(0.01)
            engine.stop()
            while not (tmp_path / "data/lock/last-change").exists():
                await asyncio.sleep(0.01)
        go.touch()
        with pytest.raises(Interrupted, match="2 of 2 steps not done"):
            await running
    assert log.read_text() == "1\n"
    ends = [(event.step, event.outcome) for event in events if isinstance(event, StepFinished)]
    assert ends == [("a", Outcome.INTERRUPTED), ("b", Outcome.BLOCKED)]
    engine, journal = make_engine(tmp_path, connection, events.append, *steps)
    with journal:
        await engine.run()
    assert log.read_text() == "1\n2\n3\n"


async def test_a_stopped_run_finishes_the_change_that_runs_and_can_be_resumed(tmp_path: Path) -> None:
    local = LocalConnection(HOST)
    await stop_in_the_middle(tmp_path, local)
    await local.close()


async def test_a_run_is_stopped_where_the_host_allows_one_session(tmp_path: Path) -> None:
    with Sshd(tmp_path / "sshd", options=["MaxSessions 1"]) as server:
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(server.known_hosts_line())
        settings = SshSettings(port=server.port, private_key=server.key, known_hosts=known_hosts)
        target = Target(name=HOST, address="127.0.0.1", ssh=settings)
        connection = await open_connection(target)
        await stop_in_the_middle(tmp_path, connection)
        await connection.close()


async def test_a_new_secret_is_not_shown_by_the_command_that_makes_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    make = (
        f"echo before; echo hush-$((7000 + 261)) > {quote(str(secret))}; "
        f'echo "the token is $(cat {quote(str(secret))})" >&2'
    )
    output = Output(key="token", script=f"cat {quote(str(secret))}", secret=True)
    events: list[Event] = []
    local = LocalConnection(HOST)
    good = step(
        "good", Command(title="make", run=make, yields=(output,)), Command(title="x", run="echo after")
    )
    bad = step("bad", Command(title="fail", run=f"{make}; exit 3", yields=(output,)))
    engine, journal = make_engine(tmp_path, local, events.append, good, bad)
    with journal, pytest.raises(HostsFailed) as caught:
        await engine.run()
    await local.close()
    said = [(event.step, event.line) for event in events if isinstance(event, HostOutput)]
    assert said == [
        ("good", "before"),
        ("good", "the token is ***"),
        ("good", "after"),
        ("bad", "before"),
        ("bad", "the token is ***"),
    ]
    failure = caught.value.failures["bad"]
    assert isinstance(failure, ChangeFailed)
    assert failure.output == "before\nthe token is ***"
    assert "hush" not in (tmp_path / "journal").read_text()


async def test_what_each_step_prints_is_told_as_its_own(tmp_path: Path) -> None:
    events: list[Event] = []
    local = LocalConnection(HOST)
    names = [f"s{number}" for number in range(6)]
    steps = [
        step(name, Command(title=name, run=f"echo {name}; printf 'no newline {name}'")) for name in names
    ]
    engine, journal = make_engine(tmp_path, local, events.append, *steps)
    with journal:
        await engine.run()
    await local.close()
    said = [(event.step, event.line) for event in events if isinstance(event, HostOutput)]
    assert said == [pair for name in names for pair in ((name, name), (name, f"no newline {name}"))]
    begun = [event.step for event in events if isinstance(event, StepStarted)]
    assert begun == names


async def test_only_repeatable_commands_are_tried_again_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "FIRST_PAUSE", 0.001)
    log = quote(str(tmp_path / "log"))
    text = f"echo try >> {log}; [ $(wc -l < {log}) -ge 3 ]"
    local = LocalConnection(HOST)
    events: list[Event] = []
    patient = step("patient", Command(title="patient", run=text, repeatable=True))
    engine, journal = make_engine(tmp_path, local, events.append, patient)
    with journal:
        await engine.run()
    assert (tmp_path / "log").read_text() == "try\n" * 3
    attempts = [event.attempt for event in events if isinstance(event, StepStarted)]
    assert attempts == [1, 2, 3]

    hasty = step("hasty", Command(title="hasty", run=f"echo once >> {log}; false"))
    engine, journal = make_engine(tmp_path, local, events.append, hasty)
    with journal, pytest.raises(HostsFailed):
        await engine.run()
    await local.close()
    assert (tmp_path / "log").read_text().count("once") == 1


async def test_each_step_has_the_time_it_is_given_and_one_that_takes_longer_is_ended_alone(
    tmp_path: Path,
) -> None:
    local = LocalConnection(HOST)
    events: list[Event] = []
    slow = Command(title="slow", run="sleep 100")
    steps = [
        *(step(f"s{number}", Command(title=f"{number}", run="sleep 0.4")) for number in range(4)),
        step("late", slow),
        step("after", Command(title="after", run="true")),
    ]
    timed = [
        Step(
            id=item.id,
            title=item.title,
            host=HOST,
            changes=item.changes,
            timeout=2.0 if item.id == "late" else 30,
        )
        for item in steps
    ]
    engine, journal = make_engine(tmp_path, local, events.append, *timed)
    with journal, pytest.raises(HostsFailed) as caught:
        await engine.run()
    await local.close()
    assert caught.value.failures.keys() == {"late"}
    assert "did not finish within 2 seconds; it was ended" in str(caught.value.failures["late"])
    assert read_history(tmp_path / "journal").done.keys() == {"s0", "s1", "s2", "s3", "after"}
