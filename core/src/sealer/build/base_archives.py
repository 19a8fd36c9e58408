"""Archives of container images: which files are some, and which images are in them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealer.errors import ImageError
from sealer.image.platforms import same_platform
from sealer.image.reference import parse_reference
from sealer.model import Platform

_MAXIMUM_DOCUMENT = 16 * 1024**2
# containerd's annotation is always a full name; the standard one may be a tag alone.
_FULL_NAME = "io.containerd.image.name"
_REFERENCE = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedImage:
    """A container image in an archive.

    Attributes:
        name: Its complete name.
        archive: The file it is in.
        transport: How skopeo calls the archive's format: ``docker-archive`` or ``oci-archive``.
        written: Its name as the archive writes it.
        platform: The platform it is for, or None when it is for several.
    """

    name: str
    archive: Path
    transport: str
    written: str
    platform: Platform | None


def read_archive(path: Path) -> tuple[ArchivedImage, ...] | None:
    """Return the images of an archive that have names; None when it is no archive of container images.

    Raises:
        ImageError: It can't be read, or what it says about itself makes no sense.
    """
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115  # closed below; what fails here is no archive at all
    except tarfile.ReadError:
        return None
    except OSError as error:
        raise ImageError(f"the archive can't be read: {error.strerror}", place=str(path)) from error
    try:
        with tar:
            documents = _Documents(tar)
            # `docker save` writes an OCI layout too, and has the names in its own document.
            if documents.has("manifest.json"):
                return tuple(dict.fromkeys(_docker_images(path, documents)))
            if documents.has("index.json"):
                return tuple(dict.fromkeys(_oci_images(path, documents)))
            return None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ImageError(f"the archive can't be read: {error}", place=str(path)) from error
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ImageError("the archive's list of images is not as it should be", place=str(path)) from error


class _Documents:
    """The JSON documents in a tar archive."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = {member.name.removeprefix("./"): member for member in tar if member.isreg()}

    def has(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> Any:
        member = self._members[name]
        if member.size > _MAXIMUM_DOCUMENT:
            raise ValueError(name)
        file = self._tar.extractfile(member)
        return None if file is None else json.load(file)


def _docker_images(path: Path, documents: _Documents) -> Iterator[ArchivedImage]:
    for image in documents.read("manifest.json"):
        platform = _platform(documents.read(image["Config"]))
        for name in image.get("RepoTags") or ():
            yield _image(path, "docker-archive", name, platform)


def _oci_images(path: Path, documents: _Documents) -> Iterator[ArchivedImage]:
    for descriptor in documents.read("index.json")["manifests"]:
        annotations = descriptor.get("annotations") or {}
        written = annotations.get(_REFERENCE) or ""
        name = annotations.get(_FULL_NAME) or written
        if "/" not in name and ":" not in name:
            continue
        document = documents.read(_blob(descriptor))
        platform = _platform(documents.read(_blob(document["config"]))) if "config" in document else None
        yield _image(path, "oci-archive", name, platform, written)


def _blob(descriptor: Any) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _image(
    path: Path, transport: str, name: str, platform: Platform | None, written: str | None = None
) -> ArchivedImage:
    try:
        reference = parse_reference(name)
    except ImageError as error:
        raise ImageError(error.message, place=str(path), hint=error.hint) from error
    return ArchivedImage(
        name=str(reference),
        archive=path,
        transport=transport,
        written=name if written is None else written,
        platform=platform,
    )


def _platform(config: Any) -> Platform:
    return Platform(
        os=config.get("os") or "linux",
        architecture=config["architecture"],
        variant=config.get("variant") or "",
    )


def archived_images(paths: Iterable[Path], platform: Platform) -> tuple[ArchivedImage, ...]:
    """Return the container images in archives that are, or lie directly in, the paths, for one platform.

    Raises:
        ImageError: A file that was named is no archive of container images, or one can't be read.
    """
    found: dict[str, ArchivedImage] = {}
    for path in paths:
        files = sorted(path.glob("*.tar")) if path.is_dir() else [path]
        for file in files:
            images = read_archive(file)
            if images is None:
                raise ImageError("not an archive of container images", place=str(file))
            fitting = [
                image for image in images if image.platform is None or same_platform(image.platform, platform)
            ]
            found.update((image.name, image) for image in fitting)
    return tuple(found.values())
