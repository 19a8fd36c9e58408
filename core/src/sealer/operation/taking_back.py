"""Visits of hosts to take back what was ever changed there, or what one operation changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sealer.changes.lasting import what_stays
from sealer.changes.report import read_report
from sealer.changes.script import Setting, rollback_script, undo_script
from sealer.errors import ChangeFailed, HostError
from sealer.events import EventSink, Message
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import Step
from sealer.operation.diagnosis import diagnose
from sealer.operation.following import Notice, Tell, Visit, said_by
from sealer.operation.visitor import Errand, halt


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

    def follows(self, first: Step, step: Step) -> bool:
        """Whether a step can be visited together with one ahead of it: no."""
        del first, step
        return False

    async def visit(self, steps: Sequence[Errand], connection: Connection, tell: Tell) -> None:
        """Undo, newest first; what went wrong is told of the step."""
        (errand,) = steps
        tell(errand.step, Notice.BEGUN)
        try:
            outcome = await self._take_back(errand.step, connection)
        except HostError as error:
            tell(errand.step, error)
        else:
            tell(errand.step, outcome)

    async def halt(self, connection: Connection, *, at_once: bool) -> None:
        """Have a script that runs on the host stop behind the change that it takes back.

        Raises:
            HostError: The host can't be told.
        """
        await halt(connection, self.data, at_once=at_once)

    async def _take_back(self, step: Step, connection: Connection) -> Visit | Notice:
        def on_line(line: str) -> None:
            self.events(said_by(step, self.redactor.redact(line)))

        setting = Setting(data=self.data, operation=self.operation)
        script = undo_script(setting) if self.only is None else rollback_script(setting, self.only)
        result = await connection.run_script(script, on_line=on_line, timeout=step.timeout)
        report = read_report(result.lines)
        stuck = [change.reason for change in report.changes if change.state == "failed"]
        if report.stopped and not stuck:
            return Notice.STOPPED
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
        kept = [change.reason for change in report.changes if change.state == "kept"]
        if self.only is not None and (text := what_stays(kept)):
            self.events(Message(text=text, host=step.host, warning=True))
        done = tuple(change.reason for change in report.changes if change.state == "changed")
        return Visit(changed=done, values={})
