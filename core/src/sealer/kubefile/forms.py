"""Read the arguments of instructions that say what an image is, and what its applications are."""

from __future__ import annotations

from dataclasses import replace

from sealer.errors import SourceError
from sealer.kubefile import arguments
from sealer.kubefile.arguments import Word
from sealer.kubefile.expansion import Quoting
from sealer.kubefile.instructions import (
    App,
    AppCommands,
    AppEnv,
    AppKind,
    Arg,
    Command,
    Commands,
    Env,
    KubeVersion,
    Label,
    LaunchApps,
    Maintainer,
)
from sealer.kubefile.sources import application_name, application_source
from sealer.kubefile.statement import Statement, each
from sealer.kubefile.versions import VersionRange

_RANGES = "as >=1.24 <1.30, ~1.26, 1.22 - 1.24, or two ranges with || between"


def read_label(statement: Statement) -> Label:
    """Read ``LABEL name=value...``."""
    pairs = statement.pairs(statement.start, placeholders=True)
    if not pairs:
        raise statement.missing("a label", "write LABEL name=value")
    return Label(place=statement.place, pairs=pairs)


def read_env(statement: Statement) -> Env:
    """Read ``ENV name=value...``."""
    pairs = statement.pairs(statement.start)
    if not pairs:
        raise statement.missing("a variable", "write ENV NAME=value")
    for pair in pairs:
        statement.expander.scope.assign(pair.name, pair.value)
    return Env(place=statement.place, pairs=pairs)


def read_arg(statement: Statement) -> Arg:
    """Read ``ARG name[=default]...``."""
    scope = statement.expander.scope
    values: list[tuple[str, str | None]] = []
    declared = arguments.declarations(
        statement.line, statement.start, statement.expander.escape, statement.evaluate
    )
    for name, default in declared:
        if not name.text or not name.text.replace("_", "a").isalnum() or not name.text.isascii():
            hint = "names have letters, digits and underscores; write ARG NAME or ARG NAME=default"
            raise SourceError(f"{name.text[:40]!r} is no name of an argument", place=name.place, hint=hint)
        values.append((name.text, scope.declare(name.text, default)))
    if not values:
        raise statement.missing("an argument", "write ARG NAME or ARG NAME=default")
    return Arg(place=statement.place, values=tuple(values))


def read_maintainer(statement: Statement) -> Maintainer:
    """Read ``MAINTAINER name``, which is deprecated."""
    name = statement.line.text[statement.start :].strip()
    if not name:
        raise statement.missing("a name", "write LABEL org.opencontainers.image.authors=name")
    hint = "write LABEL org.opencontainers.image.authors=... instead"
    statement.warn("MAINTAINER is deprecated", statement.place, hint)
    return Maintainer(place=statement.place, name=name)


def read_app(statement: Statement, kind: AppKind) -> App:
    """Read ``APP name scheme://source...``; CNI and CSI have the same form."""
    words = statement.strings(statement.start)
    if len(words) < 2:
        raise statement.missing("a name and sources", f"write {statement.name} name local://path")
    return App(
        place=statement.place,
        kind=kind,
        name=application_name(words[0]),
        sources=each(application_source, words[1:]),
    )


def read_app_env(statement: Statement) -> AppEnv:
    """Read ``APPENV name key=value...``."""
    hint = "write APPENV name KEY=value"
    if arguments.is_json(statement.line, statement.start):
        words = statement.strings(statement.start)
        pairs = each(arguments.plain_pair, words[1:])
        app = words[0] if words else None
    else:
        app, rest = statement.first_word()
        pairs = statement.pairs(rest)
    if app is None or not pairs:
        raise statement.missing("an application and variables", hint)
    return AppEnv(place=statement.place, app=app, pairs=pairs)


def read_app_commands(statement: Statement) -> AppCommands:
    """Read ``APPCMDS name ["words", ...]`` or ``APPCMDS name command line``.

    The strings of an array are joined with blanks into one command line, as the Go implementation does.
    """
    hint = 'write APPCMDS name ["command line"]'
    if arguments.is_json(statement.line, statement.start):
        place = statement.line.place(arguments.skip_blanks(statement.line, statement.start))
        raise SourceError("the application's name must come before the array", place=place, hint=hint)
    app, rest = statement.first_word()
    if app is None:
        raise statement.missing("an application and a command", hint)
    command = _command(statement, rest)
    if not command.strip():
        raise statement.missing("a command", hint)
    return AppCommands(place=statement.place, app=app, command=command)


def _command(statement: Statement, start: int) -> str:
    if arguments.is_json(statement.line, start):
        return " ".join(word.text for word in arguments.json_strings(statement.line, start))
    return statement.line.text[start:].strip()


def read_kube_version(statement: Statement) -> KubeVersion:
    """Read ``KUBEVERSION range`` in the grammar of ``sealer.kubefile.versions``."""
    start = arguments.skip_blanks(statement.line, statement.start)
    word = Word(text=statement.line.text[start:].strip(), place=statement.line.place(start), offset=start)
    if not word.text:
        raise statement.missing("a range of versions", "as KUBEVERSION >=1.24, or KUBEVERSION 1.22 - 1.24")
    word = replace(word, text=statement.expanded(word, Quoting.SHELL))
    check_range(word)
    return KubeVersion(place=statement.place, versions=word)


def check_range(word: Word) -> VersionRange:
    """Return the range of versions that a word is.

    Raises:
        SourceError: It is none.
    """
    try:
        return VersionRange.parse(word.text)
    except ValueError as error:
        raise SourceError(str(error), place=word.place, hint=_RANGES) from error


def read_command(statement: Statement) -> Command:
    """Read ``CMD command line``, which is deprecated; an array is joined with blanks as in APPCMDS."""
    start = arguments.skip_blanks(statement.line, statement.start)
    command = _command(statement, start) if arguments.is_json(statement.line, start) else ""
    command = command or statement.line.text[start:].strip()
    if not command.strip() or command == "[]":
        raise statement.missing("a command", 'write CMDS ["command", ...]')
    statement.warn("CMD is deprecated", statement.place, 'write CMDS ["command", ...] at the end instead')
    return Command(place=statement.place, command=command)


def read_launch(statement: Statement) -> LaunchApps:
    """Read ``LAUNCH ["app", ...]`` or ``LAUNCH app...``."""
    names = statement.strings(statement.start)
    if not names:
        raise statement.missing("an application", 'write LAUNCH ["name", ...]')
    seen: set[str] = set()
    for name in names:
        if name.text in seen:
            raise SourceError(f"{name.text[:40]} is launched twice", place=name.place)
        seen.add(name.text)
    return LaunchApps(place=statement.place, names=names)


def read_commands(statement: Statement) -> Commands:
    """Read ``CMDS ["command line", ...]`` or ``CMDS command line``."""
    start = arguments.skip_blanks(statement.line, statement.start)
    if arguments.is_json(statement.line, start):
        words = arguments.json_strings(statement.line, start)
    else:
        words = (Word(text=statement.line.text[start:].rstrip(), place=statement.line.place(start)),)
    if not words or not words[0].text:
        raise statement.missing("a command", 'write CMDS ["command", ...]')
    for word in words:
        if not word.text.strip():
            raise SourceError("the command is empty", place=word.place)
    return Commands(place=statement.place, commands=tuple(word.text for word in words))
