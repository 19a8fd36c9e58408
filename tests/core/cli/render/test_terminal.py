"""The live picture, drawn on a console of fixed size."""

from __future__ import annotations

import io
import sys

import click
import pytest
from rich.console import Console

from sealer.cli.render.terminal import TerminalRenderer
from sealer.events import Event, Message, Outcome
from tests.core.cli.render.helpers import Clock, begin, end, finish, move, start


class Screen:
    """A renderer on a console without a terminal, and a clock that the test moves."""

    def __init__(self, *, width: int = 80, height: int = 30, encoding: str = "utf-8") -> None:
        self.data = io.BytesIO()
        stream = io.TextIOWrapper(self.data, encoding=encoding, write_through=True)
        self.console = Console(file=stream, width=width, height=height, force_terminal=False, highlight=False)
        self.clock = Clock()
        self.renderer = TerminalRenderer(stream, clock=self.clock, console=self.console, live=False)

    def show(self, *events: tuple[float, Event], now: float) -> list[str]:
        """Take events at these times and return the lines of the picture at another."""
        began = self.clock.now
        for at, event in events:
            self.clock.now = began + at
            self.renderer(event)
        self.clock.now = began + now
        with self.console.capture() as capture:
            self.console.print(self.renderer.picture())
        return [line.rstrip() for line in capture.get().splitlines()]


def test_each_host_has_a_lane() -> None:
    screen = Screen()
    with screen.renderer:
        lines = screen.show(
            (0, begin("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", steps=20, done=4)),
            (0, start("10.0.0.1", "install containerd")),
            (1, finish("10.0.0.1", "install containerd")),
            (1, start("10.0.0.1", "kubeadm init")),
            (2, start("10.0.0.2", "unpack the image's files")),
            (2, move(0, 10_000_000, subject="unpack the image's files", host="10.0.0.2")),
            (4, move(3_000_000, 10_000_000, subject="unpack the image's files", host="10.0.0.2")),
            (5, start("10.0.0.3", "join")),
            (5, finish("10.0.0.3", "join", Outcome.FAILED, error="no route\nto the API")),
            (5, start("10.0.0.4", "join", attempt=3)),
            now=6,
        )
    assert lines == [
        "● 10.0.0.1 kubeadm init                                                     5.0s",
        "● 10.0.0.2 unpack the image's files             30 %  750 kB/s  9.3s left   4.0s",
        "✗ 10.0.0.3 no route",
        "● 10.0.0.4 join (attempt 3)                                                 1.0s",
        "━━━━━━                   5/20 steps  6.0s 1 failed slowest: 10.0.0.1",
        "sent 3.0 MB of 10.0 MB, 750 kB/s, 9.3s left",
    ]


def test_waiting_hosts_tell_what_they_have_done() -> None:
    screen = Screen()
    with screen.renderer:
        lines = screen.show((0, begin("n1", "n2")), (1, start("n1", "a")), (2, finish("n1", "a")), now=2)
    assert [line.split(maxsplit=2)[2] for line in lines[:2]] == ["waiting; 1 changed", "waiting"]


def test_of_many_hosts_the_failed_and_the_slowest_have_a_lane() -> None:
    hosts = [f"n{number:02}" for number in range(40)]
    screen = Screen()
    events: list[tuple[float, Event]] = [(0, begin(*hosts, steps=100))]
    events += [(10 - number / 10, start(hosts[number], "work")) for number in range(30)]
    events += [(10, finish(hosts[35], "join", Outcome.FAILED, error="broken"))]
    with screen.renderer:
        lines = screen.show(*events, now=20)
    shown = [line.split()[1] for line in lines[:15]]
    assert shown == [*hosts[16:30], "n35"]
    assert lines[15] == "… 25 more 16 running, 9 waiting"
    assert "0/100 steps  20.0s" in lines[16]


def test_the_picture_fits_into_a_low_terminal() -> None:
    hosts = [f"n{number}" for number in range(18)]
    screen = Screen(height=12)
    with screen.renderer:
        lines = screen.show((0, begin(*hosts)), now=1)
    assert len(lines) == 8
    assert lines[6].startswith("… 12 more")


def test_long_titles_do_not_break_lanes() -> None:
    screen = Screen(width=60)
    with screen.renderer:
        lines = screen.show((0, begin("n1")), (0, start("n1", "install " + "x" * 200)), now=12)
    assert lines[0].startswith("● n1 install xxx")
    assert lines[0].endswith("…   12.0s")
    assert len(lines) == 2


