"""The functions of sh that scripts are made with, from the files in ``shell``; of many only what is called.

What is in these files travels with scripts to hosts, but for the lines that are comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

HELPERS = ("files", "trees", "units", "kernel", "layers", "commands")
"""Files with functions that changes call; each function ends before the next begins."""

RUNNER = ("steps", "lock", "entries", "visits", "undoing")
"""Files with the functions that visit changes, and keep the host's journal and lock."""

_FUNCTION = re.compile(r"^(\w+)\(\) (?:\{.*\}|[{(]\n(?:.*\n)*?[})])\n", re.MULTILINE)
_WORD = re.compile(r"\w+")


@cache
def runner() -> str:
    """Return the functions that visit changes."""
    return _text(RUNNER)


@cache
def all_helpers() -> str:
    """Return all functions that changes call, and what comes before them in a script."""
    return _text(("prelude", *HELPERS))


@cache
def passing() -> str:
    """Return the functions by which a host gets image layers from another one."""
    return _text(("passing",))


def helpers_of(text: str) -> str:
    """Return as much of ``all_helpers`` as a text calls: a host would read the rest for nothing."""
    helpers = _helpers()
    wanted: set[str] = set()
    found = frozenset(_WORD.findall(text)) & helpers.keys()
    while found:
        wanted |= found
        found = frozenset(word for name in found for word in helpers[name][1] & helpers.keys()) - wanted
    start = _FUNCTION.split(all_helpers(), maxsplit=1)[0]
    return start + "".join(text for name, (text, _) in helpers.items() if name in wanted)


@cache
def _helpers() -> Mapping[str, tuple[str, frozenset[str]]]:
    """Return the text of each function, by its name, with the words that stand in it."""
    found = {match[1]: match[0] for match in _FUNCTION.finditer(all_helpers())}
    return {name: (text, frozenset(_WORD.findall(text))) for name, text in found.items()}


def _text(names: Sequence[str]) -> str:
    directory = files("sealer.changes").joinpath("shell")
    lines = "".join(directory.joinpath(f"{name}.sh").read_text(encoding="utf-8") for name in names)
    return "".join(line for line in lines.splitlines(keepends=True) if not line.lstrip().startswith("#"))
