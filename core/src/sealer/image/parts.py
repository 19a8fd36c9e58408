"""A large file as parts that fit on small media, and back: checked one by one, found in any order.

The parts are the file cut into pieces, so `cat` joins them as well. Beside them lies an index,
``NAME.parts``, with the size and checksum of each.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from sealer.errors import ImageError, TransportError, VerificationError
from sealer.image.layout import create_file

INDEX_SUFFIX = ".parts"
_PART = re.compile(r"(?P<name>.+)\.part-\d{4,}")
_MAXIMUM_INDEX = 16 << 20
_MOST_PARTS = 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a file: its name, its size in bytes, and the hexadecimal sha256 digest of its content."""

    name: str
    size: int
    sha256: str


class PartWriter:
    """Takes the bytes of a file and writes them as parts, which appear when all of them are complete.

    Args:
        output: The file that they make together, which does not come to be.
        maximum: The largest size of a part, in bytes.
    """

    def __init__(self, output: Path, maximum: int) -> None:
        self._output = output
        self._maximum = maximum
        self._unfinished: list[Path] = []
        self._parts: list[Part] = []
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        for path in self._unfinished:
            path.unlink(missing_ok=True)

    def write(self, data: bytes | memoryview, /) -> int:
        """Append bytes.

        Raises:
            ImageError: The parts become too many.
        """
        view = memoryview(data)
        while view.nbytes:
            if self._file is None:
                if len(self._parts) == _MOST_PARTS:
                    message = f"parts of {self._maximum} bytes would be more than {_MOST_PARTS}"
                    raise ImageError(message, hint="choose a larger --max-part-size")
                path = self._output.with_name(f".{self._output.name}.{secrets.token_hex(8)}")
                self._file = create_file(path)
                self._unfinished.append(path)
            piece = view[: self._maximum - self._size]
            self._file.write(piece)
            self._hash.update(piece)
            self._size += piece.nbytes
            view = view[piece.nbytes :]
            if self._size == self._maximum:
                self._end_part()
        return len(data)

    def commit(self) -> int:
        """Give parts and index their names, in place of those of an earlier time; return the bytes of all."""
        self._end_part()
        size = sum(part.size for part in self._parts)
        fields = [{"name": part.name, "size": part.size, "sha256": part.sha256} for part in self._parts]
        document = {"schemaVersion": 1, "name": self._output.name, "size": size, "parts": fields}
        index = self._output.with_name(self._output.name + INDEX_SUFFIX)
        # Without an index nobody takes new parts for old ones.
        index.unlink(missing_ok=True)
        for path in self._output.parent.glob("*.part-*"):
            match = _PART.fullmatch(path.name)
            if match is not None and match["name"] == self._output.name:
                path.unlink()
        for path, part in zip(self._unfinished, self._parts, strict=True):
            path.replace(self._output.with_name(part.name))
        self._unfinished.clear()
        unfinished = self._output.with_name(f".{index.name}.{secrets.token_hex(4)}")
        unfinished.write_text(json.dumps(document, indent=1) + "\n")
        unfinished.replace(index)
        return size

    def _end_part(self) -> None:
        if self._file is None:
            return
        self._file.close()
        name = f"{self._output.name}.part-{len(self._parts) + 1:04}"
        self._parts.append(Part(name=name, size=self._size, sha256=self._hash.hexdigest()))
        self._file = None
        self._hash = hashlib.sha256()
        self._size = 0


class PartReader:
    """Reads parts one after another as one file; in the end ``require_whole`` tells whether it was right.

    Args:
        parts: The parts in their order, and the file of each.
    """

    def __init__(self, parts: Sequence[tuple[Part, Path]]) -> None:
        self._parts = tuple(parts)
        self._found: dict[str, str] = {}
        self._begun = 0
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._position = 0
        self.size = sum(part.size for part, _ in parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, fewer at the end of a part; none at the end of all."""
        while True:
            if self._file is None:
                if self._begun == len(self._parts):
                    return b""
                self._file = self._parts[self._begun][1].open("rb")
                self._begun += 1
            data = self._file.read(size)
            if data:
                self._hash.update(data)
                self._position += len(data)
                return data
            self._file.close()
            self._file = None
            self._found[self._parts[self._begun - 1][0].name] = self._hash.hexdigest()
            self._hash = hashlib.sha256()

    def require_whole(self) -> None:
        """Compare the checksums of all parts; those that were not read to their end are read now.

        Raises:
            VerificationError: A part has another checksum than it should.
        """
        for part, path in self._parts:
            if (self._found.get(part.name) or _checksum(path)) != part.sha256:
                raise VerificationError(f"the part {path.name} is damaged: it has another checksum")


def find_parts(inputs: Sequence[Path]) -> PartReader | None:
    """Return what reads the parts that are given, or None when it is one plain file that is given.

    Args:
        inputs: A file; or an index, a part, or several parts in any order and under any name, with the index
            among them or beside them.

    Raises:
        TransportError: There is no index, or it can't be read.
        ImageError: A part is missing, or not complete.
    """
    indexes = [path for path in inputs if path.name.endswith(INDEX_SUFFIX)]
    for path in inputs:
        match = _PART.fullmatch(path.name)
        if match is not None:
            indexes.append(path.with_name(match["name"] + INDEX_SUFFIX))
    if not indexes and len(inputs) == 1:
        return None
    indexes = indexes or [path for path in inputs if _is_index(path)]
    if not indexes:
        raise TransportError(
            "several files can only be the parts of one", hint=f"name their index too: NAME{INDEX_SUFFIX}"
        )
    if len(set(indexes)) > 1:
        raise TransportError(
            f"{indexes[0]} and {indexes[1]} belong to different files",
            hint="name the parts of one file at a time",
        )
    parts = _read_index(indexes[0])
    given = [path for path in inputs if path != indexes[0]]
    return PartReader([(part, _locate(part, indexes[0].parent, given)) for part in parts])


def _is_index(path: Path) -> bool:
    """Tell whether a file of any name is an index."""
    try:
        with path.open("rb") as file:
            if file.read(1) != b"{":
                return False
        _read_index(path)
    except (OSError, TransportError, ImageError):
        return False
    return True


def _read_index(path: Path) -> tuple[Part, ...]:
    try:
        with path.open("rb") as file:
            document: Any = json.loads(file.read(_MAXIMUM_INDEX))
        return tuple(
            Part(name=Path(str(part["name"])).name, size=int(part["size"]), sha256=str(part["sha256"]))
            for part in document["parts"]
        )
    except OSError as error:
        hint = "every save with --max-part-size writes one; it goes with the parts"
        raise TransportError(
            f"the index of the parts can't be read: {error.strerror}", place=str(path), hint=hint
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ImageError("it is no index of parts", place=str(path)) from error


def _locate(part: Part, directory: Path, given: Iterable[Path]) -> Path:
    """Return the file of a part: of its name if that has its size, else any of those given that it is."""
    named = [path for path in given if path.name == part.name] or [directory / part.name]
    sizes = {path: _size(path) for path in (*named, *given)}
    for path in named:
        if sizes[path] == part.size:
            return path
    for path in given:
        if sizes[path] == part.size and _checksum(path) == part.sha256:
            return path
    found = sizes[named[0]]
    state = "is missing" if found is None else f"has {found} bytes, not {part.size}"
    raise ImageError(f"the part {part.name} {state}", hint="get it again; nothing was taken over")


def _size(path: Path) -> int | None:
    with suppress(OSError):
        return path.stat().st_size
    return None


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
