"""Cut a Kubefile into logical lines, each of which knows the position of every character in the file.

Comments, blank lines, continuations, the ``# escape=`` directive and the bodies of heredocs follow the
Dockerfile's rules.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sealer.errors import Place, SourceError, SourceErrors

HEREDOC_WORDS = frozenset({"ADD", "COPY", "RUN"})
_HEREDOC = re.compile(r"\d*<<(-?)([\"']?)(\w+)\2")
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
class Logical:
    """One instruction's text with its continuations joined.

    Attributes:
        source: The file it is from.
        text: The joined text; it starts with the instruction's word.
        starts: Offsets in ``text`` at which a piece of a physical line starts.
        origins: Line and column of each piece.
        heredoc: Offset of the first heredoc's ``<<``, or None.
        unterminated: The heredoc word whose end is missing, or "".
    """

    source: Source
    text: str
    starts: tuple[int, ...]
    origins: tuple[tuple[int, int], ...]
    heredoc: int | None = None
    unterminated: str = ""

    def place(self, offset: int) -> Place:
        """Return where in the file a character of ``text`` is; the end of ``text`` has a place as well."""
        piece = bisect.bisect_right(self.starts, offset) - 1
        line, column = self.origins[piece]
        return self.source.place(line, column + offset - self.starts[piece])


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
        heredoc, ends = _heredocs(text)
        index, missing = _skip_bodies(source.lines, index, ends)
        yield Logical(
            source=source,
            text=text,
            starts=tuple(starts),
            origins=tuple(origins),
            heredoc=heredoc,
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


def _heredocs(text: str) -> tuple[int | None, list[tuple[str, bool]]]:
    """Return the offset of the first heredoc and, for each, its end word and whether tabs are stripped."""
    if "<<" not in text or text.split(maxsplit=1)[0].upper() not in HEREDOC_WORDS:
        return None, []
    found = [(word.start(), _HEREDOC.fullmatch(word[0])) for word in re.finditer(r"\S+", text)]
    matches = [(offset, match) for offset, match in found if match is not None]
    return (matches[0][0] if matches else None), [(match[3], bool(match[1])) for _, match in matches]


def _skip_bodies(lines: Sequence[str], index: int, ends: Sequence[tuple[str, bool]]) -> tuple[int, str]:
    """Return the index after the heredocs' bodies, and the end word that is missing, or ""."""
    for word, strips_tabs in ends:
        while index < len(lines) and (lines[index].lstrip("\t") if strips_tabs else lines[index]) != word:
            index += 1
        if index == len(lines):
            return index, word
        index += 1
    return index, ""
