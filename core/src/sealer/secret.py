"""A text that must never be shown, logged or written down by accident."""

from __future__ import annotations

from typing import Any


class Secret:
    """Holds a secret text; every way of printing it gives ``***``.

    Two secrets are equal when their texts are. A secret can't be pickled, so it never reaches a file.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; call it where the text is used, and keep no copy."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, form: str) -> str:
        return format(str(self), form)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a secret can't be pickled or copied to a file")
