"""``sealer search``: lists the tags that a registry has of repositories."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_rows
from sealer.cli.transfer import skip_tls_verify_option, transfer

if TYPE_CHECKING:
    from sealer.events import EventSink

COLUMNS = ("repository", "tag")


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@skip_tls_verify_option
@output_option()
@pass_application
def search(
    application: Application, names: tuple[str, ...], *, skip_tls_verify: bool, output: Format
) -> None:
    """List the tags that registries have of images; a tag in NAME says which to show."""
    from sealer.image.reference import DEFAULT_TAG, parse_reference
    from sealer.image.transport import Transport

    references = [parse_reference(name) for name in names]
    wanted = [
        None if reference.tag == DEFAULT_TAG and not name.endswith(f":{DEFAULT_TAG}") else reference.tag
        for name, reference in zip(names, references, strict=True)
    ]

    async def work(sink: EventSink) -> list[tuple[str, ...]]:
        transport = Transport(application.home, skip_tls_verify=skip_tls_verify, sink=sink)
        return await asyncio.gather(*(transport.list_tags(reference) for reference in references))

    rows = [
        {"repository": reference.name, "tag": tag}
        for reference, only, tags in zip(references, wanted, transfer(work), strict=True)
        for tag in tags
        if only is None or tag == only
    ]
    print_rows(rows, COLUMNS, output)
