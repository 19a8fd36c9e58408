"""What a plain YAML scalar means, by the rules that Kubernetes' own tools read YAML with."""

from __future__ import annotations

import math
import re

NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_TRUE = frozenset(word for base in ("true", "yes", "on") for word in (base, base.title(), base.upper()))
_FALSE = frozenset(word for base in ("false", "no", "off") for word in (base, base.title(), base.upper()))
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_PREFIXED = re.compile(r"(?P<sign>[-+]?)0(?:x(?P<hex>[0-9a-fA-F]+)|b(?P<bin>[01]+)|o?(?P<oct>[0-7]+))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST_INTEGER = 20


def plain_value(text: str) -> str | int | float | bool | None:
    """Return what an unquoted scalar means: nothing, a boolean, a number or text.

    Dates and ``12:30`` are text, as they are to Kubernetes, whose data has no other type for them. So are
    numbers that JSON can't hold.
    """
    if text in NULLS:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INTEGER.fullmatch(text) and len(text) <= _LONGEST_INTEGER:
        return int(text)
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed and len(text) <= 4 * _LONGEST_INTEGER:
        for base, digits in ((16, prefixed["hex"]), (2, prefixed["bin"]), (8, prefixed["oct"])):
            if digits:
                return int(prefixed["sign"] + digits, base)
    if _FLOAT.fullmatch(text) and len(text) <= 400 and math.isfinite(number := float(text)):
        return number
    return text
