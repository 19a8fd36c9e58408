"""``sealer operations`` and ``sealer reset``: what was done to clusters, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, driving_flags, host_options
from sealer.cli.options import cluster_option, confirm, login_options, output_option, yes_option
from sealer.cli.output import Format, print_document, print_rows
from sealer.cli.plans import dry_run_option, planned_options, print_plan, show_plan
from sealer.cli.render.wording import counted
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.clusterfile import Clusterfile
    from sealer.operation.engine import Summary


@click.group()
def operations() -> None:
    """Look at what was done to a cluster, give it up, or take it back."""


def _say_taken_back(summary: Summary) -> None:
    from sealer.cluster.removal import of_hosts

    hosts = of_hosts(summary)
    text = f"done: taken back on {counted(hosts.changed, 'host')}, nothing to do on {hosts.unchanged}"
    tasks = len(summary.done) - len(hosts.done)
    click.echo(f"{text}; tasks done behind it: {tasks}" if tasks else text, err=True)


@operations.command("list")
@cluster_option
@output_option()
@pass_application
def list_operations(application: Application, /, cluster: str | None, output: Format) -> None:
    """List the operations on a cluster, also on one that is gone, oldest first."""
    from sealer.cluster.operations import summarise
    from sealer.cluster.state import choose_recorded

    records = choose_recorded(application.home, cluster)
    rows = [summarise(operation).to_plain() for operation in records.operations()]
    print_rows(rows, ("id", "verb", "state", "done", "image"), output)


@operations.command()
@click.argument("operation")
@cluster_option
@output_option(Format.YAML, Format.JSON)
@pass_application
def show(application: Application, /, operation: str, cluster: str | None, output: Format) -> None:
    """Show one operation: its steps, its image, its log."""
    from sealer.cluster.operations import summarise
    from sealer.cluster.state import choose_recorded

    records = choose_recorded(application.home, cluster)
    print_document(summarise(records.operation(operation)).to_plain(), output)


@operations.command()
@cluster_option
@dry_run_option
@output_option()
@yes_option
@pass_application
def abort(
    application: Application, /, cluster: str | None, *, dry_run: bool, output: Format, yes: bool
) -> None:
    """Give the open operation up: what it did stays, and others may begin.

    With --dry-run, -o says how that operation is printed.
    """
    from sealer.cluster.operations import abort as abort_operation
    from sealer.cluster.operations import summarise, to_abort
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    if dry_run:
        found = summarise(to_abort(records))
        if output is not Format.TABLE:
            print_document(found.to_plain(), output)
            return
        done = sum(state == "done" for state in found.steps.values())
        click.echo(
            f"operation {found.id} would be given up: {done} steps are done, "
            f"{len(found.steps) - done} were begun; what they did stays"
        )
        return
    confirm(f"Give operation {to_abort(records).id} on cluster {records.cluster} up?", yes=yes)
    click.echo(f"operation {abort_operation(records).id} is given up", err=True)


@operations.command()
@click.argument("operation", required=False)
@cluster_option
@planned_options
@yes_option
@host_options
@pass_application
def rollback(
    application: Application,
    /,
    operation: str | None,
    cluster: str | None,
    *,
    dry_run: bool,
    output: Format,
    yes: bool,
    **options: Any,
) -> None:
    """Take back what the newest operation changed on hosts, newest first."""
    from sealer.cluster.foresight import look_at_rollback
    from sealer.cluster.removal import rollback as roll_back
    from sealer.cluster.rollback_target import rollback_target
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    if dry_run:
        show_plan(application, lambda context: look_at_rollback(context, records, operation), options, output)
        return
    target = rollback_target(records, operation)
    confirm(f"Take back what operation {target.id} did on {records.cluster}?", yes=yes)
    summary = drive(application, lambda context: roll_back(context, records, target.id), **options)
    _say_taken_back(summary)


@click.command()
@click.option("--hosts", default="", help="Addresses: A,B or A-B; instead of -m and -n.")
@login_options
@click.option("--data-root", help="Where the data of clusters are on hosts.  [default: /var/lib/sealer]")
@click.option(
    "--verify", is_flag=True, help="Only show what is left on the hosts; exit with 1 if anything is."
)
@planned_options
@yes_option
@host_options
@pass_application
def reset(
    application: Application,
    /,
    hosts: str,
    *,
    data_root: str | None,
    verify: bool,
    dry_run: bool,
    output: Format,
    yes: bool,
    **flags: Any,
) -> None:
    """Take back what Sealer left on hosts, with neither a record here nor an image.

    Each host keeps a journal of what was changed on it; that is all it takes. With --verify and --dry-run, -o
    says how what is found is printed.
    """
    from sealer.cluster.foresight import leftovers, look_at_reset
    from sealer.cluster.removal import refuse_known
    from sealer.cluster.removal import reset as reset_hosts
    from sealer.operation.records import ClusterRecords

    found = _described(hosts, data_root, flags)
    spec = found.cluster
    if verify:
        left = drive(application, lambda context: leftovers(context, spec), **driving_flags(flags), dry=True)
        print_plan(left, output)
        if left.needed:
            raise click.exceptions.Exit(1)
        return
    if dry_run:
        show_plan(application, lambda context: look_at_reset(context, found), flags, output)
        return
    refuse_known(ClusterRecords(application.home, spec.name), spec)
    confirm(f"Take back all that Sealer changed for cluster {spec.name} on {len(spec.hosts)} hosts?", yes=yes)
    summary = drive(application, lambda context: reset_hosts(context, found), **driving_flags(flags))
    _say_taken_back(summary)


def _described(hosts: str, data_root: str | None, flags: dict[str, Any]) -> Clusterfile:
    """Return the hosts that are to be reset, as a cluster.

    Raises:
        UsageError: There are none, or what was given can't be meant.
    """
    from dataclasses import replace

    from sealer.cli.describing import describe_cluster
    from sealer.clusterfile.addresses import expand_endpoints
    from sealer.clusterfile.data_root import data_root_of

    try:
        parts = hosts.split(",") if hosts else []
        named = [endpoint.address for part in parts for endpoint in expand_endpoints(part.strip())]
    except ValueError as error:
        raise UsageError(f"--hosts: {error}") from error
    for place, address in enumerate(named):
        if address in named[:place]:
            raise UsageError(f"--hosts: {address} is given twice")
    found = describe_cluster({**flags, "nodes": ",".join(part for part in (flags["nodes"], hosts) if part)})
    if not found.cluster.hosts:
        raise UsageError("no hosts are given", hint="sealer reset --hosts A,B")
    if data_root is None:
        return found
    try:
        return replace(found, cluster=replace(found.cluster, data_root=data_root_of(data_root)))
    except ValueError as error:
        raise UsageError(f"--data-root: {data_root} {error}") from error
