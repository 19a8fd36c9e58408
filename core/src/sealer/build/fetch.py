"""Downloads of files whose digest is known: in parallel, resumed, verified, and kept in a cache.

The cache has finished files by digest, the digests that addresses were found to have, and what has arrived
of files that are not finished. A second download of the same thing asks the network nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sealer import __version__
from sealer.build.fetch_checksums import Checksum, parse_checksum, read_checksum_text
from sealer.build.fetch_stream import Progress, Retries, Transfer, shown
from sealer.errors import ImageError, SealerError, TransportError, VerificationError
from sealer.events import EventSink, Message, TransferProgress, discard

_MAXIMUM = 4 * 1024**3
_MAXIMUM_CHECKSUM_TEXT = 1024**2
_REPORT_EVERY = 1024**2
_LOCK_POLL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file to download.

    Attributes:
        name: What messages call it.
        url: Where upstream publishes it.
        checksum: ``sha256:<hex>``, or the address of a text that holds the digest.
    """

    name: str
    url: str
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """How files are downloaded.

    Attributes:
        mirror: An address that is put before ``<host>/<path>`` of every address, or None.
        parallel: How many files are downloaded at a time.
        retries: How transient failures are met.
        timeout: Seconds to wait for a connection, or for the next bytes.
    """

    mirror: str | None = None
    parallel: int = 4
    retries: Retries = field(default_factory=Retries)
    timeout: float = 30.0


def mirrored(url: str, mirror: str | None) -> str:
    """Return where a mirror has a file: the mirror's address, then host and path of the original."""
    if mirror is None:
        return url
    _, _, rest = url.partition("://")
    return f"{mirror.rstrip('/')}/{rest}"


async def fetch(
    wanted: Sequence[Wanted],
    cache: Path,
    *,
    settings: FetchSettings | None = None,
    sink: EventSink = discard,
) -> tuple[Path, ...]:
    """Download files into the cache and return where each is, in the order they were given.

    Args:
        wanted: What to download.
        cache: The directory of the cache; made when it is missing.
        settings: How, or None for the defaults.
        sink: Told how far each file is.

    Raises:
        TransportError: A file or its checksum can't be had.
        VerificationError: A file does not have the digest its checksum says.
        ImageError: The cache can't be written.
    """
    settings = settings or FetchSettings()
    places = asyncio.Semaphore(settings.parallel)
    paths: dict[int, Path] = {}
    async with httpx.AsyncClient(
        follow_redirects=True,
        timeout=settings.timeout,
        verify=ssl.create_default_context(),
        # Any other encoding would change the bytes that digests and ranges are about.
        headers={"accept-encoding": "identity", "user-agent": f"sealer/{__version__}"},
    ) as client:
        fetcher = _Fetcher(client, cache, settings, sink)

        async def one(index: int) -> None:
            async with places:
                paths[index] = await fetcher.file(wanted[index])

        try:
            async with asyncio.TaskGroup() as tasks:
                for index in range(len(wanted)):
                    tasks.create_task(one(index))
        except ExceptionGroup as failures:  # in `except*`, Python 3.11.2 wraps what is raised
            error = _first(failures.subgroup(SealerError) or failures)
            if isinstance(error, OSError):
                hint = "free some space, or make the directory writable"
                raise ImageError(f"downloads can't be kept in {cache}: {error}", hint=hint) from error
            raise error from None
    return tuple(paths[index] for index in range(len(wanted)))


