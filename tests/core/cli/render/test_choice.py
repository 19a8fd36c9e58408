"""Choosing a renderer."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from sealer.cli.render import Renderer, fan_out, make_renderer
from sealer.cli.render.json_lines import JsonRenderer
from sealer.cli.render.plain import PlainRenderer
from sealer.cli.render.quiet import QuietRenderer
from sealer.cli.render.terminal import TerminalRenderer
from sealer.events import Event, Message
from tests.core.cli.render.helpers import begin


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("progress", "stream", "term", "kind"),
    [
        ("auto", Terminal(), "xterm", TerminalRenderer),
        ("auto", Terminal(), "dumb", PlainRenderer),
        ("auto", io.StringIO(), "xterm", PlainRenderer),
        ("tty", io.StringIO(), "dumb", TerminalRenderer),
        ("plain", Terminal(), "xterm", PlainRenderer),
        ("json", Terminal(), "xterm", JsonRenderer),
        ("none", Terminal(), "xterm", QuietRenderer),
    ],
)
def test_the_renderer_fits_the_stream(
    progress: str, stream: io.StringIO, term: str, kind: type[Renderer]
) -> None:
    assert type(make_renderer(progress, stream, environ={"TERM": term})) is kind


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="fancy"):
        make_renderer("fancy", io.StringIO())


def test_warnings_are_shown_even_without_progress() -> None:
    stream = io.StringIO()
    with make_renderer("none", stream) as renderer:
        renderer(begin("n1"))
        renderer(Message(text="fine"))
        renderer(Message(text="no space\n", host="n1", warning=True))
    assert stream.getvalue() == "warning: n1: no space\n"


def test_all_sinks_get_all_events() -> None:
    first: list[Event] = []
    second: list[Event] = []
    sink = fan_out(first.append, second.append)
    sink(begin("n1"))
    sink(Message(text="a"))
    assert first == second == [begin("n1"), Message(text="a")]


def test_plain_progress_does_not_import_rich() -> None:
    code = (
        "import sys; from sealer.cli.render import make_renderer, open_log;"
        "make_renderer('plain'); make_renderer('json'); sys.exit('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == 0
