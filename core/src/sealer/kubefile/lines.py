"""Cut a Kubefile into logical lines, each of which knows the position of every character in the file.

Comments, blank lines, continuations, the ``# escape=`` directive and the bodies of heredocs follow the
Dockerfile's rules.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sealer.errors import Place, SourceError, SourceErrors

_COPIES = frozenset({"ADD", "COPY"})
_WORDS = re.compile(r"\S+")
_HEREDOC = re.compile(r"<<(-?)([\"']?)(\w+)\2")
# In a shell's command a heredoc may be anywhere outside quotes; <<< is another thing.
_IN_SHELL = re.compile(
    r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|<<<|(?<![^\s;|&])\d?(?P<heredoc><<(-?)([\"']?)([A-Za-z_]\w*)\3)",
    re.DOTALL,
)
_TAB = "\t"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DIRECTIVES = frozenset({"escape", "syntax", "check"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text of a file, line by line, without line ends."""

    file: str
    lines: tuple[str, ...]

    def place(self, line: int, column: int) -> Place:
        """Return the place of a line and column, both counted from 1."""
        return Place(file=self.file, line=line, column=column, text=self.lines[line - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """Text that stands in the lines after an instruction.

    Attributes:
        name: The word that ends it, and the name of the file it becomes.
        offset: Where in the instruction's text its ``<<`` is.
        end: Where the word with its ``<<`` ends.
        literal: Whether variables in it have no meaning: its word is in quotes.
        strips_tabs: Whether tabs at the start of lines are no part of it.
        first: Index of its first line in the file.
        last: Index after its last line, which is that of the word that ends it.
    """

    name: str
    offset: int
    end: int
    literal: bool
    strips_tabs: bool
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Logical:
    """One instruction's text with its continuations joined.

    Attributes:
        source: The file it is from.
        text: The joined text; it starts with the instruction's word.
        starts: Offsets in ``text`` at which a piece of a physical line starts.
        origins: Line and column of each piece.
        heredocs: The heredocs that it starts.
        unterminated: The heredoc whose end is missing, or None.
    """

    source: Source
    text: str
    starts: tuple[int, ...]
    origins: tuple[tuple[int, int], ...]
    heredocs: tuple[Heredoc, ...] = ()
    unterminated: Heredoc | None = None

    def place(self, offset: int) -> Place:
        """Return where in the file a character of ``text`` is; the end of ``text`` has a place as well."""
        piece = bisect.bisect_right(self.starts, offset) - 1
        line, column = self.origins[piece]
        return self.source.place(line, column + offset - self.starts[piece])

    def body(self, heredoc: Heredoc) -> str:
        """Return the text of a heredoc, every line with its end."""
        lines = self.source.lines[heredoc.first : heredoc.last]
        return "".join(f"{line.lstrip(_TAB) if heredoc.strips_tabs else line}\n" for line in lines)

    def raw_bodies(self) -> str:
        """Return the lines of all heredocs as they are in the file, with the words that end them."""
        if not self.heredocs:
            return ""
        return "".join(
            f"{line}\n" for line in self.source.lines[self.heredocs[0].first : self.heredocs[-1].last + 1]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a file was cut into.

    Attributes:
        source: The file.
        escape: The escape character, a backslash or a back-tick.
        logical: The logical lines in order.
    """

    source: Source
    escape: str
    logical: tuple[Logical, ...]


def cut(data: bytes, file: str) -> Lines:
    """Cut the bytes of a file into logical lines.

    Raises:
        SourceErrors: The bytes are not UTF-8 text, or a directive is wrong.
    """
    source = Source(file=file, lines=tuple(_decode(data, file)))
    escape, first = _directives(source)
    return Lines(source=source, escape=escape, logical=tuple(_join(source, escape, first)))


def _decode(data: bytes, file: str) -> Iterator[str]:
    for number, raw in enumerate(data.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), 1):
        try:
            line = raw.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            readable = raw[: error.start].decode()
            place = Place(file=file, line=number, column=len(readable) + 1, text=readable)
            problem = SourceError("the text is not UTF-8", place=place, hint="save the file as UTF-8")
            raise SourceErrors([problem]) from error
        if "\0" in line:
            place = Place(file=file, line=number, column=line.index("\0") + 1)
            raise SourceErrors([SourceError("the text holds a NUL character", place=place)])
        yield line


def _directives(source: Source) -> tuple[str, int]:
    """Return the escape character and the index of the first line after the directives."""
    escape = ""
    for index, line in enumerate(source.lines):
        name, equals, value = line.strip().removeprefix("#").partition("=")
        name, value = name.strip().lower(), value.strip()
        if not line.lstrip().startswith("#") or not equals or name not in _DIRECTIVES:
            return escape or "\\", index
        if name != "escape":
            continue
        place = source.place(index + 1, line.index("=") + 2)
        if escape:
            raise SourceErrors([SourceError("the escape directive is given twice", place=place)])
        if value not in {"\\", "`"}:
            hint = "write # escape=\\ or # escape=`"
            raise SourceErrors(
                [SourceError(f"{value[:20]!r} can't be an escape character", place=place, hint=hint)]
            )
        escape = value
    return escape or "\\", len(source.lines)


def _join(source: Source, escape: str, first: int) -> Iterator[Logical]:
    index = first
    while index < len(source.lines):
        if _is_blank_or_comment(source.lines[index]):
            index += 1
            continue
        pieces: list[str] = []
        origins: list[tuple[int, int]] = []
        continued = True
        while continued and index < len(source.lines):
            line = source.lines[index]
            index += 1
            if pieces and _is_blank_or_comment(line):
                continue
            skipped = 0 if pieces else len(line) - len(line.lstrip())
            body, continued = _without_continuation(line, escape)
            pieces.append(body[skipped:])
            origins.append((index, skipped + 1))
        starts = [0]
        for piece in pieces[:-1]:
            starts.append(starts[-1] + len(piece))
        text = "".join(pieces)
        index, heredocs, missing = _take_bodies(source.lines, index, _heredocs(text))
        yield Logical(
            source=source,
            text=text,
            starts=tuple(starts),
            origins=tuple(origins),
            heredocs=heredocs,
            unterminated=missing,
        )


def _is_blank_or_comment(line: str) -> bool:
    stripped = line.lstrip()
    return not stripped or stripped.startswith("#")


def _without_continuation(line: str, escape: str) -> tuple[str, bool]:
    """Return the line without a final escape character, and whether there was one that counts."""
    stripped = line.rstrip(" \t")
    if stripped.endswith(escape) and not stripped.endswith(escape * 2):
        return stripped[:-1], True
    return line, False


def _heredocs(text: str) -> tuple[Heredoc, ...]:
    """Return the heredocs that an instruction starts, without their bodies."""
    word = text.split(maxsplit=1)[0].upper() if "<<" in text else ""
    if word in _COPIES:
        matches = [
            (piece.start(), match)
            for piece in _WORDS.finditer(text)
            if (match := _HEREDOC.fullmatch(piece[0])) is not None
        ]
        return tuple(_heredoc(at, at + match.end(), match[1], match[2], match[3]) for at, match in matches)
    if word == "RUN":
        found = (match for match in _IN_SHELL.finditer(text) if match["heredoc"])
        return tuple(
            _heredoc(match.start("heredoc"), match.end(), match[2], match[3], match[4]) for match in found
        )
    return ()


def _heredoc(offset: int, end: int, dash: str, quote: str, name: str) -> Heredoc:
    return Heredoc(name=name, offset=offset, end=end, literal=bool(quote), strips_tabs=bool(dash))


def _take_bodies(
    lines: Sequence[str], index: int, heredocs: Sequence[Heredoc]
) -> tuple[int, tuple[Heredoc, ...], Heredoc | None]:
    """Return the index after the bodies, the heredocs that have one, and the first that has no end."""
    taken: list[Heredoc] = []
    for heredoc in heredocs:
        first = index
        while index < len(lines) and _ending(lines[index], heredoc) != heredoc.name:
            index += 1
        if index == len(lines):
            return index, tuple(taken), heredoc
        taken.append(replace(heredoc, first=first, last=index))
        index += 1
    return index, tuple(taken), None


def _ending(line: str, heredoc: Heredoc) -> str:
    return line.lstrip(_TAB) if heredoc.strips_tabs else line
