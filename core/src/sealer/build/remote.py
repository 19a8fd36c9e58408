"""Fetch the remote files of applications: status checked, size bounded, tried again, digests compared."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sealer import __version__
from sealer.build.fetch_stream import Retries, Transfer, shown
from sealer.errors import SourceError, SourceErrors, TransportError
from sealer.events import EventSink, Message, TransferProgress, discard
from sealer.kubefile.instructions import RemoteSource

MAXIMUM_SIZE = 2 << 30
"""Bytes after which an answer is refused: what an application launches is no larger."""

_PARALLEL = 4
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """How remote files are fetched.

    Attributes:
        skip_tls_verify: Whether to accept any certificate.
        retries: How transient failures are met.
        maximum: Bytes after which an answer is refused.
        sink: Is told how far they are.
    """

    skip_tls_verify: bool = False
    retries: Retries = field(default_factory=Retries)
    maximum: int = MAXIMUM_SIZE
    sink: EventSink = discard


async def download(wanted: Mapping[Path, RemoteSource], settings: Downloads) -> Mapping[Path, str]:
    """Fetch files, and return the digest of each.

    Args:
        wanted: What to fetch, by the path it gets; its directory exists.
        settings: How.

    Raises:
        SourceErrors: Files can't be had or don't have the digest that the Kubefile wants; all are named.
    """
    context = ssl.create_default_context()
    if settings.skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    places = asyncio.Semaphore(_PARALLEL)
    async with httpx.AsyncClient(
        follow_redirects=True,
        timeout=_TIMEOUT,
        verify=context,
        headers={"accept-encoding": "identity", "user-agent": f"sealer/{__version__}"},
    ) as client:

        async def one(path: Path, source: RemoteSource) -> str | SourceError:
            async with places:
                return await _fetch(client, path, source, settings)

        results = await asyncio.gather(*(one(path, source) for path, source in wanted.items()))
    problems = [result for result in results if isinstance(result, SourceError)]
    if problems:
        raise SourceErrors(problems)
    return {path: str(result) for path, result in zip(wanted, results, strict=True)}


async def _fetch(
    client: httpx.AsyncClient, path: Path, source: RemoteSource, settings: Downloads
) -> str | SourceError:
    """Fetch one file and return its digest, or what went wrong."""
    address = shown(source.url).partition("?")[0]

    def report(moved: int, total: int) -> None:
        settings.sink(TransferProgress(subject=address, host=None, moved=moved, total=max(moved, total)))

    if source.digest is None and source.url.lower().startswith("http://"):
        text = f"{address} is fetched without TLS and without a digest: pin it with #sha256=..."
        settings.sink(Message(text=text, warning=True))
    transfer = Transfer(
        client,
        source.url,
        path,
        subject=source.file_name,
        retries=settings.retries,
        maximum=settings.maximum,
        progress=report,
    )
    try:
        await transfer.run()
    except TransportError as error:
        return SourceError(error.message, place=source.place, hint=error.hint)
    digest = await asyncio.to_thread(_digest, path)
    if source.digest is not None and digest != source.digest:
        hint = "the file has changed since it was pinned, or was tampered with"
        return SourceError(f"{address} has the digest {digest}", place=source.place, hint=hint)
    return digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
