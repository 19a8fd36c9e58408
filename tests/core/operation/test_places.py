"""Steps on the operator's machine beside those of a host; both are this machine here, with a journal each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Command, Output, quote
from sealer.errors import HostsFailed, SealerError
from sealer.events import Event, HostOutput, StepFinished
from sealer.hosts import LocalConnection, Redactor
from sealer.model import OPERATOR, Step
from sealer.operation.engine import Engine, Summary
from sealer.operation.journal import Journal, read_history
from sealer.operation.places import Places, operator_data
from sealer.operation.plan import make_plan
from sealer.operation.visit import Applier
from sealer.secret import Secret

HOST = "n1"


class NoBlobs:
    def blob_path(self, digest: str) -> Path:
        raise KeyError(digest)


def run(
    home: Path,
    *steps: Step,
    events: Callable[[Event], None] = lambda _: None,
    fetch: Callable[[Secret | str], Secret] | None = None,
) -> Summary:
    """Drive steps as an operation that may have been begun before."""

    async def drive() -> Summary:
        applier = Applier(
            data=str(home / "data"),
            operation="op",
            blobs=NoBlobs(),
            uploads=asyncio.Semaphore(1),
            events=events,
            redactor=Redactor(),
        )
        if fetch is not None:
            applier = replace(applier, fetch=fetch)
        places = Places(hosts=applier, operator=replace(applier, data=operator_data(home, "c")))
        connections = {name: LocalConnection(name) for name in (HOST, OPERATOR)}
        path = home / "journal"
        history = read_history(path)
        with Journal(path) as journal:
            try:
                return await Engine(
                    plan=make_plan(list(steps)),
                    connections=connections,
                    visitor=places,
                    journal=journal,
                    history=history,
                    concurrency=4,
                    events=events,
                ).run()
            finally:
                for connection in connections.values():
                    await connection.close()

    return asyncio.run(drive())


def step(name: str, run: str, host: str, **fields: object) -> Step:
    command = Command(title=name, run=run)
    changes = fields.pop("changes", (command,))
    return Step(id=name, title=name, host=host, changes=changes, provides=(name,), **fields)  # type: ignore[arg-type]  # fields of a step


def test_steps_of_both_places_run_at_the_same_time(tmp_path: Path) -> None:
    here, there = quote(str(tmp_path / "here")), quote(str(tmp_path / "there"))

    def meet(mine: str, other: str) -> str:
        return f"touch {mine}; until [ -e {other} ]; do sleep 0.02; done"

    done = run(tmp_path, step("a", meet(here, there), OPERATOR), step("b", meet(there, here), HOST))
    assert done.changed == 2
    for data in (Path(operator_data(tmp_path, "c")), tmp_path / "data"):
        assert list((data / "journal").iterdir())


def test_a_host_uses_what_the_operators_machine_yields_and_it_is_not_written_down(tmp_path: Path) -> None:
    shown: list[Event] = []
    output = Output(key="word", script='printf %s "$WORD"', secret=True)
    source = step(
        "a",
        "",
        OPERATOR,
        changes=(Command(title="a", run='echo "it is $WORD" >&2', yields=(output,)),),
        secrets={"WORD": "keep:it"},
    )
    file = quote(str(tmp_path / "file"))
    use = step("b", f"cat > {file} <<'E'\n{source.value('word')}\nE", HOST)

    def fetch(where: Secret | str) -> Secret:
        assert where == "keep:it"
        return Secret("s3cret")

    run(tmp_path, source, use, events=shown.append, fetch=fetch)
    assert (tmp_path / "file").read_text() == "s3cret\n"
    assert "it is ***" in [event.line for event in shown if isinstance(event, HostOutput)]
    assert "s3cret" not in (tmp_path / "journal").read_text()
    kept = [path for path in Path(operator_data(tmp_path, "c")).rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"s3cret" in path.read_bytes()]


def test_what_failed_on_the_operators_machine_is_resumed_alone(tmp_path: Path) -> None:
    gate = quote(str(tmp_path / "gate"))
    steps = (
        step("a", f"[ -e {gate} ]", OPERATOR, retries=0),
        step("b", "true", HOST),
        step("c", "true", HOST, requires=("a",)),
    )
    with pytest.raises(HostsFailed) as caught:
        run(tmp_path, *steps)
    assert set(caught.value.failures) == {"a"}
    (tmp_path / "gate").touch()
    finished: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, StepFinished):
            finished.append(event.step)

    run(tmp_path, *steps, events=note)
    assert finished == ["a", "c"]


def test_a_secret_that_is_not_to_be_had_is_an_error_of_its_own(tmp_path: Path) -> None:
    lacking = step("a", "true", OPERATOR, secrets={"WORD": "env:SEALER_TEST_NOWHERE"})
    with pytest.raises(SealerError, match="SEALER_TEST_NOWHERE is not set"):
        run(tmp_path, lacking)