def test_a_narrow_terminal_shows_what_is_done_rather_than_how_fast() -> None:
    screen = Screen(width=40)
    with screen.renderer:
        lines = screen.show(
            (0, begin("192.0.2.1")),
            (0, start("192.0.2.1", "copy")),
            (0, move(0, 100, host="192.0.2.1")),
            (4, move(20, 100, host="192.0.2.1")),
            now=4,
        )
    assert lines[0] == "● 192.0.2.1 copy             20 %   4.0s"


def test_transfers_without_a_host_have_bars() -> None:
    screen = Screen()
    with screen.renderer:
        lines = screen.show(
            (0, move(0, 1000_000, subject="pull a", host=None)),
            (0, move(7, 7, subject="done", host=None)),
            (5, move(500_000, 1000_000, subject="pull a", host=None)),
            now=5,
        )
    (line,) = lines
    assert line.startswith("pull a")
    assert line.endswith("500 kB/1.0 MB  50 %  100 kB/s  5.0s left")


def test_the_percent_of_a_transfer_that_begins_anew_stays() -> None:
    screen = Screen()
    with screen.renderer:
        lines = screen.show(
            (0, begin("n1")),
            (0, start("n1", "copy")),
            (1, move(90, 100)),
            (2, start("n1", "copy", attempt=2)),
            (3, move(10, 100)),
            now=4,
        )
    assert " 90 % " in lines[0]


def test_without_utf_8_the_picture_is_ascii() -> None:
    screen = Screen(encoding="ascii")
    with screen.renderer:
        lines = screen.show((0, begin("n1", "n2", steps=4)), (0, start("n1", "a" * 100)), now=1)
    assert all(line.isascii() for line in lines)
    assert [line[0] for line in lines[:2]] == ["*", "-"]


def test_what_must_stay_in_sight_is_printed() -> None:
    screen = Screen()
    with screen.renderer:
        screen.show(
            (0, Message(text="using the cache")),
            (0, begin("n1", "n2", steps=3)),
            (1, finish("n1", "join", Outcome.FAILED, error="no route\nto \x1b[2Jthe API")),
            (2, Message(text="clock is off", host="n2", warning=True)),
            (3, finish("n2", "join", Outcome.BLOCKED)),
            (4, end(failed=1, blocked=1, seconds=4)),
            now=4,
        )
    assert screen.data.getvalue().decode().splitlines() == [
        "using the cache",
        "run c: 3 steps on 2 hosts; log: /log/o1.log",
        "n1: join: no route",
        "    to [2Jthe API",
        "warning: n2: clock is off",
        "n1: 1 failed",
        "n2: 1 blocked",
        "run failed after 4.0s: 1 failed, 1 blocked",
    ]


def test_text_in_brackets_is_no_markup() -> None:
    screen = Screen()
    with screen.renderer:
        lines = screen.show((0, begin("n1")), (0, start("n1", "write [bold]x[/bold] [/]")), now=1)
    assert "[bold]x[/bold] [/]" in lines[0]


def test_the_picture_is_gone_in_the_end_and_standard_output_was_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    stdout = sys.stdout
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=stream, force_terminal=True, width=60, height=20)
    with TerminalRenderer(stream, clock=Clock(), console=console) as renderer:
        renderer(begin("n1", steps=2))
        renderer(start("n1", "work"))
        assert sys.stdout is stdout
        print("for people", file=sys.stderr)
        click.echo("from click", err=True)
        sys.stderr.write("no end of line")
        renderer(finish("n1", "work"))
        renderer(end(changed=1))
        assert sys.stderr is stream
    text = stream.getvalue()
    for line in ("for people", "from click", "no end of line"):
        # Each takes the place of the picture, which is drawn anew below.
        assert f"\x1b[2K{line}\n" in text
    assert text.endswith("run done after 1m33s: 1 changed\n")
    assert "\x1b[?25l" in text
    assert text.index("\x1b[?25h") > text.index("\x1b[?25l")
    assert "\x1b[3" not in text


def test_there_is_no_picture_between_transfers_so_that_the_user_can_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    console = Console(file=stream, force_terminal=True, width=60, height=20)
    with TerminalRenderer(stream, clock=Clock(), console=console, live=False) as renderer:
        renderer(move(0, 10, host=None))
        assert sys.stderr is not stream
        renderer(move(10, 10, host=None))
        assert sys.stderr is stream
        assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1
        renderer(begin("n1"))
        assert sys.stderr is not stream
    assert sys.stderr is stream


def test_a_terminal_that_goes_away_is_no_failure() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=60, height=20)
    with TerminalRenderer(stream, clock=Clock(), console=console, live=False) as renderer:
        renderer(begin("n1"))
        stream.close()
        renderer(Message(text="a"))
        renderer(start("n1", "b"))
        renderer(end())
