"""Small images for tests, made in a store without a build.

**Example**::

    store = ImageStore(tmp_path)
    make_image(store, "app:1", layers=[{"etc/motd": b"hello"}], type=ImageType.APPLICATION)
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence

from sealer.image.extension import (
    CONTAINER_IMAGES_ANNOTATION,
    EXTENSION_ANNOTATION,
    Extension,
    encode_container_images,
    encode_extension,
)
from sealer.image.oci import (
    DOCKER_CONFIG,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    encode_json,
)
from sealer.image.store import ImageStore
from sealer.model import Application, ContainerImage, ImageType, Launch, Platform
from sealer.model.image import EMPTY

AMD64 = Platform(architecture="amd64")


def make_image(
    store: ImageStore,
    name: str | None,
    *,
    layers: Sequence[Mapping[str, bytes]] = ({"etc/hello": b"hello"},),
    type: ImageType | None = ImageType.CLUSTER,  # noqa: A002  # the field's name in the image
    applications: Sequence[Application] = (),
    launch: Launch | None = None,
    container_images: Sequence[ContainerImage] = (),
    labels: Mapping[str, str] = EMPTY,
    platform: Platform = AMD64,
    docker: bool = False,
) -> Descriptor:
    """Put an image into a store; the same arguments give the same digest.

    Args:
        store: The store.
        name: Its name, or None to store it for an index.
        layers: The files of each layer by path, lowest first; they get mode 0755.
        type: Cluster image or application image; None makes an image that is not Sealer's.
        applications: What it says it holds.
        launch: What it says is launched.
        container_images: The container images it says it holds.
        labels: The labels of its config.
        platform: The platform it is for.
        docker: Whether its manifest has Docker's media type, as ``docker push`` makes it.

    Returns:
        The descriptor of its manifest.
    """
    annotations = {}
    if type is not None:
        extension = Extension(type=type, applications=tuple(applications), launch=launch or Launch())
        annotations[EXTENSION_ANNOTATION] = encode_extension(extension)
    if container_images:
        annotations[CONTAINER_IMAGES_ANNOTATION] = encode_container_images(container_images)
    archives = [_archive(files) for files in layers]
    config = {
        "architecture": platform.architecture,
        "os": platform.os,
        **({"variant": platform.variant} if platform.variant else {}),
        "config": {"Labels": dict(labels)} if labels else {},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(archive).hexdigest()}" for archive in archives],
        },
    }
    with store.lease():
        manifest = Manifest(
            config=store.put_blob(encode_json(config), DOCKER_CONFIG if docker else OCI_CONFIG),
            layers=tuple(
                store.put_blob(
                    gzip.compress(archive, mtime=0), DOCKER_LAYER_GZIP if docker else OCI_LAYER_GZIP
                )
                for archive in archives
            ),
            annotations=annotations,
            media_type=DOCKER_MANIFEST if docker else OCI_MANIFEST,
        )
        return store.put_manifest(name, manifest)


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o755
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
