"""``sealer registry``: the registry inside a cluster."""

from __future__ import annotations

from typing import Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import confirm, output_option, yes_option
from sealer.cli.output import Format
from sealer.cli.plans import dry_run_option, print_plan


@click.group()
def registry() -> None:
    """Look after the registry inside a cluster."""


@registry.command()
@click.argument("cluster", required=False)
@dry_run_option
@yes_option
@output_option()
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
    again. With --dry-run, -o says how what would be done is printed.
    """
    from sealer.cluster.rotation import look_at_rotation
    from sealer.cluster.rotation import rotate as rotate_credentials
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    if dry_run:
        outlook = drive(application, lambda context: look_at_rotation(context, records), **options, dry=True)
        print_plan(outlook, output)
        return
    confirm(f"Give the registry of cluster {records.cluster} new credentials?", yes=yes)
    summary = drive(application, lambda context: rotate_credentials(context, records), **options)
    click.echo(f"done: {summary.changed} steps changed something, {summary.unchanged} did not", err=True)
