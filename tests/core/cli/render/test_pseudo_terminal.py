"""The live picture on a real terminal device: of any width, with any number of hosts, also when resized."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

PROGRAM = """
import signal, sys, time
from sealer.cli.render import make_renderer
from sealer.events import *

hosts = tuple(f"10.88.0.{number}" for number in range(11, 11 + int(sys.argv[1])))
with make_renderer("auto") as show:
    show(OperationStarted(operation="o", verb="run", cluster="c", hosts=hosts, steps=3 * len(hosts), done=0,
                          log="/home/somebody/.sealer/clusters/c/operations/o/log"))
    for host in hosts:
        show(StepStarted(step=f"rootfs@{host}", title="unpack the image", host=host))
    for part in range(1, 11):
        for host in hosts:
            show(TransferProgress(subject="unpack the image", host=host, moved=part * 10**7, total=10**8))
        time.sleep(0.05)
        if part == 5:
            print("ask for another size", flush=True)
            sys.stdin.readline()
            time.sleep(0.4)
    for host in hosts[1:]:
        show(StepFinished(step=f"rootfs@{host}", title="unpack the image", host=host, outcome=Outcome.CHANGED,
                          seconds=1.0))
    show(StepStarted(step="ready", title="wait until every node is Ready", host=hosts[1]))
    show(StepWaiting(step="ready", title="wait until every node is Ready", host=hosts[1],
                     reason="n2: not Ready: KubeletNotReady: the network plugin is not ready " + "x" * 300))
    time.sleep(0.4)
    show(StepFinished(step=f"rootfs@{hosts[0]}", title="unpack the image", host=hosts[0],
                      outcome=Outcome.FAILED, seconds=1.0, error="the disk is full"))
    show(OperationFinished(operation="o", failed=1, blocked=0, changed=2, unchanged=0, seconds=2.0))
"""

CONTROL = re.compile(r"\x1b\[[0-9;?]*([A-Za-z])")
COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[1-8]|9[0-7])(?:;[0-9]+)*m")
TEXT_STYLE = "\x1b[2m"


def set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def run(tmp_path: Path, hosts: int, sizes: list[tuple[int, int]], **variables: str) -> list[str]:
    """Run the program on a terminal, and return what came on it while it had each of the sizes."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    ours, theirs = pty.openpty()
    set_size(theirs, *sizes[0])
    environment = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LC_ALL": "C.UTF-8",
        **variables,
    }
    said = [""]
    with subprocess.Popen(
        [sys.executable, str(file), str(hosts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
    ) as process:
        os.close(theirs)
        assert process.stdin is not None
        assert process.stdout is not None
        watched = [ours, process.stdout.fileno()]
        while ready := select.select(watched, [], [], 60)[0]:
            if ours in ready:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # how Linux says that nobody has the other side open any more
                    break
                said[-1] += data.decode(errors="replace")
            else:
                watched = [ours]
                for size in sizes[1:]:
                    set_size(ours, *size)
                    said.append("")
                process.stdin.write(b"\n")
                process.stdin.flush()
    os.close(ours)
    assert process.returncode == 0
    return said


def drawn(text: str) -> list[str]:
    """Return the lines as the terminal gets them, without control sequences."""
    return [CONTROL.sub("", line).rstrip() for line in text.replace("\r", "\n").split("\n")]


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("hosts", [3, 64])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, columns: int, hosts: int) -> None:
    (text,) = run(tmp_path, hosts, [(columns, 24)])
    lanes = [line for line in drawn(text) if line[:1] in ("●", "○", "✗", "…")]
    assert any("unpack the image" in line for line in lanes)
    assert max(map(len, lanes)) <= columns
    if hosts == 64:
        assert any("64" in line or "more" in line for line in lanes)


def test_the_picture_is_no_higher_than_the_terminal(tmp_path: Path) -> None:
    (text,) = run(tmp_path, 64, [(80, 15)])
    # A picture is taken away by going up its height: never beyond the first line.
    ups = [sequence.count("\x1b[1A") for sequence in re.findall(r"(?:\x1b\[1A|\x1b\[2K|\r)+", text)]
    assert max(ups) < 15


def test_a_terminal_that_is_resized_gets_pictures_of_its_size(tmp_path: Path) -> None:
    wide, narrow = run(tmp_path, 3, [(120, 30), (50, 30)])
    # What was on its way when the size changed is still as wide as before.
    lanes = [line for line in drawn(narrow) if line[:1] in ("●", "○")]
    assert lanes[-1]
    assert all(len(line) <= 50 for line in lanes[6:])
    assert any(len(line) > 50 for line in drawn(wide) if line[:1] == "●")


def test_rates_times_and_the_slowest_host_are_seen(tmp_path: Path) -> None:
    (text,) = run(tmp_path, 3, [(160, 30)])
    lines = drawn(text)
    assert any(re.search(r"● 10\.88\.0\.11 .* \d+ % +\d+\.\d MB/s +\d+\.\ds left", line) for line in lines)
    assert any(re.search(r"sent \d+\.\d MB of 300 MB", line) for line in lines)
    assert any("slowest: 10.88.0.11" in line for line in lines)
    assert any("not Ready: KubeletNotReady" in line for line in lines)


def test_colours_are_left_out_when_they_are_not_wanted(tmp_path: Path) -> None:
    (colourful,) = run(tmp_path, 3, [(80, 24)])
    (plain,) = run(tmp_path, 3, [(80, 24)], NO_COLOR="1")
    assert COLOUR.search(colourful)
    assert not COLOUR.search(plain)


def test_percents_never_fall(tmp_path: Path) -> None:
    (text,) = run(tmp_path, 3, [(160, 30)])
    shown = [int(number) for number in re.findall(r"● 10\.88\.0\.12 .*?(\d+) %", CONTROL.sub("", text))]
    assert len(shown) > 3
    assert shown == sorted(shown)


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path) -> None:
    (text,) = run(tmp_path, 3, [(80, 24)], TERM="dumb")
    assert "\x1b" not in text
    assert re.search(
        r"^\S+Z ERROR 10\.88\.0\.11 rootfs@10\.88\.0\.11 unpack the image: failed", text, re.MULTILINE
    )
