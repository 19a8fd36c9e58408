"""A thousand SSH hosts in one process, and the operator that works on them in another: see test_many_hosts.

The hosts speak real SSH. Their shell is scripted, for a thousand real ones would measure this machine and not
the engine: it takes a launcher's input apart as strictly as the launcher does, and answers each visit.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import json
import random
import re
import resource
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh

from sealer.changes import Directory, File
from sealer.errors import HostError, HostsFailed
from sealer.events import Event, Outcome, StepFinished
from sealer.hosts.pool import close_connections, open_connections
from sealer.hosts.secret import Redactor
from sealer.hosts.settings import SshSettings, Target
from sealer.model import Step
from sealer.operation.engine import Engine
from sealer.operation.journal import Journal, read_history
from sealer.operation.plan import make_plan
from sealer.operation.visit import Applier

COUNT = 1000
MAX_SESSIONS = 10
"""What sshd allows on one connection unless it is told otherwise."""

FAULTS = {"refuses": 3, "denies": 3, "fails": 4, "drops": 5}
"""How many hosts accept no connection, accept no key, can't apply a change, cut the first script off."""

_MODE = re.compile(rb"sealer-script (\S+) (\d+)\n")
_STEP = re.compile(r"^begin_step (\d+)(?: \d+)*\n((?:.*\n)*?)end_step \1$", re.MULTILINE)
_VISIT = re.compile(r"^visit (\d+) ", re.MULTILINE)


def choose_faults(seed: int) -> dict[int, str]:
    """Return the faults of some hosts, by their numbers."""
    kinds = [kind for kind, count in FAULTS.items() for _ in range(count)]
    return dict(zip(random.Random(seed).sample(range(COUNT), len(kinds)), kinds, strict=True))


def address_of(number: int) -> str:
    return f"127.1.{number // 250}.{number % 250 + 1}"


@dataclasses.dataclass
class Seen:
    """What the hosts count: connections, scripts, and the most sessions that one connection had at a time."""

    connections: int = 0
    most_connections: int = 0
    most_sessions: int = 0
    scripts: int = 0
    broken: int = 0


