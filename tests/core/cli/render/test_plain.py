"""Progress as plain lines."""

from __future__ import annotations

import io
import re
import threading
from datetime import UTC, datetime, timedelta

from sealer.cli.render.plain import PlainRenderer, PlainText
from sealer.events import Event, HostOutput, Message, Outcome, StepStarted, StepWaiting
from tests.core.cli.render.helpers import Clock, begin, end, finish, move, start

NOON = datetime(2024, 1, 2, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")


def told(*events: tuple[float, Event | None]) -> list[str]:
    """Return the lines about events at these times; None stands for time alone."""
    text = PlainText(0.0, NOON)
    lines: list[str] = []
    for now, event in events:
        lines += text.lines_at(now) if event is None else text.lines_for(event, now)
    assert all(line.endswith("\n") for line in lines)
    return [line[:-1] for line in lines]


def test_a_run_from_beginning_to_end() -> None:
    lines = told(
        (0.0, begin("n1", "node-2", steps=7, done=2)),
        (0.1, start("n1", "install it")),
        (4.2, finish("n1", "install it", changes=("file /etc/a", "unit b"))),
        (4.3, start("node-2", "load modules")),
        (4.4, finish("node-2", "load modules", Outcome.UNCHANGED, seconds=0.1)),
        (4.5, HostOutput(host="n1", step="s", line="for the log alone")),
        (5.0, end(changed=1, unchanged=1, seconds=5.0)),
    )
    assert lines == [
        f"{at(0)} INFO  -      - run c: 7 steps on 2 hosts, 2 done earlier; log: /log/o1.log",
        f"{at(4)} INFO  n1     install_it@n1 install it: changed in 4.1s: file /etc/a, unit b",
        f"{at(4)} INFO  node-2 load_modules@node-2 load modules: unchanged in 0.1s",
        f"{at(5)} INFO  -      - n1: 1 changed",
        f"{at(5)} INFO  -      - node-2: 1 unchanged",
        f"{at(5)} INFO  -      - run done after 5.0s: 1 changed, 1 unchanged",
    ]


def test_failures_and_what_they_block() -> None:
    lines = told(
        (0.0, begin("n1", "n2", "n3")),
        (1.0, start("n1", "join")),
        (2.0, start("n1", "join", attempt=2)),
        (3.0, finish("n1", "join", Outcome.FAILED, error="no route\nto the API")),
        (3.0, finish("n2", "join", Outcome.BLOCKED)),
        (3.0, finish("n3", "join", Outcome.BLOCKED)),
        (3.0, end(failed=1, blocked=2, seconds=3)),
    )
    assert lines[1:] == [
        f"{at(2)} INFO  n1 join@n1 join: again, attempt 2",
        f"{at(3)} ERROR n1 join@n1 join: failed in 4.1s: no route",
        f"{at(3)} ERROR n1 join@n1     to the API",
        f"{at(3)} ERROR -  - n1: 1 failed",
        f"{at(3)} ERROR -  - n2, n3: 1 blocked",
        f"{at(3)} ERROR -  - run failed after 3.0s: 1 failed, 2 blocked",
    ]


def test_a_run_that_the_user_stopped() -> None:
    lines = told((0.0, begin("n1")), (1.0, finish("n1", "a")), (2.0, end(changed=1, blocked=3, seconds=2)))
    assert lines[-1] == f"{at(2)} INFO  -  - run stopped after 2.0s: 1 changed, 3 not started"


def test_many_changes_and_hosts_are_cut_short() -> None:
    changes = tuple(f"file /{number}" for number in range(9))
    hosts = [f"n{number}" for number in range(30)]
    events: list[tuple[float, Event]] = [(1.0, finish(host, "a", changes=changes)) for host in hosts]
    lines = told((0.0, begin(*hosts)), *events, (2.0, end(changed=30)))
    assert lines[1].endswith("changed in 4.1s: file /0, file /1, file /2 and 6 more")
    assert lines[-2].endswith("n0, n1, n2, n3, n4, n5, n6, n7 and 22 more: 1 changed")


def test_messages() -> None:
    lines = told(
        (1.0, Message(text="two\nlines")), (2.0, Message(text="clock is off", host="n1", warning=True))
    )
    assert lines == [
        f"{at(1)} INFO  - - two",
        f"{at(1)} INFO  - - lines",
        f"{at(2)} WARN  n1 - clock is off",
    ]


def test_a_slow_step_is_told_of_ever_more_rarely() -> None:
    text = PlainText(0.0, NOON)
    list(text.lines_for(start("n1", "wait for the API"), 0.0))
    beats = {now: line for now in range(300) for line in text.lines_at(now)}
    assert list(beats) == [15, 30, 60, 120, 180, 240]
    assert beats[30] == f"{at(30)} INFO  n1 wait_for_the_API@n1 wait for the API: runs for 30.0s\n"


def test_the_slowest_step_stands_for_all_hosts() -> None:
    lines = told(
        (0.0, begin("n1", "n2", "n3")),
        (1.0, start("n2", "install")),
        (2.0, start("n1", "install")),
        (3.0, start("n3", "load modules")),
        (20.0, None),
        (21.0, finish("n2", "install")),
        (22.0, None),
        (23.0, finish("n1", "install")),
        (24.0, finish("n3", "load modules")),
        (99.0, None),
    )
    waiting = [line for line in lines if "runs for" in line]
    assert waiting == [
        f"{at(20)} INFO  n2 install@n2 install: runs for 19.0s; slowest of 3 hosts at work",
        f"{at(22)} INFO  n1 install@n1 install: runs for 20.0s; slowest of 2 hosts at work",
    ]


def test_a_slow_step_that_sends_tells_how_far_it_is() -> None:
    lines = told(
        (0.0, start("n1", "copy")),
        (1.0, move(0, 10_000_000)),
        (15.0, move(700_000, 10_000_000)),
        (15.1, None),
    )
    assert lines == [f"{at(15)} INFO  n1 copy@n1 copy: runs for 15.1s, 7 % of 10.0 MB, 49.6 kB/s, 3m07s left"]


def test_a_transfer_has_a_line_in_five_seconds_and_ten_percent_at_most() -> None:
    fast = [(second / 10, move(second * 10, 200)) for second in range(21)]
    assert told(*fast) == []
    slow = [(float(second), move(second, 1000)) for second in range(1001)]
    assert [line.split()[0] for line in told(*slow)] == [at(second) for second in range(100, 1001, 100)]
    steady = told(*((float(second), move(second * 4, 100, host=None)) for second in range(26)))
    assert steady[0] == f"{at(5)} INFO  - - copy: 20 % of 100 B, 4 B/s, 20.0s left"
    assert steady[-1] == f"{at(25)} INFO  - - copy: 100 % of 100 B in 25.0s"
    assert len(steady) == 5


def test_a_later_transfer_of_the_same_name_is_told_of_as_well() -> None:
    first = [(float(second), move(second * 10, 100, host=None)) for second in range(11)]
    second = [(50.0 + second, move(second * 10, 100, host=None)) for second in range(11)]
    lines = told(*first, *second)
    assert [line.split()[0] for line in lines] == [at(5), at(10), at(55), at(60)]


def test_a_stalled_transfer_of_no_host_is_told_of() -> None:
    lines = told((0.0, move(0, 100, host=None)), (1.0, move(5, 100, host=None)), (14.0, None), (15.0, None))
    assert lines == [f"{at(15)} INFO  - - copy: 5 % of 100 B, 0 B/s, 4m45s left"]


def test_no_line_has_an_escape_code() -> None:
    evil = "a\x1b]0;b\x07\rc"
    lines = told(
        (0.0, begin(evil, verb=evil)),
        (1.0, finish(evil, evil, changes=(evil,))),
        (1.0, finish(evil, evil, Outcome.FAILED, error=evil)),
        (2.0, Message(text=evil, host=evil)),
        (9.0, move(50, 100, subject=evil, host=evil)),
        (10.0, end(changed=1)),
    )
    assert len(lines) == 8
    assert all(line.isprintable() for line in lines)


class Watched(io.StringIO):
    """A stream that says when it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def test_the_renderer_writes_events_at_once_and_looks_at_the_clock_itself() -> None:
    stream, clock = Watched(), Clock()
    with PlainRenderer(stream, clock=clock, moment=lambda: NOON, interval=0.001) as renderer:
        renderer(Message(text="hello"))
        assert stream.getvalue() == f"{at(0)} INFO  - - hello\n"
        renderer(start("n1", "wait"))
        stream.written.clear()
        clock.now += 16
        assert stream.written.wait(30)
    assert stream.getvalue().endswith(f"{at(16)} INFO  n1 wait@n1 wait: runs for 16.0s\n")


def test_work_goes_on_when_nobody_reads() -> None:
    stream = io.StringIO()
    with PlainRenderer(stream) as renderer:
        stream.close()
        renderer(Message(text="a"))
        renderer(Message(text="b"))


def test_an_encoding_without_the_characters_is_no_failure() -> None:
    data = io.BytesIO()
    with PlainRenderer(
        io.TextIOWrapper(data, encoding="ascii"), clock=Clock(), moment=lambda: NOON
    ) as renderer:
        renderer(finish("n1", "größer"))
        assert data.getvalue() == f"{at(0)} INFO  n1 gr??er@n1 gr??er: changed in 4.1s\n".encode()


def test_why_a_step_waits_is_told_whenever_it_is_another_reason() -> None:
    def waits(reason: str) -> StepWaiting:
        return StepWaiting(step="ready", title="be ready", host="n1", reason=reason)

    lines = told(
        (0.0, StepStarted(step="ready", title="be ready", host="n1")),
        (1.0, waits("n2: not Ready: the network\x1b[2J is down")),
        (20.0, None),
    )
    assert lines == [
        f"{at(1)} INFO  n1 ready be ready: waits: n2: not Ready: the network[2J is down",
        f"{at(20)} INFO  n1 ready be ready: runs for 20.0s, waits: n2: not Ready: the network[2J is down",
    ]


LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO |WARN |ERROR) (\S+) +(\S+) +\S.*")


def test_every_line_has_its_five_parts() -> None:
    lines = told(
        (0.0, begin("n1", "node-2")),
        (0.1, start("n1", "a title")),
        (1.0, Message(text="clock is off", host="n1", warning=True)),
        (2.0, finish("n1", "a title", Outcome.FAILED, error="no\nreason")),
        (2.0, end(failed=1)),
    )
    assert [line for line in lines if not LINE.fullmatch(line)] == []
