"""``sealer cert``: the certificates of a cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import confirm, output_option, yes_option
from sealer.cli.output import Format, print_document, table
from sealer.cli.plans import dry_run_option, print_plan


@click.command()
@click.argument("cluster", required=False)
@click.option("--renew", "renewing", is_flag=True, help="Make all of them anew, expired ones too.")
@click.option(
    "--alt-names",
    default="",
    metavar="NAME,…",
    help="Renew, with further names and addresses of the API server; they are kept from then on.",
)
@dry_run_option
@yes_option
@output_option()
@host_options
@pass_application
def cert(
    application: Application,
    /,
    cluster: str | None,
    *,
    renewing: bool,
    alt_names: str,
    dry_run: bool,
    yes: bool,
    output: Format,
    **options: Any,
) -> None:
    """List the certificates on all hosts of a cluster and when they end, or make them anew.

    Renewing restarts what uses them: the control plane of one master after the other, and each kubelet. Pods
    go on running.
    """
    from sealer.cluster.certificates import certificates, renew, to_plain
    from sealer.cluster.foresight import look_at_renewal
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    names = [name.strip() for name in alt_names.split(",") if name.strip()]
    if dry_run:
        outlook = drive(
            application, lambda context: look_at_renewal(context, records, names), **options, dry=True
        )
        print_plan(outlook, output)
        return
    if renewing or names:
        confirm(f"Make all certificates of cluster {records.cluster} anew?", yes=yes)
        drive(application, lambda context: renew(context, records, names), **options)
        click.echo(
            "all certificates are new; kubeconfigs that were given out end when they would have: "
            f"sealer kubeconfig {records.cluster} prints a new one",
            err=True,
        )
        return
    found = drive(application, lambda context: certificates(context, records), **options)
    now = datetime.now(UTC)
    rows = [to_plain(one, now) for one in sorted(found, key=lambda one: (one.ends, one.host, one.file))]
    if output is not Format.TABLE:
        print_document(rows, output)
        return
    click.echo(
        table(
            [{**row, "ends": row["ends"][:16]} for row in rows], ("host", "file", "subject", "ends", "days")
        )
    )