class Host(asyncssh.SSHServer):
    """One connection to one host."""

    def __init__(self, seen: Seen, faults: dict[str, str], key: asyncssh.SSHKey) -> None:
        self.seen = seen
        self.faults = faults
        self.sessions = 0
        self._key = key

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn
        self.address = str(conn.get_extra_info("sockname")[0])
        self.seen.connections += 1
        self.seen.most_connections = max(self.seen.most_connections, self.seen.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        self.seen.connections -= 1

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self.faults.get(self.address) != "denies" and key == self._key

    def session_requested(self) -> Session | bool:
        if self.sessions == MAX_SESSIONS:
            return False
        self.sessions += 1
        self.seen.most_sessions = max(self.seen.most_sessions, self.sessions)
        return Session(self)


class Session(asyncssh.SSHServerSession[bytes]):
    """A launcher and the script it gets."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._input = b""

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.sessions -= 1

    def exec_requested(self, command: str) -> bool:
        return command.startswith("exec sh -c ")

    def session_started(self) -> None:
        for write in (self._channel.write, self._channel.write_stderr):
            write(b"\nsealer-ready 4711 root\n")

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._input += data

        while (found := _MODE.match(self._input)) and len(self._input) >= found.end() + int(found[2]):
            whole = found.end() + int(found[2])
            self._run(self._input[found.end() : whole].decode(), found[1])
            self._input = self._input[whole:]

    def _run(self, text: str, mark: bytes) -> None:
        seen = self._host.seen
        seen.scripts += 1
        steps = _STEP.findall(text)
        if not steps or not (text.startswith("{\n") and text.endswith("\n} </dev/null")):
            seen.broken += 1
            self._channel.exit(2)
            return
        host = self._host
        match host.faults.get(host.address):
            case "drops":
                del host.faults[host.address]
                host.connection.abort()
            case "fails":
                log = b"\x1estep 0\nNo space left on device\n\x1eend 0\n"
                self._answer(mark, 1, b"step 0 begin\n0 failed 1 =it is missing\n", log)
            case _:
                self._answer(mark, 0, b"".join(self._visit(steps)), b"")

    @staticmethod
    def _visit(steps: list[tuple[str, str]]) -> Iterator[bytes]:
        for number, visits in steps:
            yield f"step {number} begin\n".encode()
            for index in _VISIT.findall(visits):
                yield f"{index} changed =it is missing\n".encode()
            yield f"step {number} done\n".encode()
        yield b"end\n"

    def _answer(self, mark: bytes, status: int, output: bytes, errors: bytes) -> None:
        for write, content in ((self._channel.write, output), (self._channel.write_stderr, errors)):
            write(b"\n%s\n%s%s %d\n" % (mark, content, mark, status))


async def serve(directory: Path, seed: int) -> Seen:
    """Be the hosts until standard input ends; ``hosts.json`` says where they are once they can be reached."""
    chosen = choose_faults(seed)
    faults = {address_of(number): kind for number, kind in chosen.items() if kind != "refuses"}
    client, host = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    client.write_private_key(directory / "key")
    public = client.convert_to_public()
    seen = Seen()
    listening = [address_of(number) for number in range(COUNT) if chosen.get(number) != "refuses"]
    server = await asyncssh.listen(
        listening,
        0,
        server_host_keys=[host],
        server_factory=lambda: Host(seen, faults, public),
        encoding=None,
        login_timeout=60,
        backlog=COUNT,
    )
    ports = {found.getsockname()[0]: found.getsockname()[1] for found in server.sockets}
    with socket.socket() as closed:
        closed.bind((address_of(COUNT), 0))  # bound and not listening: it refuses connections
        places = [
            (address_of(number), ports.get(address_of(number), closed.getsockname()[1]))
            for number in range(COUNT)
        ]
        known = host.export_public_key().decode().strip()
        (directory / "known_hosts").write_text("".join(f"[{a}]:{p} {known}\n" for a, p in places))
        (directory / "hosts.tmp").write_text(json.dumps(places))
        (directory / "hosts.tmp").rename(directory / "hosts.json")
        await asyncio.to_thread(sys.stdin.read)
    deadline = time.monotonic() + 10
    while seen.connections and time.monotonic() < deadline:  # the end of the last ones may be on its way
        await asyncio.sleep(0.01)
    server.close()
    return seen


async def operate(directory: Path) -> dict[str, object]:
    """Give every host two steps, the second after the first, and one host a step that waits for all."""
    targets = [
        Target(
            name=f"h{number}",
            address=address,
            ssh=SshSettings(
                port=port,
                private_key=directory / "key",
                known_hosts=directory / "known_hosts",
                recorded_hosts=directory / "recorded_hosts",
                agent=False,
                attempts=1,
            ),
        )
        for number, (address, port) in enumerate(json.loads((directory / "hosts.json").read_text()))
    ]
    steps = []
    for target in targets:
        name = target.name
        lower = (Directory(path="/etc/demo"), File(path="/etc/demo/name", content=f"{name}\n"))
        steps.append(Step(id=f"a@{name}", title="a", host=name, changes=lower, provides=(f"a@{name}",)))
        upper = (File(path="/etc/demo/more", content="x" * 1000),)
        needed = (f"a@{name}",)
        steps.append(
            Step(
                id=f"b@{name}", title="b", host=name, changes=upper, requires=needed, provides=(f"b@{name}",)
            )
        )
    all_done = tuple(f"b@{target.name}" for target in targets)
    last = (File(path="/etc/demo/last", content="done\n"),)
    steps.append(Step(id="last", title="last", host="h0", changes=last, requires=all_done))
    outcomes: dict[str, str] = {}

    def note(event: Event) -> None:
        if isinstance(event, StepFinished):
            assert event.step not in outcomes, "a step ended twice"
            outcomes[event.step] = event.outcome

    connections = await open_connections(targets)
    try:
        applier = Applier(
            data="/var/lib/sealer/demo",
            operation="op",
            blobs=NoBlobs(),
            uploads=asyncio.Semaphore(5),
            events=note,
            redactor=Redactor(),
        )
        with Journal(directory / "journal") as journal:
            engine = Engine(
                plan=make_plan(steps),
                connections=connections,
                visitor=applier,
                journal=journal,
                history=read_history(directory / "journal"),
                concurrency=100,
                events=note,
            )
            failures: dict[str, str] = {}
            try:
                await engine.run()
            except HostsFailed as error:
                failures = {step: type(found).__name__ for step, found in error.failures.items()}
    finally:
        await close_connections(connections.values())
    refused = {
        name: type(found).__name__ for name, found in connections.items() if isinstance(found, HostError)
    }
    counted = collections.Counter(outcomes.values())
    return {
        "outcomes": {kind: counted[kind] for kind in Outcome},
        "failures": failures,
        "not_connected": refused,
        "journal": len(read_history(directory / "journal").done),
        "memory": _most_memory(),
    }


class NoBlobs:
    """Where layers would be: the plan has none."""

    def blob_path(self, digest: str) -> Path:
        raise KeyError(digest)


def _most_memory() -> int:
    # Not ru_maxrss: that begins with what the parent had when it started this process.
    text = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    what, place, seed = sys.argv[1:]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if what == "serve":
        report = dataclasses.asdict(asyncio.run(serve(Path(place), int(seed))))
    else:
        report = asyncio.run(operate(Path(place)))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
