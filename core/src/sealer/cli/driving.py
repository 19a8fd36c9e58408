"""What the verbs that touch hosts share: options, and one run of the event loop with progress and Ctrl-C."""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealer.cli.application import Application
from sealer.cli.options import adding
from sealer.errors import UsageError
from sealer.events import EventSink, Message

if TYPE_CHECKING:
    from sealer.cluster.session import Context
    from sealer.operation.engine import Summary
    from sealer.secret import Secret

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")

_STOPPING = "stopping when the running changes are made; press Ctrl-C again to stop at once"
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def progress_option(function: Function) -> Function:
    """Add ``--progress``."""
    return click.option(
        "--progress",
        type=click.Choice(["auto", "tty", "plain", "json", "none"]),
        default="auto",
        show_default=True,
        help="How to show progress, on standard error.",
    )(function)


def driving_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a command's flags that ``drive`` takes."""
    names = ("accept_new", "concurrency", "upload_concurrency", "fan_out", "fail_fast", "progress")
    return {name: flags[name] for name in names}


def host_options(function: Function) -> Function:
    """Add what decides how hosts are reached."""
    options = (
        click.option(
            "--accept-new",
            is_flag=True,
            help="Record and trust the key of a host that was never seen; a changed key is refused always.",
        ),
        click.option(
            "--concurrency",
            type=click.IntRange(1),
            default=30,
            show_default=True,
            help="How many hosts are worked on at one time.",
        ),
        click.option(
            "--upload-concurrency",
            type=click.IntRange(1),
            default=5,
            show_default=True,
            help="How many hosts are sent to at one time.",
        ),
        click.option(
            "--fan-out",
            type=click.IntRange(0),
            default=2,
            show_default=True,
            help="To how many other hosts each host passes image layers on; 0: all are sent from here.",
        ),
        click.option(
            "--fail-fast/--keep-going",
            help="Whether the first failure ends the operation, or only what depends on it.  [keep going]",
        ),
    )
    return adding(*options)(progress_option(function))


def drive(
    application: Application,
    work: Callable[[Context], Coroutine[Any, Any, Result]],
    *,
    accept_new: bool,
    concurrency: int,
    upload_concurrency: int,
    fan_out: int,
    fail_fast: bool,
    progress: str,
    dry: bool = False,
) -> Result:
    """Run a use case to its end, showing what happens.

    The first Ctrl-C lets changes that are being made finish and starts nothing more; the second ends the
    program. So does SIGTERM, by which others than people stop programs.

    Args:
        application: The run of the program.
        work: The use case; it gets the context.
        accept_new: Whether keys of hosts that were never seen are recorded.
        concurrency: How many hosts are worked on at one time.
        upload_concurrency: How many hosts are sent to at one time.
        fan_out: To how many other hosts each host passes image layers on.
        fail_fast: Whether the first failure ends the operation.
        progress: What ``--progress`` said.
        dry: Whether nothing may be changed, neither on hosts nor here.

    Raises:
        UsageError: Keys of hosts are to be recorded, but nothing may be changed.
    """
    if dry and accept_new:
        raise UsageError(
            "--accept-new records the keys of hosts, and a dry run records nothing",
            hint="record them first, as with ssh or ssh-keyscan, or leave one of the two out",
        )
    from sealer.cli.render import make_renderer, open_log
    from sealer.cluster.access import Access
    from sealer.cluster.session import Context

    stoppers: list[Callable[[], None]] = []
    with make_renderer(progress) as renderer:
        context = Context(
            home=application.home,
            plugins=application.plugins(),
            events=renderer,
            access=Access(ask=functools.cache(_ask), accept_new=accept_new),
            log=open_log,
            on_stop=stoppers.append,
            concurrency=concurrency,
            uploads=upload_concurrency,
            fan_out=fan_out,
            fail_fast=fail_fast,
            dry=dry,
        )
        return asyncio.run(_interruptible(work(context), stoppers, renderer))


def say_done(summary: Summary) -> None:
    """Tell how much was changed."""
    click.echo(f"done: {summary.changed} steps changed something, {summary.unchanged} did not", err=True)


async def _interruptible(
    work: Coroutine[Any, Any, Result], stoppers: list[Callable[[], None]], events: EventSink
) -> Result:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def interrupt() -> None:
        if not stoppers:
            task.cancel()
            return
        events(Message(text=_STOPPING, warning=True))
        while stoppers:
            stoppers.pop()()

    for number in _INTERRUPTS:
        loop.add_signal_handler(number, interrupt)
    try:
        return await task
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error
    finally:
        for number in _INTERRUPTS:
            loop.remove_signal_handler(number)


def _ask(what: str) -> Secret:
    """Ask for a secret on the terminal."""
    from sealer.secret import Secret

    if not sys.stdin.isatty():
        raise UsageError(
            f"the {what} is needed, and nobody is there to be asked",
            hint="give it by reference (passwdFrom: env:NAME, file:PATH or cmd:PROGRAM), or use a key",
        )
    return Secret(click.prompt(what, hide_input=True, err=True))
