"""``sealer registry``: the registry inside a cluster."""

from __future__ import annotations

from typing import Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options, say_done
from sealer.cli.options import cluster_option, confirm, yes_option
from sealer.cli.output import Format
from sealer.cli.plans import planned_options, print_plan, show_plan


@click.group()
def registry() -> None:
    """Look after the registry inside a cluster."""


@registry.command()
@click.argument("cluster", required=False)
@planned_options
@yes_option
@host_options
@pass_application
def rotate(
    application: Application,
    /,
    cluster: str | None,
    *,
    dry_run: bool,
    yes: bool,
    output: Format,
    **options: Any,
) -> None:
    """Give the registry a new password, authority and certificate, and let all hosts know them.

    Expired ones too. While it lasts, pulls are refused on hosts that do not know the new ones yet, and tried
    again.
    """
    from sealer.cluster.rotation import look_at_rotation
    from sealer.cluster.rotation import rotate as rotate_credentials
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    if dry_run:
        show_plan(application, lambda context: look_at_rotation(context, records), options, output)
        return
    confirm(f"Give the registry of cluster {records.cluster} new credentials?", yes=yes)
    say_done(drive(application, lambda context: rotate_credentials(context, records), **options))


@registry.command()
@click.argument("cluster", required=False)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="How many releases of each application image stay; what the cluster uses stays in any case.",
)
@planned_options
@yes_option
@host_options
@pass_application
def prune(
    application: Application,
    /,
    cluster: str | None,
    *,
    keep: int,
    dry_run: bool,
    yes: bool,
    output: Format,
    **options: Any,
) -> None:
    """Take container images out of the registry that the cluster no longer needs.

    Those of earlier releases of application images, and of cluster images before the last upgrade. What
    workloads name stays, and what was pushed by others.
    """
    from sealer.cluster.pruning import look_at_pruning
    from sealer.cluster.pruning import prune as prune_registry
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    if dry_run:
        show_plan(application, lambda context: look_at_pruning(context, records, keep=keep), options, output)
        return
    confirm(f"Take container images out of the registry of cluster {records.cluster}?", yes=yes)
    say_done(drive(application, lambda context: prune_registry(context, records, keep=keep), **options))


@registry.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@cluster_option
@planned_options
@host_options
@pass_application
def add(
    application: Application,
    /,
    images: tuple[str, ...],
    *,
    cluster: str | None,
    dry_run: bool,
    output: Format,
    **options: Any,
) -> None:
    """Have the registry serve container images that no image brought, such as one that pods can't get.

    They are fetched once, to this machine, with the credentials of sealer login. All hosts get them from the
    cluster's registry by their own names, though none of them leads outside.
    """
    from sealer.cluster.added_images import add_images, look_at_adding
    from sealer.cluster.launching import Existing
    from sealer.cluster.state import choose_cluster, require_state

    records = choose_cluster(application.home, cluster)
    there = Existing(records=records, state=require_state(records, foreign=True))
    if dry_run:
        print_plan(look_at_adding(there, images), output)
        return
    say_done(drive(application, lambda context: add_images(context, there, images), **options))
