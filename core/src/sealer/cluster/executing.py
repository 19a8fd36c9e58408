"""Running a command on hosts of a cluster, outside of any plan: nothing of it is written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sealer.changes import quote
from sealer.cluster.install import prepare_again
from sealer.cluster.outlook import Outlook, PlannedChange, PlannedStep
from sealer.cluster.pipeline import launch_site
from sealer.cluster.request import Request
from sealer.cluster.session import Context, reach
from sealer.cluster.state import require_state
from sealer.clusterfile import ClusterSpec, HostSpec
from sealer.clusterfile.selectors import selects
from sealer.errors import HostError, SealerError, UsageError
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import at
from sealer.operation.records import ClusterRecords

EXEC = "exec"
"""What running commands is called in plans."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What is to be run, and where.

    Attributes:
        words: A command and its arguments, passed on as they are; a single word is a script for sh.
        roles: A selector of roles, or "" for any.
        hosts: A selector of hosts: addresses, ranges, roles, labels; "" for all.
        timeout: Seconds that it may take on a host, or None.
        anyway: Whether it is run although another process works on the cluster.
    """

    words: tuple[str, ...]
    roles: str = ""
    hosts: str = ""
    timeout: float | None = None
    anyway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What came of it on one host.

    Attributes:
        host: The host's address.
        exit_status: Of the command; None when it could not be run, or not to its end.
        output: What it printed, without the last newline.
        complaints: What it printed on standard error.
        problem: Why it could not be run.
        seconds: How long it took.
    """

    host: str
    exit_status: int | None
    output: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    problem: str = ""
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether it ran, and ended with 0."""
        return self.exit_status == 0

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "host": self.host,
            "exit_status": self.exit_status,
            "stdout": "".join(f"{line}\n" for line in self.output),
            "stderr": "".join(f"{line}\n" for line in self.complaints),
            "error": self.problem,
            "seconds": round(self.seconds, 3),
        }


Told = Callable[[Executed], None]
"""Takes what came of it on a host, as soon as it is known."""

Line = Callable[[str, str, bool], None]
"""Takes a line as it comes: the host, the text, and whether it is a complaint."""


def script_of(words: Sequence[str]) -> str:
    """Return the sh that words stand for: one is a script, several are a command with its arguments.

    Raises:
        UsageError: There is no word.
    """
    if not any(words):
        raise UsageError("what is to be run?", hint="sealer exec -- COMMAND ARGUMENT…")
    return words[0] if len(words) == 1 else " ".join(quote(word) for word in words)


def chosen_hosts(spec: ClusterSpec, wanted: Execution) -> tuple[HostSpec, ...]:
    """Return the hosts that both selectors choose, masters first.

    Raises:
        UsageError: They choose none.
    """
    chosen = tuple(
        host
        for host in (*spec.masters, *spec.nodes)
        if all(
            selects(selector, names=(host.address,), roles=host.roles, labels=host.labels)
            for selector in (wanted.roles, wanted.hosts)
        )
    )
    if not chosen:
        listed = ", ".join(f"{host.address} ({','.join(host.roles)})" for host in spec.hosts)
        raise UsageError(f"no host of cluster {spec.name} is chosen", hint=f"its hosts: {listed}")
    return chosen


async def execute(
    context: Context, records: ClusterRecords, wanted: Execution, *, told: Told, line: Line
) -> tuple[Executed, ...]:
    """Run a command on hosts of a cluster, as root, many hosts at a time, with nothing on its standard input.

    The programs of the cluster's image are on its PATH, and KUBECONFIG is set on masters. A host that fails
    stops no other.

    Args:
        context: What a verb needs from outside.
        records: Of the cluster.
        wanted: What is to be run, and where.
        told: Called when a host is done.
        line: Called with each line that is printed.

    Raises:
        UsageError: No host is chosen, or nothing is to be run.
        OperationLocked: Another process works on the cluster.
        SealerError: Nothing is known of the cluster.
    """
    request, script, hosts = _asked(records, wanted)
    spec = request.clusterfile.cluster
    kubeconfig = _kubeconfig(context, request)
    gate = asyncio.Semaphore(context.concurrency)

    async def run(host: HostSpec, connection: Connection | HostError) -> Executed:
        if isinstance(connection, HostError):
            done = Executed(host=host.address, exit_status=None, problem=connection.message)
        else:
            exports = environment(spec, kubeconfig if host.is_master else "")
            async with gate:
                done = await _run(connection, f"{exports}\n{script}", wanted, line)
        told(done)
        return done

    async with reach(context, replace(spec, hosts=hosts), Redactor()) as connections:
        return tuple(await asyncio.gather(*(run(host, connections[host.address]) for host in hosts)))


def look_at_executing(records: ClusterRecords, wanted: Execution) -> Outlook:
    """Say what running a command would do; no host is reached for that.

    Raises:
        SealerError: As for running it, as far as nothing but the hosts stands in the way.
    """
    request, script, hosts = _asked(records, wanted)
    change = PlannedChange(change=script, reason="commands run each time")
    names = tuple(host.address for host in hosts)
    return Outlook(
        verb=EXEC,
        cluster=records.cluster,
        image=request.image.reference,
        hosts=names,
        steps=tuple(
            PlannedStep(step=at(EXEC, name), title="run a command", host=name, changes=(change,))
            for name in names
        ),
    )


def _asked(records: ClusterRecords, wanted: Execution) -> tuple[Request, str, tuple[HostSpec, ...]]:
    """Return the cluster, what is to be run as sh, and where."""
    request = require_state(records)
    script = script_of(wanted.words)
    hosts = chosen_hosts(request.clusterfile.cluster, wanted)
    if not wanted.anyway:
        records.require_unlocked()
    return request, script, hosts


def environment(spec: ClusterSpec, kubeconfig: str) -> str:
    """Return the sh that sets the environment of commands."""
    lines = [f"export PATH={quote(f'{spec.data}/rootfs/bin:{PATH}')}"]
    if kubeconfig:
        lines.append(f"export KUBECONFIG={quote(kubeconfig)}")
    return "\n".join(lines)


def _kubeconfig(context: Context, request: Request) -> str:
    """Return where masters have the administrator's kubeconfig, or "" where that is not known."""
    try:
        prepared = prepare_again(context, request)
    except SealerError:  # only mended, or the image is gone: commands can be run all the same
        return ""
    return launch_site(prepared.cluster, prepared.parts, prepared.cluster.rootfs).kubeconfig


async def _run(connection: Connection, script: str, wanted: Execution, line: Line) -> Executed:
    host = connection.host
    output: list[str] = []
    complaints: list[str] = []

    def printed(text: str) -> None:
        output.append(text)
        line(host, text, False)

    def complained(text: str) -> None:
        complaints.append(text)
        line(host, text, True)

    began = time.monotonic()
    status, problem = None, ""
    try:
        result = await connection.run_script(
            script, on_output=printed, on_line=complained, timeout=wanted.timeout
        )
        status = result.exit_status
    except HostError as error:
        problem = error.message
    return Executed(
        host=host,
        exit_status=status,
        output=tuple(output),
        complaints=tuple(complaints),
        problem=problem,
        seconds=time.monotonic() - began,
    )
