"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealer.cli.output import Format

Function = TypeVar("Function", bound=Callable[..., Any])


# click has made it generic for those who check types only.
if TYPE_CHECKING:
    _Parameter = click.ParamType[int]
else:
    _Parameter = click.ParamType

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}I": 1024**power for power, unit in enumerate(("", "K", "M", "G", "T")) if unit}


class SizeType(_Parameter):
    """A number of bytes: ``700M``, ``4GB``, ``4.5GiB``; a unit without an i is a power of a thousand."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?", str(value).strip().upper())
        if match is None or match[2] == "I" or (size := int(float(match[1]) * _UNITS[match[2]])) < 1:
            self.fail(f"{value!r} is no size; write 700MB or 4GiB", param, ctx)
        return size


def adding(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Return a decorator that adds options in the order they are listed."""

    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def output_option(*formats: Format, text: str = "How to print.") -> Callable[[Function], Function]:
    """Return a decorator that adds ``-o``; the command gets a ``Format`` as ``output``.

    Args:
        formats: Those that are offered, the default first; all, with the table first, when none is given.
        text: What help says of it.
    """
    offered: Sequence[Format] = formats or tuple(Format)
    return click.option(
        "-o",
        "--output",
        type=click.Choice([str(form) for form in offered]),
        callback=lambda _ctx, _option, value: Format(value),
        default=str(offered[0]),
        show_default=True,
        help=text,
    )


cluster_option = click.option(
    "--cluster",
    "--cluster-name",
    "cluster",
    metavar="NAME",
    help="The cluster; needed when there are several.",
)
"""Decorator that adds ``--cluster``; the command gets the name, or None."""


clusterfile_option = click.option(
    "-f", "--Clusterfile", "clusterfile", type=click.Path(dir_okay=False), help="A Clusterfile."
)

login_options = adding(
    clusterfile_option,
    click.option("-m", "--masters", default="", help="Addresses of masters: A,B or A-B."),
    click.option("-n", "--nodes", default="", help="Addresses of nodes: A,B or A-B."),
    click.option("--cluster-name", help="The cluster's name.  [default: my-cluster]"),
    click.option("-u", "--user", help="Who logs in.  [default: root]"),
    click.option("-p", "--passwd", help="The password; others may see it: rather --passwd-from."),
    click.option("--passwd-from", help="Where the password is: env:NAME, file:PATH, cmd:… or prompt."),
    click.option("--port", type=click.IntRange(1, 65535), help="Port of sshd.  [default: 22]"),
    click.option("--pk", help="A private key file."),
    click.option("--pk-passwd-from", help="Where the key's passphrase is, as for --passwd-from."),
    click.option("--identities-only", is_flag=True, help="Show the key of --pk and no other to hosts."),
    click.option(
        "--jump", default="", metavar="USER@HOST[:PORT]", help="The jump host, or A,B to pass both."
    ),
)
"""Decorator that adds the flags which say which hosts there are and how to log in."""


def ignore_option(function: Function) -> Function:
    """Add ``--ignore``; the command gets the ids of checks as a tuple."""
    return click.option(
        "--ignore",
        metavar="ID,…",
        default="",
        callback=lambda _ctx, _option, value: tuple(
            part for part in value.replace(" ", "").split(",") if part
        ),
        help="Host checks to leave out; sealer check --list names them.",
    )(function)


def yes_option(function: Function) -> Function:
    """Add ``--yes`` to a command that destroys something; see :func:`confirm`."""
    return click.option("-y", "--yes", is_flag=True, help="Don't ask for confirmation.")(function)


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless the user has said yes already; without an affirmative answer the command ends here.

    Raises:
        click.Abort: The answer was no, or there is nobody to ask.
    """
    if not yes:
        click.confirm(question, abort=True, err=True)
