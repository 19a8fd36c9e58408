"""``sealer run``, ``apply`` and ``plan``: from an image and hosts to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.cluster.install import Wish
    from sealer.cluster.verbs import PlannedStep
    from sealer.operation.engine import Summary

Function = TypeVar("Function", bound=Callable[..., Any])


def cluster_options(function: Function) -> Function:
    """Add the flags that describe a cluster."""
    path = click.Path(dir_okay=False)
    options = (
        click.option("-f", "--Clusterfile", "clusterfile", type=path, help="A Clusterfile."),
        click.option("-m", "--masters", default="", help="Addresses of masters: A,B or A-B."),
        click.option("-n", "--nodes", default="", help="Addresses of nodes: A,B or A-B."),
        click.option("--cluster-name", help="The cluster's name.  [default: my-cluster]"),
        click.option("-u", "--user", help="Who logs in.  [default: root]"),
        click.option("-p", "--passwd", help="The password; others may see it: rather --passwd-from."),
        click.option("--passwd-from", help="Where the password is: env:NAME, file:PATH, cmd:… or prompt."),
        click.option("--port", type=click.IntRange(1, 65535), help="Port of sshd.  [default: 22]"),
        click.option("--pk", help="A private key file."),
        click.option("--pk-passwd-from", help="Where the key's passphrase is, as for --passwd-from."),
        click.option("-e", "--env", multiple=True, metavar="K=V", help="Environment, over the image's."),
        click.option("--apps", multiple=True, help="Applications to launch instead of the image's: A,B."),
        click.option("--cmds", multiple=True, help="A command to launch instead of what the image says."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@click.argument("image", required=False)
@cluster_options
@host_options
@pass_application
def run(application: Application, /, image: str | None, **flags: Any) -> None:
    """Make a cluster from a cluster IMAGE, or put an application IMAGE on a cluster.

    The hosts come from -m and -n, from a Clusterfile, or from both. An application image runs on the cluster
    that --cluster-name names, or on the only one there is.
    """
    summary = _run(application, image, flags)
    _say_done(summary)


@click.command()
@cluster_options
@host_options
@pass_application
def apply(application: Application, /, **flags: Any) -> None:
    """Make the cluster of a Clusterfile what the file says."""
    if not flags["clusterfile"]:
        raise UsageError("apply needs a Clusterfile", hint="sealer apply -f Clusterfile")
    _say_done(_run(application, None, flags))


@click.command()
@click.argument("image", required=False)
@cluster_options
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 7 when there is something to do.")
@output_option()
@host_options
@pass_application
def plan(
    application: Application, /, image: str | None, *, detailed_exitcode: bool, output: Format, **flags: Any
) -> None:
    """Show what run would do on each host, and why, and change nothing."""
    from sealer.cluster.verbs import look

    wish = _wish(image, flags)
    steps = drive(application, lambda context: look(context, wish), **_driving(flags))
    _print_plan(steps, output)
    if detailed_exitcode and any(step.needed for step in steps):
        raise click.exceptions.Exit(7)


def _run(application: Application, image: str | None, flags: dict[str, Any]) -> Summary:
    from sealer.cluster.install import run_image

    wish = _wish(image, flags)
    return drive(application, lambda context: run_image(context, wish), **_driving(flags))


def _wish(image: str | None, flags: dict[str, Any]) -> Wish:
    """Put flags and Clusterfile together."""
    from sealer.cli.describing import describe_cluster
    from sealer.cluster.applications import LaunchChoice
    from sealer.cluster.install import Wish

    clusterfile = describe_cluster(flags)
    spec = clusterfile.cluster
    reference = image or spec.image
    if not reference:
        raise UsageError("no image is named", hint="sealer run IMAGE, or spec.image in the Clusterfile")
    apps = tuple(name for value in flags["apps"] for name in value.split(",")) if flags["apps"] else None
    return Wish(
        clusterfile=clusterfile,
        reference=reference,
        named=bool(flags["cluster_name"] or flags["clusterfile"]),
        choice=LaunchChoice(
            apps=apps if apps is not None else spec.app_names,
            cmds=tuple(flags["cmds"]) or spec.cmds,
        ),
    )


def _driving(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: flags[name] for name in ("accept_new", "concurrency", "upload_concurrency", "progress")}


def _say_done(summary: Summary) -> None:
    click.echo(f"done: {summary.changed} steps changed something, {summary.unchanged} did not", err=True)


def _print_plan(steps: tuple[PlannedStep, ...], output: Format) -> None:
    if output is not Format.TABLE:
        document = [
            {
                "step": planned.step.id,
                "title": planned.step.title,
                "host": planned.step.host,
                "changes": [{"change": change, "reason": reason} for change, reason in planned.needed],
            }
            for planned in steps
        ]
        print_document(document, output)
        return
    needed = [planned for planned in steps if planned.needed]
    for planned in needed:
        click.echo(f"{planned.step.host}  {planned.step.title}  ({planned.step.id})")
        for change, reason in planned.needed:
            click.echo(f"    {change}: {reason}")
    hosts = len({planned.step.host for planned in needed})
    changes = sum(len(planned.needed) for planned in needed)
    if not needed:
        click.echo("nothing to do")
        return
    click.echo(f"{changes} changes in {len(needed)} of {len(steps)} steps on {hosts} hosts")
