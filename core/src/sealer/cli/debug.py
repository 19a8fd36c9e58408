"""``sealer debug``: looking into nodes and pods of a cluster."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, driving_flags, host_options
from sealer.cli.options import adding, cluster_option, output_option
from sealer.cli.output import Format, print_document, print_rows
from sealer.cli.plans import dry_run_option, print_plan

if TYPE_CHECKING:
    from sealer.cluster.debug_pods import Debugging
    from sealer.cluster.debugging import Opened
    from sealer.cluster.launching import Asking
    from sealer.cluster.outlook import Outlook
    from sealer.cluster.session import Context
    from sealer.operation.records import ClusterRecords

Function = TypeVar("Function", bound=Callable[..., Any])
Found = TypeVar("Found")


def looking_options(function: Function) -> Function:
    """Add what says with what to look."""
    options = (
        cluster_option,
        click.option("--image", default="", help="The container image to look with.  [default: one there]"),
        click.option("-n", "--namespace", default="default", show_default=True, help="Of the pod."),
        click.option(
            "--timeout",
            type=click.IntRange(1),
            default=120,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait until the container runs.",
        ),
        dry_run_option,
        output_option(),
        host_options,
    )
    return adding(*options)(function)


@click.group()
def debug() -> None:
    """Look into nodes and pods, from containers with images that the cluster's registry has."""


@debug.command()
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@looking_options
@pass_application
def node(application: Application, /, name: str, command: tuple[str, ...], **flags: Any) -> None:
    """Look into node NAME, or the one with that address: its processes, its network, its files at /host.

    COMMAND, behind --, is run, and the pod removed; one word is a script for sh. Without a command there is
    a shell, by the kubectl of this machine. With --dry-run, -o says how what would be done is printed.
    """
    from sealer.cluster.debug_outlook import NEW, look_at_node
    from sealer.cluster.debug_pods import node_pod
    from sealer.cluster.debugging import debug_node

    wanted = _wanted(command, flags)
    if flags["dry_run"]:
        outlook, wanted = _looked(
            application, flags, lambda context, records: look_at_node(context, records, name, wanted)
        )
        if flags["output"] is Format.TABLE:
            print_document(node_pod(NEW, name, wanted), Format.YAML)
        else:
            print_plan(outlook, flags["output"])
        return
    opened = _at_a_master(
        application,
        flags,
        lambda asking: debug_node(asking, name, wanted, line=click.echo, complaint=_complain),
    )
    _finish(application, flags, opened)


@debug.command()
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-c", "--container", default="", help="The container whose processes are looked at.")
@click.option("--copy", is_flag=True, help="Look into a copy of the pod; any version of Kubernetes can.")
@looking_options
@pass_application
def pod(
    application: Application,
    /,
    name: str,
    command: tuple[str, ...],
    *,
    container: str,
    copy: bool,
    **flags: Any,
) -> None:
    """Look into pod NAME, from a container that is added to it, or with --copy to a copy of it.

    COMMAND, behind --, is run; one word is a script for sh. Without a command there is a shell, by the
    kubectl of this machine. With --dry-run, -o says how what would be done is printed.
    """
    from sealer.cluster.debug_outlook import look_at_pod
    from sealer.cluster.debugging import debug_pod

    wanted = _wanted(command, flags)
    if flags["dry_run"]:
        outlook = _looked(
            application,
            flags,
            lambda context, records: look_at_pod(context, records, name, wanted, target=container, copy=copy),
        )
        _print_scripts(outlook, flags["output"])
        return
    opened = _at_a_master(
        application,
        flags,
        lambda asking: debug_pod(
            asking, name, wanted, target=container, copy=copy, line=click.echo, complaint=_complain
        ),
    )
    _finish(application, flags, opened)


@debug.command("list")
@cluster_option
@output_option()
@host_options
@pass_application
def list_pods(application: Application, /, *, output: Format, **flags: Any) -> None:
    """List the pods that were made for looking and are still there."""
    from sealer.cluster.debugging import opened_pods

    print_rows(_at_a_master(application, flags, opened_pods), ("namespace", "id", "node", "state"), output)


