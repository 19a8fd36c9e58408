"""What work on a host costs in round trips: counted where they travel, and as calls on a real connection."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sealer.changes import Change, Command, File, LayerBlob, Output, Tree
from sealer.errors import ChangeFailed
from sealer.events import Event, HostOutput, discard
from sealer.hosts import (
    Connection,
    LocalConnection,
    Redactor,
    ScriptResult,
    SshSettings,
    Target,
    observe,
    open_connection,
)
from sealer.model import Probe, Step
from sealer.operation.engine import Engine, Summary
from sealer.operation.following import Notice
from sealer.operation.journal import Journal, read_history
from sealer.operation.plan import make_plan
from sealer.operation.taking_back import Remover
from sealer.operation.visit import Applier
from sealer.operation.visitor import Errand, Visitor
from sealer.testing.sshd import Sshd
from tests.core.hosts.conftest import TargetFactory
from tests.core.hosts.servers import SlowLink

HOST = "n1"


@dataclass
class Counted:
    """A connection that counts what travels through it: each call is one round trip."""

    connection: Connection
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def host(self) -> str:
        return self.connection.host

    async def run_script(self, script: str, **options: Any) -> ScriptResult:
        self.calls["run_script"] += 1
        return await self.connection.run_script(script, **options)

    async def send(self, script: str, source: Any, **options: Any) -> ScriptResult:
        self.calls["send"] += 1
        return await self.connection.send(script, source, **options)

    async def read_file(self, path: str, **options: Any) -> bytes:
        self.calls["read_file"] += 1
        return await self.connection.read_file(path, **options)

    async def close(self) -> None:
        await self.connection.close()


@dataclass(frozen=True)
class Blobs:
    directory: Path

    def blob_path(self, digest: str) -> Path:
        return self.directory / digest.partition(":")[2]

    def layer(self, name: str, content: bytes) -> LayerBlob:
        """Keep a layer with one file."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        data = stream.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        (self.directory / digest).write_bytes(data)
        return LayerBlob(digest=f"sha256:{digest}", size=len(data), compression="none")


async def drive(tmp_path: Path, connection: Connection, visitor: Visitor, *steps: Step) -> Summary:
    path = tmp_path / f"{visitor.operation}.jsonl"
    with Journal(path) as journal:
        engine = Engine(
            plan=make_plan(list(steps)),
            connections={HOST: connection},
            visitor=visitor,
            journal=journal,
            concurrency=1,
            history=read_history(path),
            events=discard,
        )
        return await engine.run()


def applier(tmp_path: Path, operation: str) -> Applier:
    return Applier(
        data=str(tmp_path / "data"),
        operation=operation,
        blobs=Blobs(tmp_path),
        uploads=asyncio.Semaphore(1),
        events=discard,
        redactor=Redactor(),
    )


def step(*changes: Change) -> Step:
    return Step(id=f"work@{HOST}", title="work", host=HOST, changes=changes)


def twenty_files(tmp_path: Path) -> tuple[File, ...]:
    return tuple(File(path=str(tmp_path / f"etc/{number}"), content=f"{number}\n") for number in range(20))


async def test_an_observation_is_one_round_trip() -> None:
    counted = Counted(LocalConnection(HOST))
    probes = [Probe(name=f"test/{number}", script=f"echo {number}") for number in range(50)]
    facts = await observe(counted, probes, data_root="/var/lib/sealer")
    assert facts.answers["test/49"] == "49"
    assert counted.calls == {"run_script": 1}
    await counted.close()


async def test_a_step_of_many_changes_is_one_round_trip_whether_they_hold_or_not(tmp_path: Path) -> None:
    value = Command(title="say", run=":", yields=(Output(key="v", script="echo value"),))
    work = step(*twenty_files(tmp_path), value)
    for operation, changed in (("first", 1), ("second", 0)):
        counted = Counted(LocalConnection(HOST))
        summary = await drive(tmp_path, counted, applier(tmp_path, operation), work)
        assert summary.changed == changed
        assert summary.values[work.id, "v"] == "value"
        assert counted.calls == {"run_script": 1}
        await counted.close()


async def test_a_step_with_layers_is_two_round_trips_even_if_they_are_missing(tmp_path: Path) -> None:
    layer = Blobs(tmp_path).layer("hello", b"hello")
    work = step(Tree(path="rootfs", layers=(layer,)), *twenty_files(tmp_path))
    for operation, calls in (("first", {"run_script": 1, "send": 1}), ("second", {"run_script": 2})):
        counted = Counted(LocalConnection(HOST))
        await drive(tmp_path, counted, applier(tmp_path, operation), work)
        assert counted.calls == calls
        await counted.close()
    assert (tmp_path / "data/rootfs/hello").read_bytes() == b"hello"


