"""Standard error while a live picture is drawn on it: whole lines go above the picture."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.text import Text


class Above(io.TextIOBase):
    """A text stream whose lines are printed by rich, so that they don't tear up the picture.

    rich has such a stream too, but it says nothing of its encoding; click then writes past it.

    Args:
        show: Prints a line above the picture.
    """

    def __init__(self, show: Callable[[Text], None]) -> None:
        self._show = show
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the stubs have a plain attribute
        """What callers see; rich does the encoding."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # the stubs have a plain attribute
        """What callers see."""
        return "replace"

    def isatty(self) -> bool:
        """Return True: the picture is drawn on terminals alone."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Show the lines that are complete, and keep the rest until it is."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes a text, not {type(text).__name__}")
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._show(Text.from_ansi(line))
        return len(text)

    def finish(self) -> None:
        """Show a line that was begun and not ended."""
        if self._begun:
            self.write("\n")