@debug.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@cluster_option
@dry_run_option
@output_option()
@host_options
@pass_application
def clean(
    application: Application,
    /,
    ids: tuple[str, ...],
    *,
    dry_run: bool,
    output: Format,
    **flags: Any,
) -> None:
    """Remove pods that were made for looking: some, or all.

    Containers that were added to pods go with their pods. With --dry-run, -o says how what would be done is
    printed.
    """
    from sealer.cluster.debug_outlook import look_at_cleaning
    from sealer.cluster.debugging import clean as clean_pods

    if dry_run:
        outlook = _at_a_master(application, flags, lambda asking: look_at_cleaning(asking, ids))
        print_plan(outlook, output)
        return
    gone = _at_a_master(application, flags, lambda asking: clean_pods(asking, ids))
    click.echo(f"removed: {', '.join(gone) or 'nothing'}", err=True)


@debug.command()
@cluster_option
@output_option()
@host_options
@pass_application
def images(application: Application, /, *, cluster: str | None, output: Format, **flags: Any) -> None:
    """List the container images that the cluster's registry has."""
    from sealer.cluster.debugging import known_images
    from sealer.cluster.state import choose_cluster, require_state

    request = require_state(choose_cluster(application.home, cluster))

    async def work(context: Context) -> tuple[str, ...]:
        return known_images(context, request)

    rows = [{"image": image} for image in drive(application, work, **driving_flags(flags))]
    print_rows(rows, ("image",), output)


def _wanted(command: tuple[str, ...], flags: dict[str, Any]) -> Debugging:
    from sealer.cluster.debug_pods import Debugging

    words = command[1:] if command[:1] == ("--",) else command
    return Debugging(
        image=flags["image"], words=words, namespace=flags["namespace"], seconds=flags["timeout"]
    )


def _looked(
    application: Application,
    flags: dict[str, Any],
    look: Callable[[Context, ClusterRecords], Found],
) -> Found:
    """Return what is seen of what would be done, for which no host has to be reached."""
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, flags["cluster"])

    async def work(context: Context) -> Found:
        return look(context, records)

    return drive(application, work, **driving_flags(flags), dry=True)


def _print_scripts(outlook: Outlook, output: Format) -> None:
    """Print what would be done; as a table it is the sh that would be run."""
    if output is Format.TABLE:
        click.echo("\n".join(change.change for step in outlook.steps for change in step.changes))
    else:
        print_plan(outlook, output)


def _at_a_master(
    application: Application, flags: dict[str, Any], work: Callable[[Asking], Awaitable[Found]]
) -> Found:
    from sealer.cluster.debugging import at_a_master
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, flags["cluster"])

    async def ask(context: Context) -> Found:
        async with at_a_master(context, records) as asking:
            return await work(asking)

    return drive(application, ask, **driving_flags(flags))


def _complain(text: str) -> None:
    click.echo(text, err=True)


def _finish(application: Application, flags: dict[str, Any], opened: Opened) -> None:
    """End as the command did; without one, open a shell, or tell how."""
    from sealer.cluster.debug_pods import shell_words

    if opened.exit_status is not None:
        if opened.exit_status:
            click.echo(f"error: the command ended with exit status {opened.exit_status}", err=True)
            raise click.exceptions.Exit(1)
        return
    words = shell_words(opened.namespace, opened.pod, opened.container)
    program = shutil.which("kubectl")
    if program is None or not sys.stdin.isatty():
        click.echo(f"it runs; for a shell: {' '.join(words)}", err=True)
        click.echo("and when you are done: sealer debug clean", err=True)
        return
    _shell(application, flags, [program, *words[1:]])
    if opened.removable:
        from sealer.cluster.debugging import clean as clean_pods

        _at_a_master(application, flags, lambda asking: clean_pods(asking, (opened.pod,)))


def _shell(application: Application, flags: dict[str, Any], words: list[str]) -> None:
    from sealer.cluster.kubeconfig import kubeconfig
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, flags["cluster"])
    text = drive(application, lambda context: kubeconfig(context, records), **driving_flags(flags))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "kubeconfig")
        path.touch(mode=0o600)
        path.write_text(text)
        subprocess.run([words[0], f"--kubeconfig={path}", *words[1:]], check=False)
