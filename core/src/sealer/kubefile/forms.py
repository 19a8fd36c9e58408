"""Read the arguments of each instruction into its value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sealer.errors import Place, SourceError, SourceErrors
from sealer.kubefile import arguments
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import (
    App,
    AppCommands,
    AppEnv,
    AppKind,
    Commands,
    Copy,
    Env,
    From,
    KubeVersion,
    Label,
    LaunchApps,
    Owner,
)
from sealer.kubefile.lines import Logical
from sealer.kubefile.sources import application_name, application_source, relative_path
from sealer.kubefile.versions import VersionRange

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?")
_OWNER = re.compile(r"(\d{1,10})(?::(\d{1,10}))?")
_MODE = re.compile(r"[0-7]{3,4}")
_LARGEST_ID = 2**32 - 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One instruction before it is read.

    Attributes:
        name: Its word in capitals.
        line: Its text.
        start: Where in the text the arguments start.
        escape: The file's escape character.
    """

    name: str
    line: Logical
    start: int
    escape: str

    @property
    def place(self) -> Place:
        """Where its word is."""
        return self.line.place(0)

    @property
    def end(self) -> Place:
        """Where its text ends."""
        return self.line.place(len(self.line.text))

    def missing(self, what: str, hint: str) -> SourceError:
        """Return the error that an argument is missing."""
        return SourceError(f"{self.name} needs {what}", place=self.end, hint=hint)


def read_from(statement: Statement) -> From:
    """Read ``FROM [--platform=P] image|scratch``."""
    options, start = _flags(statement, {"platform"})
    words = arguments.words(statement.line, start)
    if not words:
        raise statement.missing("an image", "write FROM scratch or FROM an image")
    if len(words) > 1:
        hint = "a Kubefile has one stage; FROM takes one image and nothing else"
        raise SourceError(f"{words[1].text[:40]!r} has no meaning here", place=words[1].place, hint=hint)
    platform = options.get("platform")
    if platform is not None and not _PLATFORM.fullmatch(platform.text):
        hint = "write os/architecture, as linux/amd64"
        raise SourceError(f"{platform.text[:40]!r} is no platform", place=platform.place, hint=hint)
    image = None if words[0].text == "scratch" else words[0]
    return From(place=statement.place, image=image, platform=platform)


def read_copy(statement: Statement) -> Copy:
    """Read ``COPY [--chown=U[:G]] [--chmod=MODE] source... destination``."""
    options, start = _flags(statement, {"chown", "chmod"}, beyond={"from", "link", "parents", "exclude"})
    words = arguments.strings(statement.line, start, globs=True)
    if len(words) < 2:
        raise statement.missing("a source and a destination", "write COPY source destination")
    *sources, destination = words
    for word in words:
        if not word.text:
            raise SourceError("the path is empty", place=word.place)
    relative_path(destination, "the image")
    for source in sources:
        relative_path(source, "the build context")
    return Copy(
        place=statement.place,
        sources=tuple(sources),
        destination=destination,
        owner=_owner(options.get("chown")),
        mode=_mode(options.get("chmod")),
        text=" ".join(statement.line.text.split()),
    )


def read_label(statement: Statement) -> Label:
    """Read ``LABEL name=value...``."""
    pairs = arguments.pairs(statement.line, statement.start, statement.escape)
    if not pairs:
        raise statement.missing("a label", "write LABEL name=value")
    return Label(place=statement.place, pairs=pairs)


def read_env(statement: Statement) -> Env:
    """Read ``ENV name=value...``."""
    pairs = arguments.pairs(statement.line, statement.start, statement.escape)
    if not pairs:
        raise statement.missing("a variable", "write ENV NAME=value")
    return Env(place=statement.place, pairs=pairs)


def read_app(statement: Statement, kind: AppKind) -> App:
    """Read ``APP name scheme://source...``; CNI and CSI have the same form."""
    words = arguments.strings(statement.line, statement.start)
    if len(words) < 2:
        raise statement.missing("a name and sources", f"write {statement.name} name local://path")
    return App(
        place=statement.place,
        kind=kind,
        name=application_name(words[0]),
        sources=tuple(_each(application_source, words[1:])),
    )


def read_app_env(statement: Statement) -> AppEnv:
    """Read ``APPENV name key=value...``."""
    hint = "write APPENV name KEY=value"
    if arguments.is_json(statement.line, statement.start):
        words = arguments.json_strings(statement.line, statement.start)
        pairs = tuple(_each(arguments.plain_pair, words[1:]))
    else:
        words, rest = _first_word(statement)
        pairs = arguments.pairs(statement.line, rest, statement.escape)
    if not words or not pairs:
        raise statement.missing("an application and variables", hint)
    return AppEnv(place=statement.place, app=words[0], pairs=pairs)


