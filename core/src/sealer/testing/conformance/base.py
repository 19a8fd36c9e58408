"""What all contracts share: a provider with a name, and tests that can't be dropped unnoticed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from sealer.providers import Provider

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGE = __name__.rpartition(".")[0]
_REASON = "_sealer_deviates"
_NAME = re.compile(r"[a-z0-9]+(?:[-._][a-z0-9]+)*")


def deviates(reason: str) -> Callable[[Function], Function]:
    """Mark a test that stands in the place of one of a contract, and say why the plugin needs another."""
    if not reason.strip():
        raise ValueError("a deviation from a contract needs a reason")

    def mark(function: Function) -> Function:
        setattr(function, _REASON, reason)
        return function

    return mark


class Contract:
    """Base of all contracts. Replacing a test of theirs without ``deviates`` is a ``TypeError``."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        promised = {
            name
            for base in cls.__mro__
            if base.__module__.startswith(_PACKAGE)
            for name in vars(base)
            if name.startswith("test_")
        }
        for name in sorted(promised):
            owner = next(base for base in cls.__mro__ if name in vars(base))
            if owner.__module__.startswith(_PACKAGE):
                continue
            if not getattr(inspect.getattr_static(cls, name), _REASON, ""):
                raise TypeError(
                    f"{owner.__qualname__}.{name} replaces a test of its contract; if the plugin must differ "
                    'there, say why: @deviates("...")'
                )

    @pytest.fixture
    def provider(self) -> Any:
        """Return the provider to be tested."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'provider' that returns it")

    def test_the_provider_has_a_name(self, provider: Provider) -> None:
        """Labels and users' files hold it: small letters, digits, and dashes, dots or underscores within."""
        assert isinstance(provider.name, str)
        assert _NAME.fullmatch(provider.name), f"{provider.name!r} can't be written in labels and files"

    def test_the_summary_is_one_line(self, provider: Provider) -> None:
        """It stands in the table of ``sealer plugin list``."""
        assert provider.summary.strip(), "the summary is what people choose a plugin by"
        assert provider.summary == " ".join(provider.summary.split())
        assert len(provider.summary) <= 100
