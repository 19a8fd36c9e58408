"""The live picture of a run: a lane for each host, one for each local transfer, and the bar of all steps."""

from __future__ import annotations

from rich.console import Group, OverflowMethod, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sealer.cli.render import wording
from sealer.cli.render.progress import Progress, Transfer
from sealer.events import Outcome

ALL_LANES = 20
"""Up to so many hosts, each has a lane."""

BUSIEST_LANES = 15
"""With more hosts, only so many have one: those that failed, and those that take the longest."""

_BAR_WIDTH = 24
_NARROW = 70
"""Columns below which rates and times give way to what is done."""

_STEP, _WAIT, _FAIL, _MORE = "step", "wait", "fail", "more"
_SYMBOLS = {_STEP: "●", _WAIT: "○", _FAIL: "✗", _MORE: "…"}
_ASCII_SYMBOLS = {_STEP: "*", _WAIT: "-", _FAIL: "x", _MORE: "+"}
_STYLES = {_STEP: "cyan", _WAIT: "dim", _FAIL: "red", _MORE: "dim"}


_STEPS_AND_FRAME = 6
"""Lines of the terminal that lanes leave free."""


class Picture:
    """What is seen at one moment.

    Args:
        progress: The state; it is read while the picture is drawn, and must not change meanwhile.
        now: The time.
        began: When the operation began.
        width: Columns of the terminal.
        height: Lines of the terminal.
        ascii_only: Whether the terminal can show no other characters.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        now: float,
        began: float,
        width: int,
        height: int,
        ascii_only: bool = False,
    ) -> None:
        self._progress = progress
        self._now = now
        self._began = began
        self._room = max(height - _STEPS_AND_FRAME, 3)
        self._symbols = _ASCII_SYMBOLS if ascii_only else _SYMBOLS
        self._overflow: OverflowMethod = "crop" if ascii_only else "ellipsis"
        self._narrow = width < _NARROW

    def draw(self) -> Group:
        """Return the picture; it holds on to nothing that changes later."""
        parts: list[RenderableType] = []
        if self._progress.operation is not None:
            parts += [self._lanes(), self._overall()]
            total = self._total_bytes()
            if total:
                parts.append(Text(total, no_wrap=True, overflow=self._overflow))
        transfers = self._progress.local_transfers()
        if transfers:
            parts.append(self._transfers(transfers[: self._room]))
        return Group(*parts)

    def _lanes(self) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1, min_width=1)
        table.add_column(no_wrap=True, overflow=self._overflow, max_width=40)
        table.add_column(no_wrap=True, overflow=self._overflow, ratio=1)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, justify="right", min_width=6)
        hosts, hidden = self._choose()
        for host in hosts:
            kind, what, bytes_moved, elapsed = self._lane(host)
            style = _STYLES[kind]
            symbol = Text(self._symbols[kind], style)
            table.add_row(symbol, Text(wording.line(host)), Text(what, style), bytes_moved, elapsed)
        if hidden:
            symbol = Text(self._symbols[_MORE], "dim")
            table.add_row(symbol, Text(f"{len(hidden)} more", "dim"), Text(self._sum_up(hidden), "dim"))
        return table

    def _choose(self) -> tuple[list[str], list[str]]:
        """Return the hosts that have a lane, in their order, and the others."""
        hosts = list(self._progress.outcomes)
        most = len(hosts) if len(hosts) <= ALL_LANES else BUSIEST_LANES
        most = min(most, self._room)
        if len(hosts) <= most:
            return hosts, []
        since: dict[str, float] = {}
        for step in self._progress.running.values():
            since[step.host] = min(step.began, since.get(step.host, step.began))
        ranked = sorted(
            hosts, key=lambda host: (host not in self._progress.errors, since.get(host, self._now))
        )
        chosen = set(ranked[:most])
        return [host for host in hosts if host in chosen], [host for host in hosts if host not in chosen]

    def _lane(self, host: str) -> tuple[str, str, str, str]:
        """Return kind, current step, bytes and elapsed time of a host."""
        steps = [step for step in self._progress.running.values() if step.host == host]
        if not steps:
            error = self._progress.errors.get(host)
            if error is not None:
                return _FAIL, wording.lines(error)[0], "", ""
            done = wording.counts(self._progress.outcomes[host])
            return _WAIT, "waiting" if done == "nothing to do" else f"waiting; {done}", "", ""
        step = min(steps, key=lambda step: step.began)
        what = wording.line(step.title) + (f" (attempt {step.attempt})" if step.attempt > 1 else "")
        what += f": {wording.line(step.reason)}" if step.reason else ""
        transfer = self._progress.transfer_of(step)
        moved = self._speed(transfer) if transfer is not None else ""
        return _STEP, what, moved, wording.duration(self._now - step.began)

    def _sum_up(self, hosts: list[str]) -> str:
        busy = {step.host for step in self._progress.running.values()}
        running = sum(host in busy for host in hosts)
        failed = sum(host in self._progress.errors and host not in busy for host in hosts)
        parts = [(running, "running"), (len(hosts) - running - failed, "waiting"), (failed, "failed")]
        return ", ".join(f"{number} {word}" for number, word in parts if number)

    def _overall(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for _ in range(4):
            table.add_column(no_wrap=True, overflow=self._overflow)
        progress = self._progress
        bar = ProgressBar(total=max(progress.steps, 1), completed=progress.done, width=_BAR_WIDTH)
        text = f"{progress.done}/{progress.steps} steps  {wording.duration(self._now - self._began)}"
        failed = sum(numbers[Outcome.FAILED] for numbers in progress.outcomes.values())
        slowest = progress.slowest()
        slow = ""
        if slowest is not None and len(progress.outcomes) > 1 and not self._narrow:
            slow = f"slowest: {wording.line(slowest.host)}"
        table.add_row(bar, text, Text(f"{failed} failed", "red") if failed else "", Text(slow, "dim"))
        return table

    def _total_bytes(self) -> str:
        """Return how many bytes go to hosts and how fast; without percents, as the total grows on the way."""
        transfers = [
            t for t in (*self._progress.ended, *self._progress.transfers.values()) if t.host is not None
        ]
        if not transfers:
            return ""
        moved = sum(t.moved for t in transfers)
        total = sum(t.total for t in transfers)
        text = f"sent {wording.size(moved)} of {wording.size(total)}"
        rate = sum(t.rate(self._now) for t in transfers)
        if moved >= total or rate <= 0:
            return text
        return f"{text}, {wording.size(rate)}/s, {wording.duration((total - moved) / rate)} left"

    def _transfers(self, transfers: tuple[Transfer, ...]) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, overflow=self._overflow, ratio=1)
        table.add_column(width=_BAR_WIDTH)
        table.add_column(no_wrap=True, justify="right")
        for transfer in transfers:
            bar = ProgressBar(total=1.0, completed=transfer.fraction, width=_BAR_WIDTH)
            amount = f"{wording.size(transfer.moved)}/{wording.size(transfer.total)}"
            state = self._speed(transfer) if self._narrow else f"{amount}  {self._speed(transfer)}"
            table.add_row(Text(wording.line(transfer.subject)), bar, state)
        return table

    def _speed(self, transfer: Transfer) -> str:
        """Return percents and, where there is room, rate and time left."""
        text = f"{transfer.percent} %"
        left = transfer.seconds_left(self._now)
        if left is None or self._narrow:
            return text
        return f"{text}  {wording.size(transfer.rate(self._now))}/s  {wording.duration(left)} left"
