"""Programs that stand in for distributions where the real ones would take minutes.

They refuse what the real ones would refuse. They look for files below the directory STAND_IN_ROOT, and write
there what they were told and what they refused.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

_TOLD, _REFUSED = "told", "refused"


def fail(message: str) -> NoReturn:
    """End as the real programs do."""
    _note(_REFUSED, message)
    print(f"FATA {message}", file=sys.stderr)
    sys.exit(1)


def tell(told: dict[str, Any]) -> None:
    """Keep what was told for the test."""
    _note(_TOLD, json.dumps(told))


def _note(name: str, text: str) -> None:
    with placed(name).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def placed(path: str) -> Path:
    """Return where a file of the host is, here; arguments say that already."""
    root = Path(os.environ["STAND_IN_ROOT"])
    return Path(path) if Path(path).is_relative_to(root) else root / path.lstrip("/")


def read(path: str, what: str) -> str:
    """Return the text of a file that has to be there."""
    try:
        return placed(path).read_text(encoding="utf-8")
    except OSError:
        fail(f"{what}: open {path}: no such file or directory")


def write(files: dict[str, str]) -> None:
    """Make what the real program has made when it is ready, as far as it is read."""
    for path, text in files.items():
        placed(path).parent.mkdir(parents=True, exist_ok=True)
        placed(path).write_text(text, encoding="utf-8")


def parsed(text: str) -> Any:
    """Return what YAML says."""
    import yaml  # which most commands do without, and begin sooner

    return yaml.safe_load(text)


def only(found: object, known: set[str], where: str) -> None:
    """Refuse what is no mapping, or has other keys."""
    if not isinstance(found, dict) or set(found) - known:
        fail(f"{where}: {found!r} has other keys than {', '.join(sorted(known))}")


def options(arguments: Sequence[str], with_words: set[str]) -> tuple[dict[str, str], list[str]]:
    """Return flags with their words, and what is no flag.

    Args:
        arguments: Of the program.
        with_words: Flags whose word may stand behind them.
    """
    given: dict[str, str] = {}
    plain: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            plain.append(word)
            continue
        name, _, value = word.lstrip("-").partition("=")
        if not value and name in with_words:
            value = rest.pop(0) if rest else fail(f"flag needs an argument: {word}")
        given[name] = value
    return given, plain
