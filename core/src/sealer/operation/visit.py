"""Visits of hosts to make the changes of steps hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from sealer.changes import Blob
from sealer.changes.report import ScriptReport, read_report
from sealer.changes.script import (
    Planned,
    Section,
    Setting,
    observe_script,
    sections_script,
)
from sealer.errors import HostError, HostUnreachable, TookTooLong, VerificationError
from sealer.events import EventSink, TransferProgress
from sealer.hosts.connection import Connection, Deadline, ScriptResult
from sealer.hosts.secret import FetchSecret, Redactor, fetch_secret
from sealer.model import Step, Value, fill, show
from sealer.operation.diagnosis import StepErrors
from sealer.operation.following import Follower, Tell
from sealer.operation.passing import Passing
from sealer.operation.stream import BlobSource, stream_blobs, stream_size
from sealer.operation.visitor import Errand, halt


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
        fetch: Gets the secrets of steps.
        passing: Arranges which hosts get layers from others, if any do.
    """

    data: str
    operation: str
    blobs: BlobSource
    uploads: asyncio.Semaphore
    events: EventSink
    redactor: Redactor
    fetch: FetchSecret = fetch_secret
    passing: Passing | None = None

    def follows(self, first: Step, step: Step) -> bool:
        """Whether a step can be visited together with one ahead of it: only the first may need bytes sent."""
        del first
        return not _blobs(step)

    async def visit(self, steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        """Make the changes of steps hold, in one round trip, or two if there may be bytes to send.

        Raises:
            SealerError: What was not told of a single step, such as a fault of this machine.
        """
        deadline = Deadline(steps[0].step.timeout)
        follower = Follower(
            [errand.step for errand in steps],
            tell=tell,
            errors=StepErrors(data=self.data),
            events=self.events,
            redactor=self.redactor,
            deadline=deadline,
        )
        follower.begin()
        blobs = _blobs(steps[0].step)
        got = False
        try:
            missing = await self._missing(steps[0], connection)
            total = stream_size(missing)
            if missing:
                missing = await self._take(steps[0].step, missing, connection)
            if missing:
                result = await self._send(steps, missing, connection, follower, deadline, total=total)
            else:
                result = await connection.run_script(
                    self._script(steps),
                    on_line=follower.on_line,
                    on_output=follower.on_output,
                    timeout=deadline,
                )
            got = not missing or follower.received
        except (HostError, VerificationError) as error:
            follower.finish()
            number = follower.first_open()
            if number is not None:
                if isinstance(error, TookTooLong):
                    error.retryable = follower.may_repeat(number)
                follower.end(number, error)
            return
        finally:
            if blobs and self.passing is not None:
                self.passing.settle(connection.host, blobs.values(), whole=got)
        follower.finish()
        number = follower.unfinished()
        if number is None:
            return
        if missing and not follower.received:
            size = stream_size(missing)
            follower.fail(number, f"{size} bytes of image layers could not be unpacked")
        elif result.succeeded:
            host = steps[number].step.host
            follower.end(number, HostUnreachable("the answer was cut off", host=host))
        else:
            follower.fail(number, f"the script ended early, with status {result.exit_status}")

    async def halt(self, connection: Connection, *, at_once: bool) -> None:
        """Have a script that runs on the host stop behind the running change, or the running step.

        Raises:
            HostError: The host can't be told.
        """
        await halt(connection, self.data, at_once=at_once)

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
            env=self._env(step),
            directory=step.directory,
        )

    def _env(self, step: Step) -> tuple[tuple[str, str], ...]:
        secrets = {name: self.fetch(where) for name, where in step.secrets.items()}
        for secret in secrets.values():
            self.redactor.add(secret)
        return tuple(sorted({**step.env, **{name: one.reveal() for name, one in secrets.items()}}.items()))

    def _script(self, steps: Sequence[Errand], *, receive: Sequence[Blob] = ()) -> str:
        numbers = {errand.step.id: number for number, errand in enumerate(steps)}
        sections = [
            Section(
                changes=plan_changes(errand.step, errand.values),
                env=self._env(errand.step),
                directory=errand.step.directory,
                needs=tuple(sorted(numbers[needed] for needed in errand.needs)),
                again=errand.again,
            )
            for errand in steps
        ]
        return sections_script(Setting(data=self.data, operation=self.operation), sections, receive=receive)

    async def _missing(self, errand: Errand, connection: Connection) -> tuple[Blob, ...]:
        """Ask the host which of a step's blobs it lacks, if it has any."""
        blobs = _blobs(errand.step)
        if not blobs:
            return ()
        report = await self.look(errand.step, connection, errand.values)
        return tuple(blobs[digest] for digest in dict.fromkeys(report.missing_blobs))

    async def _take(self, step: Step, missing: tuple[Blob, ...], connection: Connection) -> tuple[Blob, ...]:
        """Have the host get what it lacks from other hosts, and return the rest."""
        if self.passing is None:
            return missing
        setting = Setting(data=self.data, operation=self.operation)
        total = stream_size(missing)

        def on_progress(moved: int) -> None:
            self.events(TransferProgress(subject=step.title, host=step.host, moved=moved, total=total))

        return await self.passing.take(connection, setting, missing, on_progress)

    async def _send(
        self,
        steps: Sequence[Errand],
        missing: tuple[Blob, ...],
        connection: Connection,
        follower: Follower,
        deadline: Deadline,
        *,
        total: int,
    ) -> ScriptResult:
        """Send what a host lacks, the last of ``total`` bytes, in the visit's own script."""
        step, came = steps[0].step, total - stream_size(missing)

        def on_progress(moved: int) -> None:
            self.events(TransferProgress(subject=step.title, host=step.host, moved=came + moved, total=total))

        async with contextlib.AsyncExitStack() as upload:
            await upload.enter_async_context(self.uploads)

            async def stream() -> AsyncIterator[bytes]:
                async for chunk in stream_blobs(self.blobs, missing):
                    yield chunk
                # Others may send now; what is left is the host's own work.
                await upload.aclose()

            deadline.seconds = None
            return await connection.send(
                self._script(steps, receive=missing),
                stream(),
                on_progress=on_progress,
                on_line=follower.on_line,
                on_output=follower.on_output,
                timeout=deadline,
            )

    def _raise_failure(self, step: Step, report: ScriptReport, result: ScriptResult) -> None:
        failed = next((change for change in report.changes if change.state == "failed"), None)
        lines = [self.redactor.redact(line) for line in result.stderr]
        errors = StepErrors(data=self.data)
        if failed is not None:
            raise errors.of_change(step, failed.index, failed.status, lines)
        if not report.complete:
            if result.succeeded:
                raise HostUnreachable("the answer was cut off", host=step.host)
            raise errors.of_step(step, f"the script ended early, with status {result.exit_status}", lines)


def _blobs(step: Step) -> dict[str, Blob]:
    return {blob.digest: blob for change in step.changes for blob in change.blobs}


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