class Queue(asyncio.Semaphore):
    """Lets streams through once all hosts want to send and as many do as may, and sees how many do."""

    def __init__(self, limit: int, hosts: int) -> None:
        super().__init__(limit)
        self.limit, self.to_ask = limit, hosts
        self.go = asyncio.Event()
        self.now = self.most = 0

    async def acquire(self) -> Literal[True]:
        self.to_ask -= 1
        self.look()
        return await super().acquire()

    def look(self) -> None:
        self.most = max(self.most, self.now)
        if not self.to_ask and self.now == self.limit:
            self.go.set()

    async def through(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self.now += 1
        self.look()
        await self.go.wait()
        async for chunk in source:
            yield chunk
        self.now -= 1


@dataclass(kw_only=True)
class Queued(Counted):
    """A connection whose streams pass a queue."""

    queue: Queue

    async def send(self, script: str, source: Any, **options: Any) -> ScriptResult:
        return await super().send(script, self.queue.through(source), **options)


async def test_no_more_hosts_are_sent_to_at_one_time_than_the_user_said(tmp_path: Path) -> None:
    layer = Blobs(tmp_path).layer("hello", b"hello")
    queue = Queue(limit=2, hosts=5)

    async def send(number: int) -> None:
        own = tmp_path / f"host{number}"
        own.mkdir()
        sending = Queued(connection=LocalConnection(HOST), queue=queue)
        visitor = replace(applier(own, "first"), blobs=Blobs(tmp_path), uploads=queue)
        async with asyncio.timeout(30):
            await drive(own, sending, visitor, step(Tree(path="rootfs", layers=(layer,))))
        await sending.close()
        assert (own / "data/rootfs/hello").read_bytes() == b"hello"

    await asyncio.gather(*(send(number) for number in range(5)))
    assert queue.most == 2


async def test_steps_that_are_ready_together_are_one_round_trip(tmp_path: Path) -> None:
    changes = twenty_files(tmp_path)
    steps = [
        Step(
            id=f"s{number}",
            title="work",
            host=HOST,
            changes=(change,),
            provides=(f"s{number}",),
            requires=(f"s{number - 1}",) if number else (),
        )
        for number, change in enumerate(changes)
    ]
    for operation, changed in (("first", 20), ("second", 0)):
        counted = Counted(LocalConnection(HOST))
        summary = await drive(tmp_path, counted, applier(tmp_path, operation), *steps)
        assert (summary.changed, summary.unchanged) == (changed, 20 - changed)
        assert counted.calls == {"run_script": 1}
        assert read_history(tmp_path / f"{operation}.jsonl").done.keys() == {item.id for item in steps}
        await counted.close()


async def test_to_take_everything_back_is_one_round_trip(tmp_path: Path) -> None:
    counted = Counted(LocalConnection(HOST))
    await drive(tmp_path, counted, applier(tmp_path, "first"), step(*twenty_files(tmp_path)))
    counted.calls.clear()
    remover = Remover(data=str(tmp_path / "data"), operation="back", events=discard, redactor=Redactor())
    summary = await drive(tmp_path, counted, remover, step())
    assert summary.changed == 1
    assert not (tmp_path / "etc").exists()
    assert counted.calls == {"run_script": 1}
    await counted.close()


async def test_what_hosts_say_while_things_are_taken_back_shows_no_secret(tmp_path: Path) -> None:
    events: list[Event] = []
    local = LocalConnection(HOST)
    loud = Command(title="loud", run=":", revert="echo 'the token is hunter2' >&2; exit 1")
    await drive(tmp_path, local, applier(tmp_path, "first"), step(loud))
    remover = Remover(
        data=str(tmp_path / "data"), operation="back", events=events.append, redactor=Redactor(["hunter2"])
    )
    told: list[Any] = []
    await remover.visit([Errand(step=step(), values={})], local, lambda _, what: told.append(what))
    begun, failure = told
    assert begun is Notice.BEGUN
    assert isinstance(failure, ChangeFailed)
    said = [event.line for event in events if isinstance(event, HostOutput)]
    assert "the token is ***" in said
    assert "hunter2" not in f"{said} {failure.output}"
    assert "the token is ***" in failure.output
    await local.close()


async def test_what_travels_for_a_step_over_ssh(tmp_path: Path, target: TargetFactory) -> None:
    # With one session at a time, nothing but the script itself travels while it runs.
    with Sshd(tmp_path / "sshd", options=["MaxSessions 1"]) as server:
        async with SlowLink(server.port, delay=0.05) as slow:
            known_hosts = tmp_path / "known"
            known_hosts.write_text(server.known_hosts_line().replace(f":{server.port} ", f":{slow.port} "))
            settings = SshSettings(port=slow.port, private_key=server.key, known_hosts=known_hosts)
            connection = await open_connection(Target(name=HOST, address="127.0.0.1", ssh=settings))
            for operation in ("first", "second"):
                await slow.quiet()
                slow.turns.clear()
                work = [Errand(step=step(*twenty_files(tmp_path)), values={})]
                await applier(tmp_path, operation).visit(work, connection, lambda *_: None)
                assert slow.turns.count("down") == 1
            await connection.close()


async def test_layers_go_to_a_host_that_allows_one_session(tmp_path: Path) -> None:
    layers = [Blobs(tmp_path).layer(name, name.encode() * 100_000) for name in ("one", "two")]
    with Sshd(tmp_path / "sshd", options=["MaxSessions 1"]) as server:
        known_hosts = tmp_path / "known"
        known_hosts.write_text(server.known_hosts_line())
        settings = SshSettings(port=server.port, private_key=server.key, known_hosts=known_hosts)
        connection = await open_connection(Target(name=HOST, address="127.0.0.1", ssh=settings))
        steps = [
            Step(
                id=f"layer{number}",
                title="layer",
                host=HOST,
                changes=(Tree(path=f"tree{number}", layers=(layer,)), *twenty_files(tmp_path)),
            )
            for number, layer in enumerate(layers)
        ]
        counted = Counted(connection)
        summary = await drive(tmp_path, counted, applier(tmp_path, "layers"), *steps)
        await connection.close()
    assert summary.changed == 2
    assert counted.calls == {"run_script": 2, "send": 2}
    assert (tmp_path / "data/tree1/two").read_bytes() == b"two" * 100_000
