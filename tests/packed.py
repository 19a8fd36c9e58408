"""Tiny container images, packed as images of Sealer carry them: in the storage of a registry."""

from __future__ import annotations

import hashlib
import json

from sealer.model import ContainerImage
from sealer.testing.images import AMD64

_STORAGE = "registry/docker/registry/v2"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def packed(*names: str) -> dict[str, bytes]:
    """Return the files of a layer in which container images of these names are packed.

    What is in them are their names: nobody will run them.
    """
    files: dict[str, bytes] = {}
    for name in names:
        repository, tag = name.rsplit(":", 1)
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        blobs = (json.dumps(config).encode(), name.encode())
        descriptors = [
            {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}
            for kind, blob in zip((_CONFIG, _LAYER), blobs, strict=True)
        ]
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": descriptors[0],
                "layers": descriptors[1:],
            }
        ).encode()
        link = _digest(manifest).encode()
        below = f"{_STORAGE}/repositories/{repository.replace(':', '_')}"
        for blob in (*blobs, manifest):
            hexadecimal = hashlib.sha256(blob).hexdigest()
            files[f"{_STORAGE}/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"] = blob
            files[f"{below}/_layers/sha256/{hexadecimal}/link"] = _digest(blob).encode()
        revision = f"sha256/{hashlib.sha256(manifest).hexdigest()}/link"
        for path in (f"revisions/{revision}", f"tags/{tag}/current/link", f"tags/{tag}/index/{revision}"):
            files[f"{below}/_manifests/{path}"] = link
    return files


def container_image(name: str, app: str = "") -> ContainerImage:
    """Return what an image says of a container image that it carries."""
    return ContainerImage(image=name, app_name=app, platform=AMD64)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
