"""The one place where errors become text and exit codes."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from sealer import __version__
from sealer.errors import ChangeFailed, HostsFailed, Place, SealerError, SourceErrors
from sealer.home import sealer_home

INTERRUPTED = 130


def exit_code_of(work: Callable[[], None], *, wants_traceback: Callable[[], bool]) -> int:
    """Do the work, print the error it ends with, and return the exit code.

    Args:
        work: Runs a command.
        wants_traceback: Asked after a failure, whether the user wants to see where it came from.
    """
    try:
        work()
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BrokenPipeError as error:
        if _reader_is_gone():
            return 1
        return _report(error, wants_traceback=wants_traceback())
    except BaseException as error:  # noqa: BLE001  # the outermost frame of the program
        return _report(error, wants_traceback=wants_traceback())
    return 0


def _report(error: BaseException, *, wants_traceback: bool) -> int:
    """Print an error, and each error of a group once; return the exit code."""
    if wants_traceback:
        _print("".join(traceback.format_exception(error)).rstrip())
    codes = set()
    printed: set[str] = set()
    for leaf in _leaves(error):
        text, code = _text_and_code(leaf)
        codes.add(code)
        if text not in printed:
            printed.add(text)
            _print(text)
    if INTERRUPTED in codes:
        return INTERRUPTED
    return codes.pop() if len(codes) == 1 else 1


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody is left to tell; the exit code still says it
        click.echo(text, err=True, color=_colored())


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside exception groups, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _text_and_code(error: BaseException) -> tuple[str, int]:
    match error:
        case SealerError():
            return "\n".join(render(error)), error.exit_code
        case click.exceptions.NoArgsIsHelpError():
            return error.format_message(), error.exit_code
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "sealer"
            lines = [*_headline(error.format_message()), _hint(f"see: {command} --help")]
            return "\n".join(lines), error.exit_code
        case click.ClickException():
            return "\n".join(_headline(error.format_message())), error.exit_code
        case click.Abort() | EOFError():
            return "\n".join(_headline("not confirmed, nothing was done")), 1
        case KeyboardInterrupt():
            return "\n".join(_headline("interrupted")), INTERRUPTED
        case _:
            return "\n".join(_internal(error)), 1


def render(error: SealerError) -> list[str]:
    """Return the lines that tell a user what is wrong, where, and what to do next."""
    if isinstance(error, SourceErrors):
        return [line for problem in error.problems for line in render(problem)]
    if isinstance(error, HostsFailed):
        lines = _headline(error.message)
        for names, failure in _by_message(error):
            lines += _headline(f"{', '.join(names)}: {failure.message}", prefix="  ")
            lines += _details(failure)
            lines += [f"    {_hint(failure.hint)}"] if failure.hint else []
    else:
        where = "" if error.place is None else f"{error.place}: "
        lines = [*_headline(f"{where}{error.message}"), *_details(error)]
    return [*lines, *([_hint(error.hint)] if error.hint else [])]


def _by_message(error: HostsFailed) -> list[tuple[list[str], SealerError]]:
    """Return the failures, hosts with an identical one together, the most frequent first."""
    groups: dict[tuple[str, ...], tuple[list[str], SealerError]] = {}
    for name, failure in error.failures.items():
        key = (failure.message, *_details(failure), failure.hint or "")
        groups.setdefault(key, ([], failure))[0].append(name)
    return sorted(groups.values(), key=lambda group: -len(group[0]))


def _details(error: SealerError) -> list[str]:
    """Return the source line with its caret, or the last words of the host."""
    if isinstance(error.place, Place):
        return _indented(error.place.excerpt() or "")
    if isinstance(error, ChangeFailed):
        return _indented(error.output)
    return []


def _headline(message: str, *, prefix: str | None = None) -> list[str]:
    first, *rest = _printable(message).splitlines() or [""]
    lead = click.style("error:", fg="red", bold=True) + " " if prefix is None else prefix
    return [lead + first, *(f"  {line}" for line in rest)]


def _hint(text: str) -> str:
    return f"{click.style('hint:', fg='cyan', bold=True)} {_printable(text)}"


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in _printable(text).splitlines()]


def _printable(text: str) -> str:
    """Drop control characters, so that no host and no file can play tricks with the terminal."""
    return "".join(c for c in text if c in "\n\t" or (c.isprintable() or c == " "))


def _colored() -> bool | None:
    """Return False when the user wants no colour, or None to leave it to whether it is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _internal(error: BaseException) -> list[str]:
    """Keep the traceback in the log file, and say where."""
    lines = _headline(f"internal error: {type(error).__name__}: {error}")
    text = "".join(traceback.format_exception(error))
    try:
        log = _log(text)
    except OSError as failure:
        return [
            *lines,
            *_indented(text),
            _hint(f"the log can't be written ({failure.strerror}); please report this"),
        ]
    return [*lines, _hint(f"this is a bug; please report it with the traceback in {log}")]


def _log(text: str) -> Path:
    """Append to the log file, which only its owner can read; arguments may be secret and are left out."""
    log = sealer_home() / "log" / "sealer.log"
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
        stream.write(f"{moment} sealer {__version__}\n{text}\n")
    return log


def _reader_is_gone() -> bool:
    """Tell whether standard output is a pipe that nobody reads any more; if so, quieten its last flush."""
    try:
        output = sys.stdout.fileno()
    except (OSError, ValueError):  # replaced by something that is no file, or closed
        return False
    poll = select.poll()
    poll.register(output, 0)
    gone = bool(poll.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return gone
