"""``sealer upgrade``: a cluster goes over to another image."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import cluster_option, confirm, yes_option
from sealer.cli.output import Format
from sealer.cli.plans import planned_options, show_plan


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@cluster_option
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many nodes are upgraded at one time; masters are upgraded one by one.",
)
@click.option(
    "--drain-timeout",
    type=click.IntRange(1),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long the pods of one host may take to move away.",
)
@planned_options
@yes_option
@host_options
@pass_application
def upgrade(
    application: Application,
    /,
    images: tuple[str, ...],
    *,
    cluster: str | None,
    batch: int,
    drain_timeout: int,
    dry_run: bool,
    yes: bool,
    output: Format,
    **options: Any,
) -> None:
    """Take a cluster over to IMAGE, or by way of several images from one to the next.

    What the cluster stores is saved first. Then come the masters one by one, and the nodes in batches: pods
    move away, the host gets the new version, and it has to be healthy before the next ones begin. sealer
    rollback takes the upgrade back.
    """
    from sealer.cluster.state import choose_cluster
    from sealer.cluster.upgrading import UpgradeWish, look_at_upgrade
    from sealer.cluster.upgrading import upgrade as upgrade_cluster

    records = choose_cluster(application.home, cluster)
    wishes = [UpgradeWish(reference=image, batch=batch, drain_seconds=drain_timeout) for image in images]
    if dry_run:
        show_plan(application, lambda context: look_at_upgrade(context, records, wishes[0]), options, output)
        return
    confirm(f"Upgrade cluster {records.cluster} to {', then '.join(images)}?", yes=yes)
    for wish in wishes:
        drive(application, partial(upgrade_cluster, records=records, wish=wish), **options)
        click.echo(f"cluster {records.cluster} runs {wish.reference}", err=True)
