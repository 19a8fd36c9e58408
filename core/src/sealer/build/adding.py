"""What COPY and ADD bring to an image: files of the context, of the Kubefile, of servers, and of archives."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sealer.build.archives import is_archive, unpack
from sealer.build.context import Directory
from sealer.build.copying import ImagePaths, Taken, find_sources, place_sources
from sealer.build.entries import Entry
from sealer.build.inputs import Files, Unpacked
from sealer.errors import SourceError, SourceErrors
from sealer.events import EventSink, discard
from sealer.kubefile.instructions import Add, Copy, RemoteSource
from sealer.kubefile.sources import relative_path

_QUERY = re.compile(r"(https?://[^\s?#]*)\?[^\s#]*", re.IGNORECASE)
_FETCHED_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    path: Path
    digest: str


class Adding:
    """Works COPY and ADD instructions out.

    Args:
        context: The build context.
        root: An empty directory, for what is fetched, unpacked and given inline.
        resources: Closes what is opened here.
        skip_tls_verify: Whether servers may show any certificate.
        sink: Is told about downloads.
    """

    def __init__(
        self,
        context: Directory,
        root: Path,
        resources: ExitStack,
        *,
        skip_tls_verify: bool = False,
        sink: EventSink = discard,
    ) -> None:
        self._context = context
        self._root = root
        self._resources = resources
        self._skip_tls_verify = skip_tls_verify
        self._sink = sink
        self._fetched: dict[int, _Fetched] = {}
        self._number = 0

    async def fetch(self, instructions: Sequence[Copy]) -> None:
        """Fetch the remote files of all instructions.

        Raises:
            SourceErrors: Some can't be had, or don't have the digest they should have.
        """
        wanted: dict[Path, RemoteSource] = {}
        for instruction in instructions:
            for source in instruction.remote if isinstance(instruction, Add) else ():
                wanted[self._directory() / source.file_name] = source
        if not wanted:
            return
        # The HTTP library takes longer to import than most builds take.
        from sealer.build.remote import Downloads, download  # noqa: PLC0415  # see above

        settings = Downloads(skip_tls_verify=self._skip_tls_verify, sink=self._sink)
        digests = await download(wanted, settings)
        for path, source in wanted.items():
            self._fetched[id(source)] = _Fetched(path=path, digest=digests[path])

    def contents(self, copy: Copy, image: ImagePaths) -> tuple[Files | Unpacked, ...]:
        """Return the layers that one instruction comes to.

        Args:
            copy: The instruction.
            image: Tells what the image has so far.

        Raises:
            SourceErrors: Sources are not there, are ignored, lead out of the context or are not what they
                should be; or several go to a file.
            ImageError: An archive can't be unpacked.
        """
        taken = _all_sources(copy, self._context)
        described = [_QUERY.sub(r"\1", copy.text)]
        archives: list[Taken] = []
        if isinstance(copy, Add):
            self._verify(copy, taken)
            if copy.unpack is not False:
                archives = [each for each in taken if self._is_archive(each)]
            fetched = [self._take(self._fetched[id(source)]) for source in copy.remote]
            described += [self._fetched[id(source)].digest.replace(":", "=") for source in copy.remote]
            if copy.unpack:
                archives += [each for each in fetched if self._is_archive(each)]
            taken += fetched
        for inline in copy.inline:
            path = self._directory() / inline.name
            path.write_text(inline.content, encoding="utf-8", newline="")
            taken.append(self._take(_Fetched(path=path, digest="")))
        created_by = " ".join(described)
        layers: list[Files | Unpacked] = []
        plain = [each for each in taken if each not in archives]
        if plain:
            layers.append(replace(place_sources(copy, plain, image), created_by=created_by))
        layers += [self._unpacked(copy, each, created_by, image) for each in archives]
        return tuple(layers)

    def _is_archive(self, taken: Taken) -> bool:
        path = taken.directory.root / taken.item.path
        return not taken.item.is_directory and not taken.item.link and is_archive(path)

    def _unpacked(self, copy: Copy, taken: Taken, created_by: str, image: ImagePaths) -> Unpacked:
        target = image.resolve(relative_path(copy.destination, "the image"))
        # Others may write to the context meanwhile: what is unpacked is opened through no link.
        with taken.directory.open(taken.item.path) as descriptor:
            entries = unpack(
                Path(f"/proc/self/fd/{descriptor}"), target, self._directory(), shown=taken.item.path
            )
        return Unpacked(entries=tuple(_changed(entry, copy) for entry in entries), created_by=created_by)

    def _verify(self, copy: Add, taken: Sequence[Taken]) -> None:
        for each in taken if copy.digest else ():
            if each.item.is_directory:
                raise SourceErrors([SourceError("--checksum is for files", place=copy.sources[0].place)])
            with (
                each.directory.open(each.item.path) as descriptor,
                open(descriptor, "rb", closefd=False) as file,
            ):
                found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            if found != copy.digest:
                message = f"{each.item.path} has the digest {found}"
                raise SourceErrors([SourceError(message, place=copy.sources[0].place)])

    def _take(self, fetched: _Fetched) -> Taken:
        directory = self._resources.enter_context(Directory(fetched.path.parent))
        item = directory.find(fetched.path.name)
        assert item is not None  # noqa: S101  # it was written just now
        mode = _FETCHED_MODE if fetched.digest else None
        return Taken(name=fetched.path.name, directory=directory, item=item, mode=mode)

    def _directory(self) -> Path:
        self._number += 1
        path = self._root / str(self._number)
        path.mkdir(parents=True)
        return path


def _all_sources(copy: Copy, context: Directory) -> list[Taken]:
    """Return what the sources of the context are; all that are wrong are told together."""
    taken: list[Taken] = []
    problems: list[SourceError] = []
    for word in copy.sources:
        try:
            found = find_sources(context, word)
        except SourceError as error:
            problems.append(error)
        else:
            taken.extend(Taken(name=name, directory=context, item=item) for name, item in found)
    if problems:
        raise SourceErrors(problems)
    return taken


def _changed(entry: Entry, copy: Copy) -> Entry:
    """Return an entry with the owner and the permissions that the instruction asks for."""
    return replace(
        entry,
        owner=copy.owner or entry.owner,
        mode=entry.mode if copy.mode is None else copy.mode,
    )
