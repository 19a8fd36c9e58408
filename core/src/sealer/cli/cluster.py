"""``sealer resume``, ``delete``, ``status`` and ``kubeconfig``: verbs on a cluster that is known here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import confirm, output_option, yes_option
from sealer.cli.output import Format, print_document, table
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.cluster.inspection import Status
    from sealer.clusterfile import ClusterSpec


@click.command()
@click.argument("cluster", required=False)
@host_options
@pass_application
def resume(application: Application, /, cluster: str | None, **options: Any) -> None:
    """Go on with the operation that was killed or that failed, from where it was."""
    from sealer.cluster.operations import resume as resume_operation
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    summary = drive(application, lambda context: resume_operation(context, records), **options)
    click.echo(f"done: {summary.changed} steps changed something, {summary.unchanged} did not", err=True)


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
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back on each host.")
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
    yes: bool,
    **options: Any,
) -> None:
    """Take a cluster away, or some of its hosts: what was changed on them is put back, and nothing else."""
    from sealer.cluster.leaving import Leaving, remove_hosts
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
        spec = require_state(records).clusterfile.cluster
        hosts = tuple(host for host in spec.hosts if everything or host.address in leaving.addresses)
        show_residue(application, replace(spec, hosts=hosts), options)
        return
    if leaving.addresses:
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
@output_option()
@host_options
@pass_application
def status(application: Application, /, cluster: str | None, *, output: Format, **options: Any) -> None:
    """Show a cluster: its last operation, its hosts, and what the API server says of them."""
    from sealer.cluster.inspection import status as cluster_status
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    found = drive(application, lambda context: cluster_status(context, records), **options)
    document = _status_document(found)
    if output is not Format.TABLE:
        print_document(document, output)
        return
    click.echo(f"cluster    {document['cluster']}\nimage      {document['image']}")
    click.echo(f"operation  {document['operation']} ({document['state']})\n")
    click.echo(table(document["hosts"], ("host", "roles", "reachable", "node", "ready", "version")))


@click.command()
@click.argument("cluster", required=False)
@host_options
@pass_application
def kubeconfig(application: Application, /, cluster: str | None, **options: Any) -> None:
    """Print the administrator's kubeconfig, for use from this machine."""
    from sealer.cluster.inspection import kubeconfig as fetch
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    click.echo(drive(application, lambda context: fetch(context, records), **options), nl=False)


def show_residue(
    application: Application, spec: ClusterSpec, options: dict[str, Any], *, operation: str | None = None
) -> bool:
    """Print what Sealer, or one operation, has changed on hosts; return whether there is anything."""
    from sealer.cluster.residue import residue

    found = drive(application, lambda context: residue(context, spec, operation=operation), **options)
    for host in found:
        click.echo(f"{host.host}: {len(host.changes)} changes" if host.changes else f"{host.host}: nothing")
        for change in host.changes:
            click.echo(f"    {change}")
    return any(host.changes for host in found)


def _status_document(found: Status) -> dict[str, Any]:
    spec = found.request.clusterfile.cluster
    nodes = {_internal_address(node): node for node in found.nodes or ()}
    identity, state = found.operation
    hosts = []
    for host in (*spec.masters, *spec.nodes):
        node = nodes.get(host.address)
        hosts.append(
            {
                "host": host.address,
                "roles": ",".join(host.roles),
                "reachable": found.hosts[host.address] or "yes",
                "node": node["metadata"]["name"] if node else "",
                "ready": _ready(node) if node else "",
                "version": node["status"]["nodeInfo"]["kubeletVersion"] if node else "",
            }
        )
    return {
        "cluster": spec.name,
        "image": found.request.image.reference,
        "operation": identity,
        "state": state or "open: sealer resume goes on with it",
        "api": "answers" if found.nodes is not None else "does not answer",
        "hosts": hosts,
    }


def _internal_address(node: Any) -> str:
    addresses = node["status"].get("addresses", [])
    return next((item["address"] for item in addresses if item["type"] == "InternalIP"), "")


def _ready(node: Any) -> str:
    conditions = node["status"].get("conditions", [])
    state = next((item["status"] for item in conditions if item["type"] == "Ready"), "Unknown")
    return {"True": "Ready", "False": "NotReady"}.get(state, state)
