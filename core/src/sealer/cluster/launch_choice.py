"""What a user wants launched, and with which settings: plain values that are kept with an operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sealer.model.image import EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class AppChoice:
    """What the user wants of one application; what is empty or None is left to the image.

    Attributes:
        namespace: Where it goes.
        release: What it is called there.
        values: Texts of values for its chart, later ones over earlier ones.
        values_from: References (``env:``, ``file:``, ``cmd:``) to further ones, over those; read when they
            are needed.
        env: Environment of its commands and templates, over that of the image and the cluster.
        cmds: Commands that launch it.
        timeout: Seconds it may take to become ready; 0 is for not waiting.
    """

    namespace: str = ""
    release: str = ""
    values: tuple[str, ...] = ()
    values_from: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    cmds: tuple[str, ...] | None = None
    timeout: int | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "namespace": self.namespace,
            "release": self.release,
            "values": list(self.values),
            "values_from": list(self.values_from),
            "env": dict(self.env),
            "cmds": None if self.cmds is None else list(self.cmds),
            "timeout": self.timeout,
        }

    def over(self, base: AppChoice) -> AppChoice:
        """Return these wishes, and those of ``base`` where these say nothing."""
        return AppChoice(
            namespace=self.namespace or base.namespace,
            release=self.release or base.release,
            values=(*base.values, *self.values),
            values_from=(*base.values_from, *self.values_from),
            env={**base.env, **self.env},
            cmds=base.cmds if self.cmds is None else self.cmds,
            timeout=base.timeout if self.timeout is None else self.timeout,
        )


NO_CHOICES: Mapping[str, AppChoice] = MappingProxyType({})
EVERY = ""
"""In place of an application's name: what is wanted of all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchChoice:
    """What the user wants launched instead of what the image says; None leaves it to the image.

    Attributes:
        apps: Names of applications, in order; empty or ``("",)`` launches nothing.
        cmds: Raw commands, which take precedence over applications.
        settings: What is wanted of applications, by name; under ``EVERY`` what is wanted of all.
        defaults: What is wanted of single ones where ``settings`` say nothing of them, nor of all.
        parallel: Whether applications become ready at the same time, as far as the image lets them.
        upgrade: Whether earlier versions are upgraded, where a type does that in another way than launching.
        ignore_version: Whether the image may run on versions of Kubernetes that it does not name.
        lenient_platforms: Whether the image may lack the platform of some hosts.
    """

    apps: tuple[str, ...] | None = None
    cmds: tuple[str, ...] | None = None
    settings: Mapping[str, AppChoice] = field(default_factory=lambda: NO_CHOICES)
    defaults: Mapping[str, AppChoice] = field(default_factory=lambda: NO_CHOICES)
    parallel: bool = False
    upgrade: bool = False
    ignore_version: bool = False
    lenient_platforms: bool = False

    def of(self, name: str) -> AppChoice:
        """Return what is wanted of an application."""
        nothing = AppChoice()
        wanted = self.settings.get(name, nothing).over(self.settings.get(EVERY, nothing))
        return wanted.over(self.defaults.get(name, nothing))

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "apps": None if self.apps is None else list(self.apps),
            "cmds": None if self.cmds is None else list(self.cmds),
            "settings": {name: choice.to_plain() for name, choice in self.settings.items()},
            "defaults": {name: choice.to_plain() for name, choice in self.defaults.items()},
            "parallel": self.parallel,
            "upgrade": self.upgrade,
            "ignore_version": self.ignore_version,
            "lenient_platforms": self.lenient_platforms,
        }
