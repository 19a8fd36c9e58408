"""Values that one step produces and later steps use before they are known.

A ``Value`` written into a string field of a change leaves a mark there; the engine replaces the mark
when the producing step has run. So a plan is complete, and can be shown, before anything has run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

# Private-use characters: they have no meaning in any file or command, so a mark can't be meant otherwise.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}|]+)\\|([^{_OPEN}{_CLOSE}|]+){_CLOSE}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A named result of a step. ``str(value)`` is the mark to put into texts of other steps."""

    step: str
    key: str
    secret: bool = False

    def __str__(self) -> str:
        return f"{_OPEN}{self.step}|{self.key}{_CLOSE}"


def used_values(item: object) -> frozenset[tuple[str, str]]:
    """Return the (step, key) pairs whose marks occur anywhere in a dataclass, tuple, mapping or text."""
    found: set[tuple[str, str]] = set()

    def visit(text: str) -> str:
        found.update((match[1], match[2]) for match in _MARK.finditer(text))
        return text

    _map_texts(item, visit)
    return frozenset(found)


def fill(item: T, values: Mapping[tuple[str, str], str]) -> T:
    """Return the item with every mark replaced by its value.

    Raises:
        KeyError: A mark's value is not known.
    """
    return _map_texts(item, lambda text: _MARK.sub(lambda m: values[m[1], m[2]], text))


def show(text: str) -> str:
    """Return the text with every mark written for people, such as ``<token of kubernetes/init@n1>``."""
    return _MARK.sub(lambda match: f"<{match[2]} of {match[1]}>", text)


def _map_texts(item: T, change: Callable[[str], str]) -> T:
    """Rebuild an item with ``change`` applied to every text in it; unchanged parts stay the same objects."""
    value: Any = item
    if isinstance(value, str):
        return change(value)  # type: ignore[return-value]  # T is str here
    if isinstance(value, tuple):
        parts = [_map_texts(part, change) for part in value]
        same = all(new is old for new, old in zip(parts, value, strict=True))
        return item if same else type(value)(parts)  # type: ignore[return-value]  # T is a tuple here
    if isinstance(value, Mapping):
        return {key: _map_texts(part, change) for key, part in value.items()}  # type: ignore[return-value]  # a mapping stands for T
    if is_dataclass(value) and not isinstance(value, type):
        new = {f.name: _map_texts(getattr(value, f.name), change) for f in fields(value) if f.init}
        if all(new[name] is getattr(value, name) for name in new):
            return item
        return replace(value, **new)  # type: ignore[return-value]  # T is this dataclass
    return item
