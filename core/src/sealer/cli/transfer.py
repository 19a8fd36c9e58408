"""Options and progress of the commands that move images."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sealer.events import EventSink
    from sealer.model import Platform

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")

quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")

platform_option = click.option("--platform", metavar="OS/ARCH[/VARIANT]", help="By default this machine's.")

platforms_option = click.option(
    "--platform",
    "platforms",
    metavar="OS/ARCH[/VARIANT],…",
    multiple=True,
    help="By default this machine's. Of several, each gets an image, and the name an index of them.",
)

skip_tls_verify_option = click.option(
    "--skip-tls-verify", is_flag=True, help="Accept any certificate of the registry, and plain HTTP."
)


def platforms_of(words: Sequence[str]) -> list[Platform]:
    """Return the platforms that ``--platform`` names, in its order; none when it is not given."""
    from sealer.image.platforms import parse_platform

    return [parse_platform(word) for each in words for word in each.split(",")]


def with_progress(work: Callable[[EventSink], Result], *, quiet: bool, progress: str) -> Result:
    """Do some work that reports what happens.

    Args:
        work: Is given where to report.
        quiet: Whether to show nothing.
        progress: What ``--progress`` said.
    """
    from sealer.cli.render import make_renderer

    with make_renderer("none" if quiet else progress) as renderer:
        return work(renderer)


def transfer(
    work: Callable[[EventSink], Coroutine[Any, Any, Result]], *, quiet: bool = False, progress: str = "auto"
) -> Result:
    """Run a transfer to its end, showing how far it is."""
    # Commands that share options with those that transfer something should not wait for it.
    import asyncio

    return with_progress(lambda sink: asyncio.run(work(sink)), quiet=quiet, progress=progress)
