"""Plain data of a record back to a dataclass: every field has to have the type that the class says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

_Value = TypeVar("_Value")


def decode(kind: type[_Value], data: object) -> _Value:
    """Make a dataclass of plain data, as ``json`` reads them; what has a default may be missing.

    Fields are texts, numbers, truth values, words of an enumeration, other dataclasses, tuples of one kind,
    mappings by text, or one of these or None.

    Raises:
        TypeError: Something is missing, is unknown or has another type.
        ValueError: A word is none of those that are known.
    """
    if not isinstance(data, dict):
        raise TypeError(f"{kind.__name__}: no mapping")
    hints = get_type_hints(kind)
    unknown = data.keys() - hints.keys()
    if unknown or not is_dataclass(kind):
        raise TypeError(f"{kind.__name__}: {', '.join(sorted(unknown))}")
    named = {field.name for field in fields(kind)}
    return kind(**{name: _decode(hints[name], value) for name, value in data.items() if name in named})


def _decode(hint: Any, value: object) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if value is None and NoneType in inner else _decode(inner[0], value)
    if origin is tuple and isinstance(value, list):
        return tuple(_decode(inner[0], item) for item in value)
    if origin is Mapping and isinstance(value, dict):
        return {name: _decode(inner[1], item) for name, item in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return decode(hint, value)
    if hint is float and type(value) in (int, float):
        return value
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if type(value) is hint:
        return value
    raise TypeError(f"{value!r} is no {hint}")
