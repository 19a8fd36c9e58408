"""``sealer run``, ``apply`` and ``plan``: from an image and hosts to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, driving_flags, host_options, say_done
from sealer.cli.launching import (
    chosen_context,
    chosen_delivery,
    context_options,
    delivery_options,
    launch_choice,
    setting_options,
)
from sealer.cli.options import (
    adding,
    clusterfile_option,
    confirm,
    ignore_option,
    login_options,
    output_option,
    yes_option,
)
from sealer.cli.output import Format
from sealer.cli.plans import planned_options, print_plan
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.cluster.install import Wish
    from sealer.cluster.launch_choice import LaunchChoice
    from sealer.cluster.planning import Look
    from sealer.clusterfile import Clusterfile

Function = TypeVar("Function", bound=Callable[..., Any])


launch_options = adding(
    click.option("-e", "--env", multiple=True, metavar="K=V", help="Environment, over the image's."),
    click.option("--apps", multiple=True, help="Applications to launch instead of the image's: A,B."),
    click.option("--cmds", multiple=True, help="A command to launch instead of what the image says."),
)
"""Decorator that adds the flags which say what is launched, and with which settings."""


def cluster_options(function: Function) -> Function:
    """Add all flags that describe a cluster."""
    return login_options(launch_options(setting_options(ignore_option(function))))


def image_app_options(function: Function) -> Function:
    """Add the flags that say what of an application image is launched, and with which settings."""
    return clusterfile_option(launch_options(setting_options(function)))


@click.command()
@click.argument("image", required=False)
@cluster_options
@context_options
@delivery_options
@planned_options
@yes_option
@host_options
@pass_application
def run(
    application: Application,
    /,
    image: str | None,
    *,
    dry_run: bool,
    output: Format,
    yes: bool,
    **flags: Any,
) -> None:
    """Make a cluster from a cluster IMAGE, or put an application IMAGE on a cluster.

    The hosts come from -m and -n, from a Clusterfile, or from both. An application image runs on the cluster
    that --cluster-name names, on the only one there is, or on any that --kubeconfig names.
    """
    _run(application, _wish(image, flags), flags, dry_run=dry_run, output=output, yes=yes)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@cluster_options
@planned_options
@yes_option
@host_options
@pass_application
def apply(
    application: Application,
    /,
    file: Path | None,
    *,
    dry_run: bool,
    output: Format,
    yes: bool,
    **flags: Any,
) -> None:
    """Make the cluster of a Clusterfile what it says (-f), or carry out the plan in FILE.

    Hosts of the cluster that the Clusterfile does not name any more leave it. A plan that sealer plan --out
    wrote is refused when the hosts have changed since.
    """
    if (file is None) == (flags["clusterfile"] is None):
        raise UsageError(
            "apply needs a Clusterfile or a plan", hint="sealer apply -f Clusterfile, or sealer apply PLAN"
        )
    if file is None:
        _run(application, _wish(None, flags), flags, dry_run=dry_run, output=output, yes=yes)
    else:
        _run_saved(application, file, flags, dry_run=dry_run, output=output, yes=yes)


@click.command()
@click.argument("image", required=False)
@cluster_options
@context_options
@delivery_options
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 7 when there is something to do.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Keep the plan for sealer apply."
)
@output_option()
@host_options
@pass_application
def plan(
    application: Application,
    /,
    image: str | None,
    *,
    detailed_exitcode: bool,
    out: Path | None,
    output: Format,
    **flags: Any,
) -> None:
    """Show what run or apply would do on each host, and why, and change nothing.

    An image that is not here is pulled first. What the other verbs would do is shown by their --dry-run.
    """
    found = _look(application, _wish(image, flags), flags, dry=False)
    print_plan(found.outlook, output)
    if out is not None:
        from sealer.operation.records import write_json

        write_json(out.absolute(), found.saved.to_plain())
    if detailed_exitcode and found.outlook.needed:
        raise click.exceptions.Exit(7)


def _look(application: Application, wish: Wish, flags: dict[str, Any], *, dry: bool) -> Look:
    from sealer.cluster.planning import look

    return drive(application, lambda context: look(context, wish), **driving_flags(flags), dry=dry)


def _run(
    application: Application,
    wish: Wish,
    flags: dict[str, Any],
    *,
    dry_run: bool,
    output: Format,
    yes: bool,
) -> None:
    from sealer.cluster.launching import run_image
    from sealer.cluster.leaving import leaving_hosts

    if dry_run:
        print_plan(_look(application, wish, flags, dry=True).outlook, output)
        return
    if leaving_hosts(application.home, wish).addresses:
        _let_go(application, _look(application, wish, flags, dry=False), flags, yes=yes)
    say_done(drive(application, lambda context: run_image(context, wish), **driving_flags(flags)))


def _run_saved(
    application: Application,
    file: Path,
    flags: dict[str, Any],
    *,
    dry_run: bool,
    output: Format,
    yes: bool,
) -> None:
    from sealer.cluster.planning import SavedPlan, apply_saved, look_again
    from sealer.operation.records import read_json

    saved = SavedPlan.from_plain(read_json(file), str(file))
    if dry_run or saved.leaving:
        look = drive(
            application, lambda context: look_again(context, saved), **driving_flags(flags), dry=dry_run
        )
        if dry_run:
            print_plan(look.outlook, output)
            return
        _let_go(application, look, flags, yes=yes)
    say_done(drive(application, lambda context: apply_saved(context, saved), **driving_flags(flags)))


def _let_go(application: Application, look: Look, flags: dict[str, Any], *, yes: bool) -> None:
    """Show what is to be done, ask, and take the hosts out that are not named any more."""
    from sealer.cluster.leaving import remove_hosts
    from sealer.operation.records import ClusterRecords

    name, leaving = look.outlook.cluster, look.leaving
    print_plan(look.outlook, err=True)
    confirm(f"Take {', '.join(leaving.addresses)} out of cluster {name}, and do the rest?", yes=yes)
    records = ClusterRecords(application.home, name)
    drive(application, lambda context: remove_hosts(context, records, leaving), **driving_flags(flags))


def _wish(image: str | None, flags: dict[str, Any]) -> Wish:
    """Put flags and Clusterfile together."""
    from sealer.cli.describing import describe_cluster
    from sealer.cluster.install import Wish

    clusterfile = describe_cluster(flags)
    spec = clusterfile.cluster
    reference = image or spec.image
    if not reference:
        raise UsageError("no image is named", hint="sealer run IMAGE, or spec.image in the Clusterfile")
    return Wish(
        clusterfile=clusterfile,
        reference=reference,
        ignore=flags["ignore"],
        named=bool(flags["cluster_name"] or flags["clusterfile"]),
        choice=_launch_choice(flags, clusterfile),
        foreign=chosen_context(flags),
        delivery=chosen_delivery(flags),
        # Who has it written down which hosts there are means all of them.
        shrink=image is None and flags["clusterfile"] is not None,
    )


def _launch_choice(flags: dict[str, Any], clusterfile: Clusterfile) -> LaunchChoice:
    """Return what is to be launched: what flags say, or else what the Clusterfile does."""
    apps = tuple(name for value in flags["apps"] for name in value.split(","))
    return launch_choice(
        flags,
        apps=apps if flags["apps"] else clusterfile.launch_apps,
        cmds=tuple(flags["cmds"]) or clusterfile.launch_cmds,
    )


def app_wish(image: str, flags: dict[str, Any]) -> Wish:
    """Return what flags say of an application image, and of the cluster that it goes to.

    Raises:
        UsageError: A flag is malformed.
        SourceErrors: The Clusterfile is.
    """
    from sealer.cli.describing import read_described
    from sealer.cluster.install import Wish
    from sealer.clusterfile.flags import cluster_from_flags

    base = read_described(flags)
    spec = cluster_from_flags(env=flags["env"], name=flags["cluster"], base=base.cluster)
    clusterfile = replace(base, cluster=spec)
    return Wish(
        clusterfile=clusterfile,
        reference=image,
        named=bool(flags["cluster"]),
        choice=_launch_choice(flags, clusterfile),
        foreign=chosen_context(flags),
        delivery=chosen_delivery(flags),
    )
