"""Visits of steps on hosts: to make changes hold, or to take back everything that was ever changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sealer.changes import Blob, Wait
from sealer.changes.script import (
    Planned,
    ScriptReport,
    Setting,
    converge_script,
    observe_script,
    read_report,
    receive_script,
    rollback_script,
    undo_script,
)
from sealer.changes.wait import WAITING
from sealer.errors import ChangeFailed, HostUnreachable, VerificationError
from sealer.events import EventSink, HostOutput, Message, StepWaiting, TransferProgress
from sealer.hosts.connection import Connection, ScriptResult
from sealer.hosts.secret import Redactor
from sealer.model import Step, Value, fill, show
from sealer.operation.diagnosis import diagnose
from sealer.operation.stream import BlobSource, stream_blobs, stream_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a visit found and did: the changes that were made, and the values the step yields."""

    changed: tuple[str, ...]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applier:
    """Makes visits for one operation.

    Attributes:
        data: The cluster's directory on hosts.
        operation: The operation's id, for the host journal.
        blobs: Where the bytes of layers are.
        uploads: Bounds how many hosts are sent to at one time.
        events: Gets progress and output.
        redactor: Takes secrets out of what hosts print.
    """

    data: str
    operation: str
    blobs: BlobSource
    uploads: asyncio.Semaphore
    events: EventSink
    redactor: Redactor

    async def visit(self, step: Step, connection: Connection, values: Mapping[tuple[str, str], str]) -> Visit:
        """Make the step's changes hold, in one round trip unless there are bytes to send.

        Raises:
            HostError: The host can't be reached, or a change failed.
            VerificationError: A blob is damaged here or on the way.
        """
        setting = self._setting(step)
        planned = plan_changes(step, values)
        on_line = self._line_sink(step)
        if any(change.blobs for change in step.changes):
            await self._send_missing(step, setting, planned, connection)
        script = converge_script(setting, planned)
        result = await connection.run_script(script, on_line=on_line, timeout=step.timeout)
        report = read_report(result.lines)
        self._raise_failure(step, report, result)
        secret = {o.key: o.secret for change in step.changes for o in change.outputs}
        for key, text in report.values:
            if secret[key]:
                self.redactor.add(text)
        changed = tuple(
            show(step.changes[change.index].describe())
            for change in report.changes
            if change.state == "changed"
        )
        return Visit(changed=changed, values=dict(report.values))

    async def look(
        self, step: Step, connection: Connection, values: Mapping[tuple[str, str], str]
    ) -> ScriptReport:
        """Observe the step's changes, in one round trip, and change nothing.

        Raises:
            HostError: The host can't be reached, or its answer is not whole.
        """
        script = observe_script(self._setting(step), plan_changes(step, values))
        result = await connection.run_script(script, timeout=step.timeout)
        report = read_report(result.lines)
        self._raise_failure(step, report, result)
        return report

    def _setting(self, step: Step) -> Setting:
        return Setting(
            data=self.data,
            operation=self.operation,
            env=tuple(sorted(step.env.items())),
            directory=step.directory,
        )

    def _line_sink(self, step: Step) -> Callable[[str], None]:
        def on_line(line: str) -> None:
            text = self.redactor.redact(line)
            if text.startswith(WAITING):
                reason = text.removeprefix(WAITING)
                self.events(StepWaiting(step=step.id, title=step.title, host=step.host, reason=reason))
            else:
                self.events(HostOutput(host=step.host, step=step.id, line=text))

        return on_line

    async def _send_missing(
        self, step: Step, setting: Setting, planned: tuple[Planned, ...], connection: Connection
    ) -> None:
        script = observe_script(setting, planned)
        result = await connection.run_script(script, timeout=step.timeout)
        report = read_report(result.lines)
        self._raise_failure(step, report, result)
        sizes = {blob.digest: blob for change in step.changes for blob in change.blobs}
        missing = tuple(sizes[digest] for digest in dict.fromkeys(report.missing_blobs))
        if missing:
            async with self.uploads:
                await self._send(step, setting, missing, connection)

    async def _send(
        self, step: Step, setting: Setting, missing: tuple[Blob, ...], connection: Connection
    ) -> None:
        total = stream_size(missing)

        def on_progress(moved: int) -> None:
            event = TransferProgress(subject=step.title, host=step.host, moved=moved, total=total)
            self.events(event)

        result = await connection.send(
            receive_script(setting),
            stream_blobs(self.blobs, missing),
            on_progress=on_progress,
            on_line=self._line_sink(step),
        )
        if not result.succeeded:
            raise self._failure(step, f"{total} bytes of image layers could not be unpacked", result)

    def _raise_failure(self, step: Step, report: ScriptReport, result: ScriptResult) -> None:
        failed = next((change for change in report.changes if change.state == "failed"), None)
        if failed is not None:
            change = step.changes[failed.index]
            what = show(change.describe())
            if isinstance(change, Wait):
                raise self._waited_in_vain(step, change, what, result)
            raise self._failure(step, f"{what}: failed with status {failed.status}", result)
        if not report.complete:
            if result.succeeded:
                raise HostUnreachable("the answer was cut off", host=step.host)
            raise self._failure(step, f"the script ended early, with status {result.exit_status}", result)

    def _waited_in_vain(self, step: Step, change: Wait, what: str, result: ScriptResult) -> ChangeFailed:
        reasons = [line.removeprefix(WAITING) for line in result.stderr if line.startswith(WAITING)]
        why = self.redactor.redact(reasons[-1]) if reasons else "the host does not say why"
        return ChangeFailed(
            f"waited {change.limit:.0f} seconds in vain until {what}: {why}",
            host=step.host,
            hint="mend that; what waits for it goes on with: sealer resume",
        )

    def _failure(self, step: Step, message: str, result: ScriptResult) -> ChangeFailed | VerificationError:
        output = "\n".join(self.redactor.redact(line) for line in result.stderr)
        if "arrived damaged" in output:
            return VerificationError(f"{message}: {output.splitlines()[-1]}", place=step.host)
        if (found := diagnose(output, data=self.data)) is not None:
            return ChangeFailed(f"{message}: {found.what}", host=step.host, output=output, hint=found.hint)
        return ChangeFailed(message, host=step.host, output=output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remover:
    """Visits hosts to take back what the host journal holds; the step's own changes don't matter.

    Attributes:
        data: The cluster's directory on hosts.
        operation: The operation's id.
        events: Gets output.
        redactor: Takes secrets out of what hosts print.
        only: The operation whose changes are taken back, or None for all.
    """

    data: str
    operation: str
    events: EventSink
    redactor: Redactor
    only: str | None = None

    async def visit(self, step: Step, connection: Connection, values: Mapping[tuple[str, str], str]) -> Visit:
        """Undo, newest first.

        Raises:
            HostError: The host can't be reached, or something could not be undone.
        """
        del values

        def on_line(line: str) -> None:
            self.events(HostOutput(host=step.host, step=step.id, line=self.redactor.redact(line)))

        setting = Setting(data=self.data, operation=self.operation)
        script = undo_script(setting) if self.only is None else rollback_script(setting, self.only)
        result = await connection.run_script(script, on_line=on_line, timeout=step.timeout)
        report = read_report(result.lines)
        stuck = [change.reason for change in report.changes if change.state == "failed"]
        if stuck or not report.complete:
            what = ", ".join(stuck) or "the script ended early"
            output = "\n".join(self.redactor.redact(line) for line in result.stderr)
            found = diagnose(output, data=self.data)
            raise ChangeFailed(
                f"could not be taken back: {what}" + (f": {found.what}" if found else ""),
                host=step.host,
                output=output,
                hint=found.hint if found else "mend what the log says, then run the same command again",
            )
        for change in report.changes:
            if change.state == "kept" and self.only is not None:
                text = f"{change.reason.partition(':')[2]} can't be taken back; it stays as it is"
                self.events(Message(text=text, host=step.host, warning=True))
        done = tuple(change.reason for change in report.changes if change.state == "changed")
        return Visit(changed=done, values={})


class Visitor(Protocol):
    """What the engine does to a host for a step."""

    @property
    def operation(self) -> str:
        """The operation's id."""

    async def visit(self, step: Step, connection: Connection, values: Mapping[tuple[str, str], str]) -> Visit:
        """Make the step hold on its host.

        Raises:
            SealerError: It could not be made so.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Branching:
    """Makes the visits of some steps in another way than the rest.

    Attributes:
        default: Makes the visits of the rest.
        others: What makes the visits of a step, by the step's id.
    """

    default: Visitor
    others: Mapping[str, Visitor]

    @property
    def operation(self) -> str:
        """The operation's id."""
        return self.default.operation

    async def visit(self, step: Step, connection: Connection, values: Mapping[tuple[str, str], str]) -> Visit:
        """Make the visit in the step's own way.

        Raises:
            SealerError: As that way does.
        """
        return await self.others.get(step.id, self.default).visit(step, connection, values)


def plan_changes(step: Step, values: Mapping[tuple[str, str], str]) -> tuple[Planned, ...]:
    """Fill the values into a step's changes, keeping the fingerprints they had before.

    Raises:
        KeyError: A value is not known.
    """
    return tuple(
        Planned(change=fill(change, values), fingerprint=change.fingerprint()) for change in step.changes
    )


def known_or_shown(step: Step, known: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Return the values a step uses: those that are known, and stand-ins for those to come."""
    return {
        (source, key): known.get((source, key), show(str(Value(step=source, key=key))))
        for source, key in step.uses()
    }
