"""The variables of a Kubefile while it is read: arguments, environment, and those that every build has.

As in a Dockerfile, arguments that come before FROM are for FROM alone, an argument that is declared anew
after it takes their value, and environment goes before arguments.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sealer.model import Platform
from sealer.model.image import EMPTY

PROXIES = frozenset(
    name
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (proxy, proxy.lower())
)
"""Arguments that need no declaration; RUN alone has them, and nothing of the image tells of them."""

# Looking for what is alike takes long, and nobody reads more than a few hints.
_HINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What is known before a Kubefile is read.

    Attributes:
        platform: The platform of the image.
        machine: The platform of the machine that builds, or None for the image's.
        arguments: Values of arguments, from ``--build-arg``.
        inherited: The parent image's environment, or None while the parent is not at hand: then what
            depends on a variable that may come from it is left out.
    """

    platform: Platform
    machine: Platform | None = None
    arguments: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    inherited: Mapping[str, str] | None = None

    @property
    def predefined(self) -> Mapping[str, str]:
        """The variables of every build: those of Dockerfiles, and ``ARCH``."""
        machine = self.machine or self.platform
        return {
            "ARCH": self.platform.architecture,
            "TARGETPLATFORM": str(self.platform),
            "TARGETOS": self.platform.os,
            "TARGETARCH": self.platform.architecture,
            "TARGETVARIANT": self.platform.variant,
            "BUILDPLATFORM": str(machine),
            "BUILDOS": machine.os,
            "BUILDARCH": machine.architecture,
            "BUILDVARIANT": machine.variant,
        }


class UnsettledError(Exception):
    """A variable whose value depends on a parent image that is not at hand."""


class Scope:
    """The variables at the instruction that is being read."""

    def __init__(self, variables: Variables) -> None:
        self._given = variables.arguments
        self._predefined = variables.predefined
        self._inherited = variables.inherited
        self._before: dict[str, str] = {}
        self._arguments: dict[str, str] = {}
        self._env: dict[str, str] = dict(variables.inherited or {})
        self._declared: set[str] = set()
        self._started = False
        self._lost = False
        self._hints = _HINTS

    def start(self, *, scratch: bool) -> None:
        """Leave what comes before FROM; without a parent image there is no environment to know."""
        self._started = True
        if scratch:
            self._inherited = EMPTY
            self._env = {}

    def lose(self) -> None:
        """Forget all values: one that was to be set depends on the parent image."""
        self._lost = True

    def lookup(self, name: str) -> str | None:
        """Return the value of a variable, or None when it is not set.

        Raises:
            UnsettledError: That depends on the parent image, which is not at hand.
        """
        if not self._started:
            return self._before.get(name, self._predefined.get(name))
        if self._lost:
            raise UnsettledError
        for values in (self._env, self._arguments, self._predefined):
            if name in values:
                return values[name]
        if self._inherited is None:
            raise UnsettledError
        return None

    def near(self, name: str) -> str | None:
        """Return the variable whose name is most like one that is not set; only so many are looked for."""
        self._hints -= 1
        if self._hints < 0:
            return None
        known = {*self._before} if not self._started else {*self._env, *self._arguments}
        found = difflib.get_close_matches(name[:60], sorted({*known, *self._predefined})[:1000], n=1)
        return found[0] if found else None

    def declare(self, name: str, default: str | None) -> str | None:
        """Declare an argument and return its value, or None when it has none."""
        self._declared.add(name)
        value = self._given.get(name, default)
        if not self._started:
            if value is not None:
                self._before[name] = value
            return value
        if value is None:
            value = self._before.get(name)
        if value is not None:
            self._arguments[name] = value
        return value

    def assign(self, name: str, value: str) -> None:
        """Set a variable of the environment."""
        self._env[name] = value

    @property
    def unused(self) -> tuple[str, ...]:
        """The arguments that were given and never declared."""
        return tuple(
            name
            for name in self._given
            if name not in self._declared and name not in PROXIES and name not in self._predefined
        )
