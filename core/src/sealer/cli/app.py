"""``sealer app``: the applications on a cluster, one that Sealer made or any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, driving_flags, host_options, say_done
from sealer.cli.launching import chosen_context, context_options, delivery_options
from sealer.cli.options import cluster_option, confirm, output_option, yes_option
from sealer.cli.output import Format, print_document, print_rows, table
from sealer.cli.plans import planned_options, print_plan, show_plan
from sealer.cli.run import app_wish, image_app_options
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.cluster.app_diff import AppDiff
    from sealer.cluster.app_status import AppStatus
    from sealer.cluster.launching import Existing
    from sealer.cluster.session import Context

COLUMNS = ("name", "type", "namespace", "state", "revision", "image", "launched")


@click.group()
def app() -> None:
    """Look at the applications on a cluster, compare, upgrade and remove them."""


def _there(application: Application, flags: dict[str, Any]) -> Existing:
    """Return the cluster that the flags name."""
    from sealer.cluster.foreign import foreign_request
    from sealer.cluster.launching import Existing
    from sealer.cluster.state import choose_cluster, require_state

    foreign = chosen_context(flags)
    if foreign is not None:
        records, state = foreign_request(application.home, foreign)
        return Existing(records=records, state=state)
    records = choose_cluster(application.home, flags["cluster"])
    return Existing(records=records, state=require_state(records, foreign=True))


def _statuses(
    application: Application, names: tuple[str, ...], flags: dict[str, Any]
) -> tuple[AppStatus, ...]:
    from sealer.cluster.app_status import app_statuses
    from sealer.cluster.launching import asking

    there = _there(application, flags)

    async def work(context: Context) -> tuple[AppStatus, ...]:
        async with asking(context, there) as cluster:
            return await app_statuses(cluster, names)

    return drive(application, work, **driving_flags(flags))


@app.command("list")
@cluster_option
@context_options
@output_option()
@host_options
@pass_application
def list_apps(application: Application, /, *, output: Format, **flags: Any) -> None:
    """List the applications on a cluster."""
    rows = [status.to_plain() for status in _statuses(application, (), flags)]
    print_rows(rows, COLUMNS, output)


@app.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@cluster_option
@context_options
@output_option()
@host_options
@pass_application
def status(application: Application, /, names: tuple[str, ...], *, output: Format, **flags: Any) -> None:
    """Show how applications are, object by object, and how they came to be."""
    found = _statuses(application, names, flags)
    if output is not Format.TABLE:
        print_document([one.to_plain() | {"history": _history(one)} for one in found], output)
        return
    for one in found:
        plain = one.to_plain()
        click.echo(f"{plain['name']}  {plain['type']}  {plain['state']}")
        if one.objects:
            click.echo(table(plain["objects"], ("kind", "namespace", "name", "state", "reason")))
        for entry in _history(one):
            click.echo(f"    {entry['time']}  {entry['image']}  {entry['digest'][:19]}")


def _history(status: AppStatus) -> list[dict[str, str]]:
    history = status.record.history
    return [{"time": entry.time, "image": entry.image, "digest": entry.digest} for entry in history]


@app.command()
@click.argument("image")
@image_app_options
@cluster_option
@context_options
@delivery_options
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 7 when something would change.")
@host_options
@pass_application
def diff(application: Application, /, image: str, *, detailed_exitcode: bool, **flags: Any) -> None:
    """Show how launching the applications of IMAGE would change the cluster; secrets are masked."""
    from sealer.cluster.app_diff import app_diffs
    from sealer.cluster.images import available
    from sealer.cluster.launching import asking

    there, wish = _there(application, flags), app_wish(image, flags)

    async def work(context: Context) -> tuple[AppDiff, ...]:
        await available(context, wish.reference)
        async with asking(context, there) as cluster:
            return await app_diffs(context, cluster, wish)

    found = drive(application, work, **driving_flags(flags))
    for one in found:
        _print_diff(one)
    if detailed_exitcode and any(one.text for one in found):
        raise click.exceptions.Exit(7)


def _print_diff(found: AppDiff) -> None:
    if not found.known:
        click.echo(
            f"{found.name}: it is launched by commands, which don't say what they would change", err=True
        )
    elif not found.text:
        click.echo(f"{found.name}: nothing would change", err=True)
    click.echo(found.text, nl=False)


@app.command()
@click.argument("image")
@image_app_options
@cluster_option
@context_options
@delivery_options
@planned_options
@host_options
@pass_application
def upgrade(application: Application, /, image: str, *, dry_run: bool, output: Format, **flags: Any) -> None:
    """Turn the applications of an earlier image into those of IMAGE; what it no longer has of them goes."""
    from dataclasses import replace

    from sealer.cluster.images import available
    from sealer.cluster.launching import UPGRADE, put_application
    from sealer.cluster.planning import look
    from sealer.operation.engine import Summary

    there, wish = _there(application, flags), app_wish(image, flags)
    wish = replace(wish, choice=replace(wish.choice, upgrade=True))
    if dry_run:
        found = drive(application, lambda context: look(context, wish), **driving_flags(flags), dry=True)
        print_plan(found.outlook, output)
        return

    async def work(context: Context) -> Summary:
        await available(context, wish.reference)
        return await put_application(context, there, wish, verb=UPGRADE)

    say_done(drive(application, work, **driving_flags(flags)))


@app.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--cmds", multiple=True, help="A command that takes them away, instead of what their types do.")
@click.option("--forget", is_flag=True, help="Leave what runs as it is, and only forget it.")
@cluster_option
@context_options
@planned_options
@yes_option
@host_options
@pass_application
def uninstall(
    application: Application,
    /,
    names: tuple[str, ...],
    *,
    cmds: tuple[str, ...],
    forget: bool,
    dry_run: bool,
    output: Format,
    yes: bool,
    **flags: Any,
) -> None:
    """Take applications away from a cluster, with all that was made for them."""
    from sealer.cluster.launch_choice import LaunchChoice
    from sealer.cluster.launching import look_at_uninstalling
    from sealer.cluster.launching import uninstall as take_away

    if forget and cmds:
        raise UsageError("--forget and --cmds exclude each other")
    there = _there(application, flags)
    choice = LaunchChoice(cmds=() if forget else cmds or None)
    if dry_run:
        show_plan(
            application, lambda context: look_at_uninstalling(context, there, names, choice), flags, output
        )
        return
    confirm(f"Take {', '.join(names)} away from cluster {there.records.cluster}?", yes=yes)
    say_done(
        drive(application, lambda context: take_away(context, there, names, choice), **driving_flags(flags))
    )
