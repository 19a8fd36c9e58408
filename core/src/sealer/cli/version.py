"""``sealer version``: says which program this is."""

from __future__ import annotations

import platform

import click

from sealer import __version__
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document


@click.command()
@output_option()
def version(output: Format) -> None:
    """Show the version of Sealer."""
    if output is Format.TABLE:
        click.echo(f"sealer {__version__}")
        return
    facts = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }
    print_document(facts, output)
