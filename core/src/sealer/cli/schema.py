"""``sealer schema``: the JSON Schema of Clusterfiles, for editors."""

from __future__ import annotations

import click

from sealer.cli.output import Format, print_document


@click.command()
def schema() -> None:
    """Print the JSON Schema of Clusterfiles, for editors that complete and check them."""
    from sealer.clusterfile.json_schema import clusterfile_schema

    print_document(clusterfile_schema(), Format.JSON)
