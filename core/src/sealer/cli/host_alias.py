"""``sealer host-alias``: names in /etc/hosts of all hosts of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import cluster_option, output_option
from sealer.cli.output import Format, print_rows
from sealer.cli.plans import planned_options, show_plan

if TYPE_CHECKING:
    from sealer.cluster.host_aliases import Aliases


@click.group("host-alias")
def host_alias() -> None:
    """Names that all hosts of a cluster resolve, in their /etc/hosts; sealer delete takes them back."""


@host_alias.command("list")
@cluster_option
@output_option()
@pass_application
def list_aliases(application: Application, /, cluster: str | None, *, output: Format) -> None:
    """List the names, by their addresses."""
    from sealer.cluster.state import choose_cluster, require_state

    spec = require_state(choose_cluster(application.home, cluster)).clusterfile.cluster
    rows = [{"ip": alias.ip, "hostnames": list(alias.hostnames)} for alias in spec.host_aliases]
    print_rows(rows, ("ip", "hostnames"), output)


@host_alias.command()
@click.option("--ip", required=True, help="The address that the names stand for.")
@click.option("--hostnames", required=True, metavar="NAME,…", help="The names.")
@cluster_option
@planned_options
@host_options
@pass_application
def add(
    application: Application,
    /,
    *,
    ip: str,
    hostnames: str,
    cluster: str | None,
    dry_run: bool,
    output: Format,
    **options: Any,
) -> None:
    """Add names of an address, on hosts that there are and on those that join later."""
    from sealer.cluster.host_aliases import with_alias

    def wanted(aliases: Aliases) -> Aliases:
        return with_alias(aliases, ip, _words(hostnames))

    _change(application, cluster, wanted, dry_run=dry_run, output=output, options=options)


@host_alias.command()
@click.option("--ip", help="An address, with all its names unless some are named.")
@click.option("--hostnames", default="", metavar="NAME,…", help="Names.")
@cluster_option
@planned_options
@host_options
@pass_application
def remove(
    application: Application,
    /,
    *,
    ip: str | None,
    hostnames: str,
    cluster: str | None,
    dry_run: bool,
    output: Format,
    **options: Any,
) -> None:
    """Take names away again."""
    from sealer.cluster.host_aliases import without_alias

    def wanted(aliases: Aliases) -> Aliases:
        return without_alias(aliases, ip, _words(hostnames))

    _change(application, cluster, wanted, dry_run=dry_run, output=output, options=options)


def _change(
    application: Application,
    cluster: str | None,
    wanted: Callable[[Aliases], Aliases],
    *,
    dry_run: bool,
    output: Format,
    options: dict[str, Any],
) -> None:
    from sealer.cluster.host_aliases import change_aliases, look_at_aliases
    from sealer.cluster.state import choose_cluster, require_state

    records = choose_cluster(application.home, cluster)
    aliases = wanted(require_state(records).clusterfile.cluster.host_aliases)
    if dry_run:
        show_plan(application, lambda context: look_at_aliases(context, records, aliases), options, output)
        return
    summary = drive(application, lambda context: change_aliases(context, records, aliases), **options)
    click.echo(f"done: {summary.changed} hosts were changed, {summary.unchanged} were not", err=True)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in text.split(",") if word.strip())
