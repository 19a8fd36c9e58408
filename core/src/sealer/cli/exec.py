"""``sealer exec``: a command on hosts of a cluster, with its output by host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document
from sealer.cli.plans import dry_run_option, print_plan

if TYPE_CHECKING:
    from sealer.cluster.executing import Executed


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.option("-c", "--cluster", metavar="NAME", help="The cluster; needed when there are several.")
@click.option("-r", "--roles", default="", metavar="ROLE,…", help="Only hosts of these roles, as master.")
@click.option("--hosts", default="", help="Only these hosts: addresses, A-B, roles, key=value.")
@click.option("--timeout", type=click.FloatRange(min=0.1), metavar="SECONDS", help="For each host.")
@click.option("--follow", is_flag=True, help="Print lines as they come, each with its host in front.")
@click.option("--anyway", is_flag=True, help="Also while another process works on the cluster.")
@dry_run_option
@output_option()
@host_options
@pass_application
def execute(
    application: Application,
    /,
    command: tuple[str, ...],
    *,
    cluster: str | None,
    roles: str,
    hosts: str,
    timeout: float | None,
    follow: bool,
    anyway: bool,
    dry_run: bool,
    output: Format,
    **options: Any,
) -> None:
    """Run COMMAND on all hosts of a cluster at once, or on some; as root, with nothing on standard input.

    Several words are a command and its arguments, and reach it as they are; one word is a script for sh, as
    in sealer exec 'df -h / | tail -1'. Options come before the command. The exit code is 0 when it ended
    with 0 on all hosts, and 1 when it did not.
    """
    from sealer.cluster.executing import Execution, look_at_executing, script_of
    from sealer.cluster.executing import execute as execute_on_hosts
    from sealer.cluster.state import choose_cluster

    records = choose_cluster(application.home, cluster)
    wanted = Execution(words=command, roles=roles, hosts=hosts, timeout=timeout, anyway=anyway)
    if dry_run:
        outlook = look_at_executing(records, wanted)
        if output is Format.TABLE:
            click.echo(f"on {', '.join(outlook.hosts)}: {script_of(command)}")
        else:
            print_plan(outlook, output)
        return

    def line(host: str, text: str, complaint: bool) -> None:
        if follow and output is Format.TABLE:
            click.echo(f"{host}: {text}", err=complaint)

    def told(done: Executed) -> None:
        if not follow and output is Format.TABLE:
            _print(done)

    found = drive(
        application,
        lambda context: execute_on_hosts(context, records, wanted, told=told, line=line),
        **options,
    )
    if output is not Format.TABLE:
        print_document([done.to_plain() for done in found], output)
    _require_success(found)


def _print(done: Executed) -> None:
    state = done.problem or f"exit status {done.exit_status}, {done.seconds:.1f}s"
    click.echo(f"== {done.host}  ({state})")
    for text in done.output:
        click.echo(text)
    for text in done.complaints:
        click.echo(f"{done.host}: {text}", err=True)


def _require_success(found: tuple[Executed, ...]) -> None:
    from sealer.errors import HostError, HostsFailed

    failures = {
        done.host: HostError(
            done.problem or f"the command ended with exit status {done.exit_status}", host=done.host
        )
        for done in found
        if not done.succeeded
    }
    if failures:
        raise HostsFailed(
            f"the command failed on {len(failures)} of {len(found)} hosts", failures=failures, resumable=False
        )
