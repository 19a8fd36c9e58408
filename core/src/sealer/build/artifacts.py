"""Fetch the files of applications that registries have as OCI artifacts, such as charts."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sealer.errors import ImageError, SourceError, SourceErrors, TransportError
from sealer.image.digest import hex_of
from sealer.image.oci import Manifest, parse_document
from sealer.image.transport import Transport
from sealer.kubefile.instructions import RemoteSource

SCHEME = "oci://"

_PARALLEL = 4
_ARCHIVE = ".tar+gzip"


async def fetch_artifacts(wanted: Mapping[Path, RemoteSource], transport: Transport) -> Mapping[Path, str]:
    """Fetch the archives of artifacts, with the credentials of ``sealer login``, and return their digests.

    Args:
        wanted: What to fetch, by the path it gets; its directory exists.
        transport: Talks to registries.

    Raises:
        SourceErrors: Artifacts can't be had, hold no archive, or don't have the digest that the Kubefile
            wants; all are named.
    """
    places = asyncio.Semaphore(_PARALLEL)

    async def one(path: Path, source: RemoteSource) -> str | SourceError:
        async with places:
            try:
                return await _fetch(path, source, transport)
            except (ImageError, TransportError) as error:
                return SourceError(error.message, place=source.place, hint=error.hint)

    results = await asyncio.gather(*(one(path, source) for path, source in wanted.items()))
    problems = [result for result in results if isinstance(result, SourceError)]
    if problems:
        raise SourceErrors(problems)
    return {path: str(result) for path, result in zip(wanted, results, strict=True)}


async def _fetch(path: Path, source: RemoteSource, transport: Transport) -> str | SourceError:
    """Fetch one archive: the only layer of the artifact that is one; signatures lie beside it."""
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        directory = Path(name)
        await transport.copy_container_image(source.url.removeprefix(SCHEME), directory)
        manifest = parse_document((directory / "manifest.json").read_bytes())
        layers = manifest.layers if isinstance(manifest, Manifest) else ()
        archives = [layer for layer in layers if layer.media_type.endswith(_ARCHIVE)]
        if len(archives) != 1:
            return SourceError(
                f"{source.url} has {len(archives) or 'no'} archives, not one",
                place=source.place,
                hint="the artifact of a chart has one layer of the type …tar+gzip",
            )
        digest = archives[0].digest
        if source.digest is not None and digest != source.digest:
            hint = "the artifact has changed since it was pinned, or was tampered with"
            return SourceError(f"{source.url} has the digest {digest}", place=source.place, hint=hint)
        await asyncio.to_thread(shutil.move, directory / hex_of(digest), path)
    return digest
