"""What every command is handed in ``ctx.obj``: where Sealer keeps its files, and the plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealer.home import sealer_home

if TYPE_CHECKING:
    from sealer.events import Event
    from sealer.plugins import Plugins


@dataclass(frozen=True, kw_only=True)
class Application:
    """One run of the program.

    Attributes:
        home: Where Sealer keeps images, clusters, logs and its configuration.
        disabled: Names of plugins the user switched off.
        chosen: The distribution the user wants, by contested name.
        debug: Whether tracebacks and developers' logs are wanted on standard error.
    """

    home: Path = field(default_factory=sealer_home)
    disabled: tuple[str, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)
    debug: bool = False

    def plugins(self) -> Plugins:
        """Return the providers of the installed plugins, which are imported at the first look-up."""
        return self._plugins

    @cached_property
    def _plugins(self) -> Plugins:
        from sealer.plugins import load_plugins

        return load_plugins(disabled=self.disabled, chosen=self.chosen, sink=_warn)


pass_application = click.make_pass_decorator(Application)
"""Decorator that hands a command the ``Application`` as its first argument."""


def _warn(event: Event) -> None:
    text = getattr(event, "text", "")
    click.echo(f"warning: {text}", err=True)
