"""``sealer resume``, ``delete`` and ``kubeconfig``: verbs on a cluster that is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options, say_done
from sealer.cli.options import confirm, yes_option
from sealer.cli.output import Format
from sealer.cli.plans import planned_options, show_plan
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.cluster.outlook import Outlook
    from sealer.cluster.session import Context


@click.command()
@click.argument("cluster", required=False)
@planned_options
@host_options
@pass_application
def resume(
    application: Application, /, cluster: str | None, *, dry_run: bool, output: Format, **options: Any
) -> None:
    """Go on with the operation that was killed or that failed, from where it was."""
    from sealer.cluster.foresight import look_at_resumption
    from sealer.cluster.operations import resume as resume_operation
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    if dry_run:
        show_plan(application, lambda context: look_at_resumption(context, records), options, output)
        return
    say_done(drive(application, lambda context: resume_operation(context, records), **options))


@click.command()
@click.argument("cluster", required=False)
@click.option("-a", "--all", "everything", is_flag=True, help="The whole cluster, on all its hosts.")
@click.option("-m", "--masters", default="", help="Only these masters: A,B or A-B. One at least has to stay.")
@click.option("-n", "--nodes", default="", help="Only these nodes: A,B or A-B. Their pods move away first.")
@click.option(
    "--drain-timeout",
    type=click.IntRange(1),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long the pods of one host may take to move away.",
)
@click.option("--force", is_flag=True, help="Leave hosts that can't be reached as they are.")
@planned_options
@yes_option
@host_options
@pass_application
def delete(
    application: Application,
    /,
    cluster: str | None,
    *,
    everything: bool,
    masters: str,
    nodes: str,
    drain_timeout: int,
    force: bool,
    dry_run: bool,
    output: Format,
    yes: bool,
    **options: Any,
) -> None:
    """Take a cluster away, or some of its hosts: what was changed on them is put back, and nothing else."""
    from sealer.cluster.foresight import look_at_deletion, look_at_leaving
    from sealer.cluster.leaving import Leaving, remove_hosts, require_removable
    from sealer.cluster.removal import delete as delete_cluster
    from sealer.cluster.state import choose_cluster, require_state
    from sealer.clusterfile.flags import cluster_from_flags

    if everything == bool(masters or nodes):
        raise UsageError("which hosts?", hint="sealer delete --all, or sealer delete -m A -n B,C")
    records = choose_cluster(application.home, cluster)
    named = cluster_from_flags(masters, nodes)
    leaving = Leaving(
        masters=tuple(host.address for host in named.masters),
        nodes=tuple(host.address for host in named.nodes),
        force=force,
        drain_seconds=drain_timeout,
    )
    if dry_run:

        async def look(context: Context) -> Outlook:
            if leaving.addresses:
                return await look_at_leaving(context, records, leaving)
            return await look_at_deletion(context, records, force=force)

        show_plan(application, look, options, output)
        return
    if leaving.addresses:
        require_removable(require_state(records).clusterfile.cluster, leaving)
        listed = ", ".join(leaving.addresses)
        confirm(f"Take {listed} out of cluster {records.cluster}?", yes=yes)
        drive(application, lambda context: remove_hosts(context, records, leaving), **options)
        click.echo(f"{listed} left cluster {records.cluster}", err=True)
        return
    confirm(f"Take cluster {records.cluster} away from all its hosts?", yes=yes)
    drive(application, lambda context: delete_cluster(context, records, force=force), **options)
    click.echo(f"cluster {records.cluster} is gone", err=True)


@click.command()
@click.argument("cluster", required=False)
@host_options
@pass_application
def kubeconfig(application: Application, /, cluster: str | None, **options: Any) -> None:
    """Print the administrator's kubeconfig, for use from this machine."""
    from sealer.cluster.kubeconfig import kubeconfig as fetch
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    click.echo(drive(application, lambda context: fetch(context, records), **options), nl=False)
