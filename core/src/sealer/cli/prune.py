"""``sealer prune``: gives back the space of what nothing needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.images import size_text
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document

if TYPE_CHECKING:
    from sealer.build.prune import Pruned


@click.command()
@click.option(
    "--cache",
    "fetched",
    is_flag=True,
    help="Also empty the caches of container images, downloads and RUN: builds fill them again.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; only show what would be removed.")
@output_option()
@pass_application
def prune(application: Application, *, fetched: bool, dry_run: bool, output: Format) -> None:
    """Remove images without a name, layers that no image uses, and what commands that were killed left.

    What an image uses stays, and so does all that a command which runs meanwhile has begun to use.
    """
    from sealer.build.prune import prune as prune_all
    from sealer.image.store import ImageStore

    pruned = prune_all(ImageStore(application.home), fetched=fetched, dry_run=dry_run)
    if output is not Format.TABLE:
        print_document(
            {
                "dry_run": dry_run,
                "images": [str(name) for name in pruned.names],
                "freed": {"store": pruned.store, **pruned.caches},
                "cached": pruned.cached,
                "deferred": pruned.deferred,
            },
            output,
        )
        return
    _show(pruned, dry_run=dry_run)


def _show(pruned: Pruned, *, dry_run: bool) -> None:
    for name in pruned.names:
        click.echo(str(name))
    freed = pruned.store + sum(pruned.caches.values())
    click.echo(f"{'would free' if dry_run else 'freed'} {size_text(freed)}", err=True)
    if pruned.deferred is not None:
        click.echo(f"warning: not all could be removed: {pruned.deferred}", err=True)
    if pruned.cached:
        click.echo(f"{size_text(pruned.cached)} of what was fetched is kept: see --cache", err=True)
