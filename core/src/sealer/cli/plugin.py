"""``sealer plugin``: shows which plugins are installed, what they provide, and why one doesn't work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_rows

if TYPE_CHECKING:
    from sealer.plugins import PluginRecord

COLUMNS = ("name", "kind", "plugin", "distribution", "version", "state", "error")


@click.group()
def plugin() -> None:
    """Look at the plugins that are installed."""


@plugin.command("list")
@output_option()
@pass_application
def list_plugins(application: Application, output: Format) -> None:
    """List what plugins provide.

    There is one line per provider, and one for each plugin that is broken, contested or disabled.
    """
    rows = [row for record in application.plugins().records() for row in rows_of(record)]
    print_rows(rows, COLUMNS, output)


def rows_of(record: PluginRecord) -> list[dict[str, str | None]]:
    """Return a row per provider of a plugin; and one for the plugin itself when it is not simply loaded."""
    common = {"plugin": record.name, "distribution": record.distribution or None, "version": record.version}
    rows: list[dict[str, str | None]] = [
        {
            "name": provided.name,
            "kind": str(provided.kind),
            "summary": provided.summary,
            **common,
            "state": str(provided.state),
            "error": provided.error,
        }
        for provided in record.provides
    ]
    if not rows or record.state != "loaded":
        rows.append(
            {
                "name": None,
                "kind": None,
                "summary": None,
                **common,
                "state": str(record.state),
                "error": record.error,
            }
        )
    return rows
