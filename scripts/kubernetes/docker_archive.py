"""Writes a directory as a container image in the format of ``docker save``.

The image has one layer. The same files give the same bytes: times, owners and order are fixed, and nothing of
the machine gets in.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_EPOCH = "1970-01-01T00:00:00Z"


def write_image(
    archive: Path,
    *,
    reference: str,
    root: Path,
    architecture: str,
    config: Mapping[str, object] | None = None,
) -> None:
    """Write the image ``reference`` with the files below ``root``.

    Args:
        archive: The file to write, replaced at once.
        reference: The name and tag the image is loaded under.
        root: The directory that becomes the image's root.
        architecture: As Go names it: ``amd64``, ``arm64``.
        config: More keys of the image's runtime configuration, such as ``Entrypoint``.
    """
    fresh = archive.with_name(f".{archive.name}.new")
    with tempfile.TemporaryFile(dir=archive.parent) as layer:
        _write_layer(layer, root)
        digest = _digest(layer)
        document = {
            "architecture": architecture,
            "os": "linux",
            "created": _EPOCH,
            "config": {"Env": [_PATH], "WorkingDir": "/", **(config or {})},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created": _EPOCH, "created_by": "scripts/build-kubernetes"}],
        }
        configuration = json.dumps(document, sort_keys=True).encode()
        name = f"{hashlib.sha256(configuration).hexdigest()}.json"
        manifest = [{"Config": name, "RepoTags": [reference], "Layers": [f"{digest}/layer.tar"]}]
        with tarfile.open(fresh, "w", format=tarfile.GNU_FORMAT) as output:
            _add(output, name, io.BytesIO(configuration), len(configuration))
            size = layer.seek(0, io.SEEK_END)
            layer.seek(0)
            _add(output, f"{digest}/layer.tar", layer, size)
            text = json.dumps(manifest).encode()
            _add(output, "manifest.json", io.BytesIO(text), len(text))
    fresh.replace(archive)


def _write_layer(layer: IO[bytes], root: Path) -> None:
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as output:
        for path in _below(root):
            name = path.relative_to(root).as_posix()
            entry = output.gettarinfo(path, name)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = 0
            if path.is_symlink() or path.is_dir():
                output.addfile(entry)
            else:
                # A hard link to an earlier file would depend on where the files came from.
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
                with path.open("rb") as file:
                    output.addfile(entry, file)


def _below(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    total = hashlib.sha256()
    while block := file.read(1 << 20):
        total.update(block)
    return total.hexdigest()


def _add(output: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = size
    output.addfile(entry, file)
