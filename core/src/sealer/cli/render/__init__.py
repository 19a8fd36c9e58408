"""Events to text: what long work shows on standard error, and the log file of an operation."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from sealer.cli.render.base import Renderer, fan_out
from sealer.cli.render.log import open_log

__all__ = ["Renderer", "fan_out", "make_renderer", "open_log"]


def make_renderer(
    progress: str, stderr: TextIO | None = None, *, environ: Mapping[str, str] = os.environ
) -> Renderer:
    """Return a renderer, to be entered before events come.

    Args:
        progress: What ``--progress`` says: ``tty``, ``plain``, ``json``, ``none``, or ``auto``, which is
            ``tty`` on a terminal that can move its cursor, and else ``plain``. Warnings are always shown.
        stderr: Where to write, by default standard error.
        environ: The environment, for ``TERM``.

    Raises:
        ValueError: There is no such kind of progress.
    """
    stream = sys.stderr if stderr is None else stderr
    if progress == "auto":
        progress = "tty" if stream.isatty() and environ.get("TERM") != "dumb" else "plain"
    match progress:
        case "tty":
            # rich takes a while to import, and most runs do without it.
            from sealer.cli.render.terminal import TerminalRenderer

            return TerminalRenderer(stream)
        case "plain":
            from sealer.cli.render.plain import PlainRenderer

            return PlainRenderer(stream)
        case "json":
            from sealer.cli.render.json_lines import JsonRenderer

            return JsonRenderer(stream)
        case "none":
            from sealer.cli.render.quiet import QuietRenderer

            return QuietRenderer(stream)
        case _:
            raise ValueError(f"unknown progress: {progress}")
