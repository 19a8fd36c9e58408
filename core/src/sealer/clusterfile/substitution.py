"""``${NAME}`` and ``${NAME:-default}`` in texts, from the environment; ``$$`` stands for ``$``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PATTERN = re.compile(
    r"""
    (?P<escape>\$\$)
    | \$\{ (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?: :- (?P<default>[^}]*) )? \}
    | (?P<broken>\$\{ [^}]* \}? )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A reference that has no value.

    Attributes:
        offset: Of its ``$`` in the text, from 0.
        message: What is wrong with it.
        hint: What to write instead.
    """

    offset: int
    message: str
    hint: str


def substitute(text: str, env: Mapping[str, str]) -> tuple[str, tuple[Unresolved, ...]]:
    """Return the text with every reference replaced, and those that could not be.

    A variable that is set to the empty text counts as unset where there is a default, as in sh.
    """
    unresolved: list[Unresolved] = []

    def replace(match: re.Match[str]) -> str:
        if match["escape"]:
            return "$"
        if match["broken"]:
            unresolved.append(
                Unresolved(
                    offset=match.start(),
                    message=f"{_shorten(match['broken'])} is no reference to a variable",
                    hint="write ${NAME} or ${NAME:-default}, or $${ for a literal ${",
                )
            )
            return ""
        name, default = match["name"], match["default"]
        value = env.get(name)
        if default is not None:
            return value or default
        if value is None:
            unresolved.append(
                Unresolved(
                    offset=match.start(),
                    message=f"the environment variable {name} is not set",
                    hint=f"set {name}, or give a default: ${{{name}:-default}}",
                )
            )
            return ""
        return value

    return _PATTERN.sub(replace, text), tuple(unresolved)


def escape(text: str) -> str:
    """Return a text that ``substitute`` turns into the given one, whatever the environment."""
    return text.replace("$", "$$") if "$$" in text or "${" in text else text


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
