"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from sealer.cli.output import Format

Function = TypeVar("Function", bound=Callable[..., Any])


def output_option(*formats: Format) -> Callable[[Function], Function]:
    """Return a decorator that adds ``-o``; the command gets a ``Format`` as ``output``.

    Args:
        formats: Those that are offered, the default first; all, with the table first, when none is given.
    """
    offered: Sequence[Format] = formats or tuple(Format)
    return click.option(
        "-o",
        "--output",
        type=click.Choice([str(form) for form in offered]),
        callback=lambda _ctx, _option, value: Format(value),
        default=str(offered[0]),
        show_default=True,
        help="How to print.",
    )


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
