"""``--set`` texts as values, by the grammar of helm's flag: read here, so that no argument list holds them.

``a.b=1,c[0].d=x,e={1,2}``: keys are parted by dots, lists have indexes, several assignments are parted by
commas, and a backslash takes any of these characters for itself. ``true``, ``false``, ``null`` and whole
numbers mean what they say; a number with a leading zero is a text.
"""

from __future__ import annotations

import re
from typing import Any

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_LONGEST_LIST = 1000

Key = str | int


class _Misplaced(ValueError):
    """A key or an index that does not fit what is there."""


def set_values(text: str, into: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the values that a text of assignments sets, put into those that are given.

    Raises:
        ValueError: The text is malformed; the message says how, and repeats no value.
    """
    values = {} if into is None else into
    for assignment in _split(text, ","):
        keys, equals, value = _partition(assignment)
        if not equals:
            raise ValueError("an assignment has no = in it: write KEY=VALUE")
        _assign(values, _keys(keys), _value(value))
    return values


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside of braces and behind no backslash."""
    parts, depth, part, escaped = [], 0, "", False
    for character in text:
        if escaped or character == "\\":
            part += character
            escaped = not escaped
            continue
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == separator and depth <= 0:
            parts.append(part)
            part = ""
        else:
            part += character
    return [*parts, part]


def _partition(text: str) -> tuple[str, str, str]:
    escaped = False
    for index, character in enumerate(text):
        if character == "=" and not escaped:
            return text[:index], "=", text[index + 1 :]
        escaped = character == "\\" and not escaped
    return text, "", ""


def _keys(text: str) -> list[Key]:
    keys: list[Key] = []
    for part in _split(text, "."):
        name, *indexes = re.split(r"\[([^\]]*)\]", part)
        if not name and not (indexes and keys):
            raise ValueError(f"the key {text!r} has an empty part")
        if name:
            keys.append(_unescaped(name))
        for index, rest in zip(indexes[::2], indexes[1::2], strict=True):
            if not index.isascii() or not index.isdigit() or int(index) >= _LONGEST_LIST or rest:
                raise ValueError(f"the key {text!r} has an index that is no small number")
            keys.append(int(index))
    return keys


def _value(text: str) -> Any:
    if text.startswith("{") and text.endswith("}"):
        inner = text[1:-1]
        return [_scalar(item) for item in _split(inner, ",")] if inner else []
    return _scalar(text)


def _scalar(text: str) -> Any:
    named = {"true": True, "false": False, "null": None}
    if text in named:
        return named[text]
    return int(text) if _INTEGER.fullmatch(text) else _unescaped(text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _assign(values: Any, keys: list[Key], value: Any) -> None:
    *path, last = keys
    for key, following in zip(path, keys[1:], strict=True):
        values = _child(values, key, [] if isinstance(following, int) else {})
    if isinstance(last, int):
        _child(values, last, None)
        values[last] = value
    elif isinstance(values, dict):
        values[last] = value
    else:
        raise _Misplaced(f"the key {last!r} stands in a list")


def _child(values: Any, key: Key, default: Any) -> Any:
    if isinstance(key, int):
        if not isinstance(values, list):
            raise _Misplaced(f"the index [{key}] stands where there is no list")
        values.extend([None] * (key + 1 - len(values)))
        if values[key] is None:
            values[key] = default
        return values[key]
    if not isinstance(values, dict):
        raise _Misplaced(f"the key {key!r} stands in a list")
    if not isinstance(values.get(key), type(default)):
        values[key] = default
    return values[key]
