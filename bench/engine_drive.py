"""Sealer's process in the benchmark of the engine: connect to all hosts, run the plan, close.

It is started on the operator's side of the lab with a key file, a known_hosts file, ``steps`` or
``together``, and the hosts' addresses.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from engine_work import make_work, sealer_steps

from sealer.errors import HostError
from sealer.events import discard
from sealer.hosts.pool import close_connections, open_connections
from sealer.hosts.secret import Redactor
from sealer.hosts.settings import SshSettings, Target
from sealer.model import Step
from sealer.operation.engine import Engine
from sealer.operation.journal import History, Journal
from sealer.operation.plan import make_plan
from sealer.operation.visit import Applier

DATA = "/var/lib/sealer/bench"


class NoBlobs:
    """Where the bytes of layers would be: the work has none."""

    def blob_path(self, digest: str) -> Path:
        raise KeyError(digest)


async def drive(targets: list[Target], steps: list[Step], journal_path: Path) -> int:
    """Run the steps as an operation does, and return how many changed something."""
    connections = await open_connections(targets, limit=len(targets))
    try:
        for outcome in connections.values():
            if isinstance(outcome, HostError):
                raise outcome
        visitor = Applier(
            data=DATA,
            operation="bench",
            blobs=NoBlobs(),
            uploads=asyncio.Semaphore(5),
            events=discard,
            redactor=Redactor(),
        )
        with Journal(journal_path) as journal:
            engine = Engine(
                plan=make_plan(steps),
                connections=connections,
                visitor=visitor,
                journal=journal,
                history=History(done={}, started={}, finished=None),
                concurrency=len(targets),
                events=discard,
            )
            return (await engine.run()).changed
    finally:
        await close_connections(connections.values())


def main() -> None:
    key, known_hosts, way, *addresses = sys.argv[1:]
    ssh = SshSettings(private_key=Path(key), known_hosts=Path(known_hosts), agent=False)
    targets = [Target(name=address, address=address, ssh=ssh) for address in addresses]
    steps = sealer_steps(make_work(), addresses, together=way == "together")
    with tempfile.TemporaryDirectory() as directory:
        changed = asyncio.run(drive(targets, steps, Path(directory) / "journal"))
    if changed != len(steps):
        raise SystemExit(f"{changed} of {len(steps)} steps changed something")


if __name__ == "__main__":
    main()
