"""What would be done, as text: plans and dry runs, host by host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealer.cli.application import Application
from sealer.cli.driving import drive, driving_flags
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document
from sealer.cli.render.wording import counted

if TYPE_CHECKING:
    from sealer.cluster.outlook import Outlook, PlannedStep
    from sealer.cluster.session import Context

Function = TypeVar("Function", bound=Callable[..., Any])

NOTHING = "nothing to do"


def dry_run_option(function: Function) -> Function:
    """Add ``--dry-run``, which every verb has that changes hosts."""
    text = "Only show what would be done on each host, and why. Nothing is changed, neither there nor here."
    return click.option("--dry-run", is_flag=True, help=text)(function)


def planned_options(function: Function) -> Function:
    """Add ``--dry-run``, and ``-o`` for what it prints; see :func:`show_plan`."""
    return dry_run_option(output_option(text="How --dry-run prints what would be done.")(function))


def show_plan(
    application: Application,
    look: Callable[[Context], Coroutine[Any, Any, Outlook]],
    flags: Mapping[str, Any],
    output: Format,
) -> None:
    """Print what an operation would do, for ``--dry-run``.

    Args:
        application: The run of the program.
        look: Says what would be done; it gets the context.
        flags: What the options of ``host_options`` said, among others.
        output: How to print.
    """
    print_plan(drive(application, look, **driving_flags(flags), dry=True), output)


def print_plan(outlook: Outlook, form: Format = Format.TABLE, *, err: bool = False) -> None:
    """Print what an operation would do; as a table only what would change something.

    Args:
        outlook: What would be done.
        form: How.
        err: Whether the table goes to standard error, because it is not what was asked for.
    """
    if form is not Format.TABLE:
        print_document(outlook.to_plain(), form)
        return
    for line in plan_lines(outlook):
        click.echo(line, err=err)


def plan_lines(outlook: Outlook) -> list[str]:
    """Return the lines of a plan for people: hosts, their steps, and each change with its reason."""
    if not outlook.needed:
        return [NOTHING]
    by_host: dict[str, list[PlannedStep]] = defaultdict(list)
    for step in outlook.needed:
        by_host[step.host].append(step)
    lines: list[str] = []
    for host, steps in by_host.items():
        lines.append(host)
        for step in steps:
            lines.append(f"  {step.title}  ({step.step})")
            lines += [f"    {_line(one.change)}: {_line(one.reason)}" for one in step.changes]
    return [*lines, summary(outlook)]


def summary(outlook: Outlook) -> str:
    """Return how much would be done, in one line."""
    numbers = outlook.changes_by_host
    touched = sum(number > 0 for number in numbers.values())
    changes = counted(sum(numbers.values()), "change")
    return (
        f"{outlook.verb} {outlook.cluster}: {changes} in {len(outlook.needed)} of "
        f"{counted(len(outlook.steps), 'step')} on {touched} of {counted(len(numbers), 'host')}"
    )


def _line(text: str) -> str:
    """Return a text without control characters: reasons come from hosts."""
    return " ".join("".join(c for c in line if c.isprintable()) for line in text.splitlines())
