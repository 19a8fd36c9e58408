"""``sealer scale-up`` and ``sealer join``: further hosts for a cluster that is known here."""

from __future__ import annotations

from typing import Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, driving_flags, host_options, say_done
from sealer.cli.options import ignore_option, login_options
from sealer.cli.output import Format
from sealer.cli.plans import planned_options, print_plan


@click.command("scale-up")
@click.argument("cluster", required=False)
@login_options
@click.option("-e", "--env", multiple=True, metavar="K=V", help="Environment of the cluster.")
@ignore_option
@planned_options
@host_options
@pass_application
def scale_up(
    application: Application, /, cluster: str | None, *, dry_run: bool, output: Format, **flags: Any
) -> None:
    """Add masters (-m) and nodes (-n) to CLUSTER.

    The log-in flags are for the hosts that are added. Those that the cluster has are left as they are.
    """
    from sealer.cli.describing import describe_cluster
    from sealer.cluster.install import Wish, install
    from sealer.cluster.planning import look
    from sealer.cluster.scaling import enlarged
    from sealer.cluster.state import choose_cluster, require_state

    named = describe_cluster({**flags, "cluster_name": None}).cluster
    records = choose_cluster(application.home, cluster or flags["cluster_name"])
    state = require_state(records)
    wish = Wish(
        clusterfile=enlarged(state.clusterfile, named),
        reference=state.image.reference,
        choice=state.choice,
        named=True,
        ignore=flags["ignore"],
    )
    if dry_run:
        found = drive(application, lambda context: look(context, wish), **driving_flags(flags), dry=True)
        print_plan(found.outlook, output)
        return
    say_done(drive(application, lambda context: install(context, wish), **driving_flags(flags)))


@click.command("join", epilog="The same as sealer scale-up.")
@click.argument("cluster", required=False)
@login_options
@click.option("-e", "--env", multiple=True, metavar="K=V", help="Environment of the cluster.")
@ignore_option
@planned_options
@host_options
@click.pass_context
def join(context: click.Context, /, **flags: Any) -> None:
    """Add masters (-m) and nodes (-n) to CLUSTER, as Sealer's old name for scale-up does."""
    context.invoke(scale_up, **flags)