def read_app_commands(statement: Statement) -> AppCommands:
    """Read ``APPCMDS name ["words", ...]`` or ``APPCMDS name command line``.

    The strings of an array are joined with blanks into one command line, as the Go implementation does.
    """
    hint = 'write APPCMDS name ["command line"]'
    if arguments.is_json(statement.line, statement.start):
        place = statement.line.place(arguments.skip_blanks(statement.line, statement.start))
        raise SourceError("the application's name must come before the array", place=place, hint=hint)
    words, rest = _first_word(statement)
    if not words:
        raise statement.missing("an application and a command", hint)
    command = _command(statement, rest)
    if not command.strip():
        raise statement.missing("a command", hint)
    return AppCommands(place=statement.place, app=words[0], command=command)


def _command(statement: Statement, start: int) -> str:
    if arguments.is_json(statement.line, start):
        return " ".join(word.text for word in arguments.json_strings(statement.line, start))
    return statement.line.text[start:].strip()


def read_kube_version(statement: Statement) -> KubeVersion:
    """Read ``KUBEVERSION range`` in the grammar of ``sealer.kubefile.versions``."""
    start = arguments.skip_blanks(statement.line, statement.start)
    text = statement.line.text[start:].strip()
    if not text:
        raise statement.missing("a range of versions", "as KUBEVERSION >=1.24, or KUBEVERSION 1.22 - 1.24")
    try:
        VersionRange.parse(text)
    except ValueError as error:
        hint = "as >=1.24 <1.30, ~1.26, 1.22 - 1.24, or two ranges with || between"
        raise SourceError(str(error), place=statement.line.place(start), hint=hint) from error
    return KubeVersion(place=statement.place, versions=text)


def read_launch(statement: Statement) -> LaunchApps:
    """Read ``LAUNCH ["app", ...]`` or ``LAUNCH app...``."""
    names = arguments.strings(statement.line, statement.start)
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


def _first_word(statement: Statement) -> tuple[tuple[Word, ...], int]:
    """Return the first argument, if there is one, and where the next one starts."""
    start = arguments.skip_blanks(statement.line, statement.start)
    end = start
    text = statement.line.text
    while end < len(text) and not text[end].isspace():
        end += 1
    if end == start:
        return (), end
    return (Word(text=text[start:end], place=statement.line.place(start)),), arguments.skip_blanks(
        statement.line, end
    )


def _flags(
    statement: Statement, known: set[str], beyond: Iterable[str] = ()
) -> tuple[Mapping[str, Word], int]:
    """Read ``--name=value`` flags; ``beyond`` are those that Dockerfiles know and Kubefiles don't yet."""
    found, start = arguments.flags(statement.line, statement.start)
    values: dict[str, Word] = {}
    for word in found:
        name, equals, value = word.text.removeprefix("--").partition("=")
        if name in beyond:
            raise SourceError(f"--{name} is not built yet", place=word.place)
        if name not in known:
            near = difflib.get_close_matches(name[:40], sorted(known), n=1) or sorted(known)
            hint = "its flags are " + ", ".join(f"--{each}" for each in near)
            raise SourceError(f"{statement.name} has no flag --{name[:40]}", place=word.place, hint=hint)
        if not equals or not value:
            raise SourceError(f"--{name} needs a value", place=word.place, hint=f"write --{name}=value")
        if name in values:
            raise SourceError(f"--{name} is given twice", place=word.place)
        values[name] = Word(text=value, place=word.place)
    return values, start


def _owner(word: Word | None) -> Owner | None:
    if word is None:
        return None
    match = _OWNER.fullmatch(word.text)
    user = int(match[1]) if match else -1
    group = int(match[2] or match[1]) if match else -1
    if not (0 <= user <= _LARGEST_ID and 0 <= group <= _LARGEST_ID):
        hint = "write numbers, as --chown=1000:1000; an image's files have no list of names"
        raise SourceError(f"{word.text[:40]!r} is no owner", place=word.place, hint=hint)
    return Owner(user=user, group=group)


def _mode(word: Word | None) -> int | None:
    if word is None:
        return None
    if not _MODE.fullmatch(word.text):
        hint = "write it in octal, as --chmod=0644"
        raise SourceError(f"{word.text[:40]!r} is no mode", place=word.place, hint=hint)
    return int(word.text, 8)


def _each(read: Callable[[Word], T], words: Iterable[Word]) -> list[T]:
    """Read every word, so that all that are wrong are reported together."""
    results: list[T] = []
    problems: list[SourceError] = []
    for word in words:
        try:
            results.append(read(word))
        except SourceError as error:
            problems.append(error)
    if problems:
        raise SourceErrors(problems)
    return results
