"""The root command: global options, commands found in the table and imported when they are used."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from sealer import __version__
from sealer.cli.application import Application
from sealer.cli.commands import COMMANDS, Entry
from sealer.cli.configuration import check_name, defaults_for, name_variables, read_defaults
from sealer.cli.errors import exit_code_of
from sealer.home import sealer_home

CONFIGURATION = "config.yaml"

_COMPLETION_VARIABLE = "_SEALER_COMPLETE"


class TableOfCommands(click.Group):
    """A group whose commands are named by a table, so that listing them imports none of them."""

    def __init__(self, *args: Any, table: dict[str, Entry], **options: Any) -> None:
        super().__init__(*args, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the table's order."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command of the table."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(import_module(entry.module), entry.attribute)
        name_variables(command, f"SEALER_{cmd_name.replace('-', '_').upper()}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the nearest names."""
        name = args[0]
        if name not in self.table and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, self.table, n=3)
            question = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command {name!r}.{question}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands group by group, from the table alone."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, entry in self.table.items():
            groups.setdefault(entry.group, []).append((name, entry.summary))
        width = max(len(name) for name in self.table)
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in rows])


def _choices(ctx: click.Context, option: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    choices = {}
    for pair in pairs:
        name, separator, distribution = pair.partition("=")
        if not (name and separator and distribution):
            raise click.BadParameter(f"{pair!r} is not NAME=DISTRIBUTION", ctx=ctx, param=option)
        choices[name] = distribution
    return choices


@click.group(
    "sealer",
    cls=TableOfCommands,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Flags take defaults from SEALER_<VERB>_<FLAG> and from config.yaml in $SEALER_HOME (~/.sealer).",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "-d",
    "--debug",
    is_flag=True,
    envvar="SEALER_DEBUG",
    help="Show tracebacks and developers' logs on standard error.",
)
@click.option(
    "--disable-plugin",
    "disabled",
    metavar="NAME",
    multiple=True,  # SEALER_DISABLE_PLUGINS is read where plugins are loaded
    help="Leave a plugin out; also SEALER_DISABLE_PLUGINS=a,b.  [repeatable]",
)
@click.option(
    "--plugin",
    "chosen",
    metavar="NAME=DISTRIBUTION",
    multiple=True,
    callback=_choices,
    envvar="SEALER_PLUGIN",
    help="Choose who provides a name that several distributions claim.  [repeatable]",
)
@click.pass_context
def root(ctx: click.Context, debug: bool, disabled: tuple[str, ...], chosen: dict[str, str]) -> None:
    """Pack a whole Kubernetes cluster into one OCI image, share it, run it on a list of hosts."""
    home = sealer_home()
    ctx.obj = Application(home=home, disabled=disabled, chosen=chosen, debug=debug)
    if debug:
        import logging

        logging.basicConfig(level=logging.DEBUG)
    if (home / CONFIGURATION).exists():
        ctx.default_map = _defaults(ctx, home / CONFIGURATION)


def _defaults(ctx: click.Context, file: Path) -> dict[str, Any]:
    """Return the defaults of the command that is about to run; others are not imported to be checked."""
    sections = read_defaults(file)
    for name in sections:
        check_name(file, name, root.table, "command")
    name = ctx.invoked_subcommand or ""
    command = root.get_command(ctx, name) if name in sections else None
    return {} if command is None else {name: defaults_for(file, command, name, sections[name])}


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code; every error has been printed by then."""
    if _COMPLETION_VARIABLE in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(root, {}, "sealer", _COMPLETION_VARIABLE, os.environ[_COMPLETION_VARIABLE])
    context: click.Context | None = None

    def invoke() -> None:
        nonlocal context
        with root.make_context("sealer", list(arguments)) as context:
            root.invoke(context)

    def wants_traceback() -> bool:
        return context is not None and isinstance(context.obj, Application) and context.obj.debug

    return exit_code_of(invoke, wants_traceback=wants_traceback)
