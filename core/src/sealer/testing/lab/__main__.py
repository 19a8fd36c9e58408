"""``python -m sealer.testing.lab``: the lab for people."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from sealer.errors import SealerError
from sealer.testing.lab import cgroups, cleanup
from sealer.testing.lab.abandoned import remove_abandoned
from sealer.testing.lab.errors import LabError
from sealer.testing.lab.inotify import KUBERNETES, SYSTEMD, shortage
from sealer.testing.lab.lab import Lab
from sealer.testing.lab.programs import environment, require_programs, require_root
from sealer.testing.lab.shaping import describe
from sealer.testing.lab.state import Places, Running


class _Group(click.Group):
    """Prints the lab's errors in one line, with the hint that belongs to them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SealerError as error:
            hint = "" if error.hint is None else f" ({error.hint})"
            raise click.ClickException(f"{error}{hint}") from error


_name = click.option("--name", default="lab", show_default=True, help="Name of the lab.")
_words = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(cls=_Group)
def main() -> None:
    """Machines made of namespaces on this host, to try installers on."""


@main.command()
@click.option("--nodes", default=3, show_default=True, help="How many machines to add.")
@click.option("--mode", type=click.Choice(["systemd", "sshd"]), default="systemd", show_default=True)
@click.option("--network", default="10.88.0.0/24", show_default=True, help="Network of a new lab.")
@click.option("--disk-size", metavar="MIB", type=int, help="Size of each disk; by default as the host has.")
@_name
def up(nodes: int, mode: str, network: str, disk_size: int | None, name: str) -> None:
    """Start machines, in a new lab or in one that exists."""
    require_root()
    require_programs()
    try:
        lab = Lab.attach(name)
    except LabError:
        lab = Lab(name, network)
        lab.create()
    size = None if disk_size is None else disk_size * 2**20
    for node in lab.up(nodes, "sshd" if mode == "sshd" else "systemd", disk_size=size):
        click.echo(f"{node.name}  {node.address}")
    short = shortage(nodes, KUBERNETES - SYSTEMD) if mode == "systemd" else None
    if short is not None:
        click.echo(f"warning: too little for Kubernetes on them: {short}", err=True)
    click.echo(f"key {lab.key_path}  password {lab.password}  known hosts {lab.known_hosts_path}")


@main.command()
@click.option("--all", "every", is_flag=True, help="Every lab on this machine.")
@click.option("--abandoned", is_flag=True, help="The labs of test runs that were killed.")
@_name
def down(every: bool, abandoned: bool, name: str) -> None:
    """Remove a lab and all that is left of it."""
    require_root()
    require_programs()
    if abandoned:
        remove_abandoned()
        return
    for lab in [places.lab for places in cleanup.find_labs()] if every else [name]:
        _lab_to_remove(lab).down()


@main.command()
def status() -> None:
    """Show the labs of this machine and their nodes."""
    require_root()
    for places in cleanup.find_labs():
        click.echo(f"{places.lab}  {places.home}")
        for name in places.node_names():
            _show(places, name)


@main.command(context_settings=_words)
@click.argument("node")
@click.argument("command", nargs=-1)
@_name
def ssh(node: str, command: Sequence[str], name: str) -> None:
    """Open SSH to a node from the operator's side."""
    _become(Lab.attach(name).ssh_command(node, command))


@main.command(name="exec", context_settings=_words)
@click.argument("node")
@click.argument("command", nargs=-1, required=True)
@_name
def execute(node: str, command: Sequence[str], name: str) -> None:
    """Run a program inside a node, without SSH."""
    _become(Lab.attach(name).node(node).command(command))


@main.command(context_settings=_words)
@click.argument("command", nargs=-1, required=True)
@_name
def operator(command: Sequence[str], name: str) -> None:
    """Run a program on the operator's side, where only the nodes can be reached."""
    _become(Lab.attach(name).operator_command(command))


@main.command()
@click.argument("node")
@_name
def power_off(node: str, name: str) -> None:
    """Cut a node's power; its disk stays."""
    Lab.attach(name).node(node).power_off()


@main.command()
@click.argument("node")
@_name
def power_on(node: str, name: str) -> None:
    """Start a node from its disk."""
    Lab.attach(name).node(node).power_on()


@main.command()
@click.argument("node")
@_name
def cut(node: str, name: str) -> None:
    """Pull a node's network cable."""
    Lab.attach(name).node(node).cut()


@main.command()
@click.argument("node")
@_name
def mend(node: str, name: str) -> None:
    """Plug a node's network cable in again."""
    Lab.attach(name).node(node).mend()


@main.command()
@click.argument("node")
@click.option("--rate", help="Such as 100mbit.")
@click.option("--delay", default="0s", help="In each direction, such as 100ms.")
@click.option("--loss", default="0%", help="Such as 5%.")
@_name
def shape(node: str, rate: str | None, delay: str, loss: str, name: str) -> None:
    """Make a node's link worse; without options, give it its full speed back."""
    Lab.attach(name).node(node).shape(rate=rate, delay=delay, loss=loss)


def _show(places: Places, name: str) -> None:
    node = Lab.attach(places.lab).node(name)
    record, running = node.record, Running.load(places.node(name))
    power = f"on, PID {running.init.pid}" if running is not None and node.running else "off"
    count = max((len(cgroups.pids(path / name)) for path in cgroups.find(places.lab)), default=0)
    cable = "" if record.plugged else ", cable cut"
    link = "" if record.shape is None else f", {describe(record.shape)}"
    click.echo(f"  {name}  {record.address}  {record.mode}  {power}, {count} processes{cable}{link}")


def _lab_to_remove(name: str) -> Lab:
    """Return a lab as far as its leftovers tell, wherever its directory is."""
    for places in cleanup.find_labs():
        if places.lab == name:
            return Lab(name, base_dir=places.home.parent)
    return Lab(name)


def _become(command: Sequence[str]) -> NoReturn:
    """Replace this process by a program, whose input, output and exit status are then the command's."""
    require_root()
    program = shutil.which(command[0], path=environment()["PATH"]) or command[0]
    sys.stdout.flush()
    os.execve(program, list(command), environment())


if __name__ == "__main__":
    main(prog_name="python -m sealer.testing.lab")