class _Fetcher:
    """The steps of one download, over one client and one cache."""

    def __init__(
        self, client: httpx.AsyncClient, cache: Path, settings: FetchSettings, sink: EventSink
    ) -> None:
        self._client = client
        self._files = cache / "sha256"
        self._addresses = cache / "urls"
        self._partial = cache / "partial"
        self._settings = settings
        self._sink = sink

    async def file(self, wanted: Wanted) -> Path:
        """Return a verified file, from the cache or the network."""
        for directory in (self._files, self._addresses, self._partial):
            directory.mkdir(parents=True, exist_ok=True)
        url = mirrored(wanted.url, self._settings.mirror)
        known = self._addresses / _key(f"{url} {wanted.checksum}")
        checksum = parse_checksum(wanted.checksum)
        digest = checksum if checksum is not None else _read_hex(known)
        if digest is not None and (path := await self._cached(wanted, digest.hex)) is not None:
            return path
        async with _locked(self._partial / f"{_key(url)}.lock"):
            expected = digest or await self._published(wanted, url)
            # Another process may have brought it while this one waited.
            path = await self._cached(wanted, expected.hex) or await self._download(wanted, url, expected)
        known.write_text(expected.hex)
        return path

    async def _cached(self, wanted: Wanted, digest: str) -> Path | None:
        path = self._files / digest
        if not path.exists():
            return None
        if await asyncio.to_thread(_digest, path) == digest:
            size = path.stat().st_size
            self._sink(TransferProgress(subject=wanted.name, host=None, moved=size, total=size))
            return path
        text = f"{wanted.name} was damaged in the cache; it is downloaded again"
        self._sink(Message(text=text, warning=True))
        path.unlink(missing_ok=True)
        return None

    async def _published(self, wanted: Wanted, url: str) -> Checksum:
        """Return the digest that upstream publishes beside the file."""
        source = mirrored(wanted.checksum, self._settings.mirror)
        target = self._partial / f"{_key(url)}.checksum"  # not by its own address: files may share one text
        subject = f"the checksum of {wanted.name}"
        await self._transfer(source, target, subject, _MAXIMUM_CHECKSUM_TEXT).run()
        text = target.read_text(encoding="utf-8", errors="replace")
        target.unlink()
        found = read_checksum_text(text, url.rsplit("/", 1)[-1])
        if found is None:
            raise TransportError(
                f"{shown(source)} holds no sha256 digest for {wanted.name}",
                hint="the address answers with something else than a checksum, such as a login page",
            )
        return Checksum(hex=found, source=shown(source))

    async def _download(self, wanted: Wanted, url: str, expected: Checksum) -> Path:
        target = self._partial / _key(url)
        while True:
            transfer = self._transfer(url, target, wanted.name, _MAXIMUM, self._progress(wanted.name))
            await transfer.run()
            actual = await asyncio.to_thread(_digest, target)
            if actual == expected.hex:
                return target.replace(self._files / actual)
            target.unlink()
            # A file put together from two answers may mix two versions of it: once more, in one piece.
            if not transfer.resumed:
                break
        raise VerificationError(
            f"{wanted.name} from {shown(url)} has the digest sha256:{actual}, "
            f"but {expected.source} says sha256:{expected.hex}",
            hint="the file was changed on its way; nothing of it was kept. Try again, or another mirror",
        )

    def _transfer(
        self, url: str, target: Path, subject: str, maximum: int, progress: Progress | None = None
    ) -> Transfer:
        return Transfer(
            self._client,
            url,
            target,
            subject=subject,
            retries=self._settings.retries,
            maximum=maximum,
            progress=progress,
        )

    def _progress(self, subject: str) -> _Progress:
        return _Progress(subject, self._sink)


class _Progress:
    """Passes on how far a file is, about once every mebibyte."""

    def __init__(self, subject: str, sink: EventSink) -> None:
        self._subject = subject
        self._sink = sink
        self._reported = -_REPORT_EVERY

    def __call__(self, moved: int, total: int) -> None:
        if moved - self._reported >= _REPORT_EVERY or moved < self._reported or moved == total:
            self._reported = moved
            total = max(moved, total)
            self._sink(TransferProgress(subject=self._subject, host=None, moved=moved, total=total))


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock between processes; waiting doesn't block the other downloads of this one."""
    with path.open("wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOCK_POLL)
        yield


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_hex(path: Path) -> Checksum | None:
    try:
        return parse_checksum(f"sha256:{path.read_text()}")
    except OSError:
        return None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
