"""Gathers what a base image is made of, from upstream or from a directory, as its recipe declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sealer.build.base_archives import ArchivedImage, read_archive
from sealer.build.base_directory import Artifacts, find_components, look_below
from sealer.build.base_parts import Blueprint
from sealer.build.base_programs import CannotRunHereError, ask_version, is_for, run_program
from sealer.build.base_unpack import unpack_members
from sealer.build.fetch import FetchSettings, Wanted, fetch
from sealer.errors import ImageError, UsageError
from sealer.events import EventSink, Message, discard
from sealer.image.platforms import host_platform, same_platform
from sealer.image.reference import parse_reference
from sealer.model import Platform
from sealer.providers import BaseRecipe, Component, Download, FileQuery, ProgramQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a base image is made of.

    Attributes:
        version: The version of the distribution.
        files: The components that were found, and the file of each.
        texts: Further text files of the rootfs by path.
        labels: The labels of the image.
        archived: Container images that archives hold; all of them go into the image.
        pulled: Names of container images that no archive holds, and that are pulled.
    """

    version: str
    files: tuple[tuple[Component, Path], ...]
    texts: Mapping[str, str]
    labels: Mapping[str, str]
    archived: tuple[ArchivedImage, ...]
    pulled: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be gathered.

    Attributes:
        blueprint: The recipe, and whose files come to its own.
        version: The version of the distribution, or None for that of the files in the directory.
        platform: The platform of the image.
        directory: Where the files are, or None to download them.
        fetch: How they are downloaded.
        cache: Where downloads are kept.
        scratch: An empty directory for files that are unpacked; needed as long as the material is.
        sink: Told about downloads, and about files that are left out.
    """

    blueprint: Blueprint
    version: str | None
    platform: Platform
    directory: Path | None
    fetch: FetchSettings
    cache: Path
    scratch: Path
    sink: EventSink = discard


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The files that were found, and the versions that upstream says they have.

    Attributes:
        files: Components by name.
        declared: Versions by component name; empty when the files are of unknown origin.
        asked: The program that lists container images, when it is another than the image's own.
        archived: The container images in archives, by name.
    """

    files: Mapping[str, Path]
    declared: Mapping[str, str] = field(default_factory=dict)
    asked: Path | None = None
    archived: Mapping[str, ArchivedImage] = field(default_factory=dict)


async def gather(order: Order) -> Material:
    """Gather the files, read their versions, and find out which container images belong to them.

    Raises:
        UsageError: The version is missing.
        ImageError: Files are missing or contradict each other; or the recipe doesn't go that far.
        TransportError: A download fails.
        VerificationError: A download is not what its checksum says.
    """
    blueprint, platform = order.blueprint, order.platform
    recipe = blueprint.recipe
    wanted = None if order.version is None else recipe.canonical_version(order.version)
    components = {component.name: component for component in blueprint.components(platform)}
    if order.directory is not None:
        found = _look(order, look_below(order.directory), tuple(components.values()))
    elif wanted is not None:
        found = await _download(order, wanted, components)
    else:
        raise UsageError("which version is not said", hint="name it with --version, or files with --from DIR")
    versions = await _versions(order, components, found)
    version = _version(recipe, components, versions, wanted)
    names = await _container_images(order, version, found)
    return Material(
        version=version,
        files=tuple((components[name], found.files[name]) for name in components if name in found.files),
        texts=recipe.files(version, platform),
        labels=blueprint.labels(version, versions),
        archived=tuple(found.archived.values()),
        pulled=tuple(name for name in names if name not in found.archived),
    )


def _look(order: Order, artifacts: Artifacts, components: Sequence[Component]) -> _Found:
    files = find_components(artifacts, components, order.platform)
    archived: dict[str, ArchivedImage] = {}
    for path in artifacts.archives:
        images = read_archive(path)
        if not images:
            what = "holds no container images" if images is None else "names none of its container images"
            order.sink(Message(text=f"{path} {what}; it is left out", warning=True))
            continue
        for image in images:
            if image.platform is not None and not same_platform(image.platform, order.platform):
                text = f"{image.name} in {path} is for {image.platform}; it is left out"
                order.sink(Message(text=text, warning=True))
            elif image.name in archived:
                raise ImageError(
                    f"{image.name} is in {archived[image.name].archive} and in {path}",
                    hint="keep only one of them below the directory",
                )
            else:
                archived[image.name] = image
    return _Found(files=files, archived=archived)


async def _download(order: Order, version: str, components: Mapping[str, Component]) -> _Found:
    downloads = order.blueprint.downloads(version, order.platform)
    ours, theirs = host_platform(), order.platform
    query = order.blueprint.recipe.image_query(version)
    # The programs of the image may not run here, but those of this machine give the same answer.
    foreign = isinstance(query, ProgramQuery) and ours.architecture != theirs.architecture
    helpers = tuple(
        download
        for download in (order.blueprint.downloads(version, ours) if foreign else ())
        if query is not None and query.component in (download.component, *download.members.values())
    )
    wanted = [
        Wanted(name=_title(download), url=download.url, checksum=download.checksum)
        for download in (*downloads, *helpers)
    ]
    paths = await fetch(wanted, order.cache, settings=order.fetch, sink=order.sink)
    files: dict[str, Path] = {}
    declared: dict[str, str] = {}
    for download, path in zip(downloads, paths, strict=False):
        unpacked = _unpack(download, path, order.scratch)
        files.update(unpacked)
        declared.update(dict.fromkeys(unpacked, download.version))
    _refuse_incomplete(order, files, components)
    asked = None
    if query is not None and helpers:
        directory = order.scratch / "helper"
        directory.mkdir()
        asked = _unpack(helpers[0], paths[len(downloads)], directory)[query.component]
    return _Found(files=files, declared=declared, asked=asked)


def _unpack(download: Download, path: Path, directory: Path) -> dict[str, Path]:
    if download.component:
        return {download.component: path}
    return unpack_members(path, download.members, directory)


def _title(download: Download) -> str:
    return download.component or download.url.rsplit("/", 1)[-1]


def _refuse_incomplete(order: Order, files: Mapping[str, Path], components: Mapping[str, Component]) -> None:
    """Refuse downloads that lack something, or hold programs for another platform."""
    lacking = [name for name, component in components.items() if name not in files and not component.optional]
    if lacking:
        raise ImageError(
            f"upstream's release has no {', '.join(lacking)}", hint="the recipe may be out of date"
        )
    strange = [name for name, path in files.items() if not is_for(path, order.platform)]
    if strange:
        raise ImageError(f"upstream's {', '.join(strange)} is not for {order.platform}")


async def _versions(order: Order, components: Mapping[str, Component], found: _Found) -> dict[str, str]:
    """Return the version of each component that can be asked for it, as it says itself if it runs here."""
    versions: dict[str, str] = {}
    for name, path in found.files.items():
        component = components[name]
        if not component.version_arguments:
            continue
        try:
            versions[name] = await ask_version(component, path)
        except CannotRunHereError as error:
            if name not in found.declared:
                raise ImageError(
                    f"the version of {path} can't be read: it is for {order.platform}, "
                    f"which {host_platform()} can't run",
                    hint="build where such programs run, natively or by qemu-user-static; "
                    "or leave --from out: the versions of upstream's files are known",
                ) from error
            versions[name] = found.declared[name]
    return versions


def _version(
    recipe: BaseRecipe, components: Mapping[str, Component], versions: Mapping[str, str], wanted: str | None
) -> str:
    """Return the version of the distribution, once all programs that carry it agree with the wanted one."""
    carried = {
        name: versions[name]
        for name, component in components.items()
        if component.carries_version and name in versions
    }
    expected = wanted or next(iter(carried.values()), None)
    if expected is None:
        raise UsageError(f"no program says which {recipe.name} it is", hint="name the version with --version")
    if any(version != expected for version in carried.values()):
        listed = ", ".join(f"{name} is {version}" for name, version in carried.items())
        message = f"not all programs are of {recipe.name} {wanted}: {listed}"
        if wanted is None:
            message = f"the programs are of different versions of {recipe.name}: {listed}"
        raise ImageError(message, hint="take all of them from one release, and name its version")
    return expected


async def _container_images(order: Order, version: str, found: _Found) -> tuple[str, ...]:
    query = order.blueprint.recipe.image_query(version)
    answer = ""
    if isinstance(query, FileQuery):
        path = found.files.get(query.component)
        answer = "" if path is None else _text(path)
    elif query is not None:
        program = found.asked or found.files[query.component]
        try:
            answer = await run_program(program, query.arguments)
        except CannotRunHereError as error:
            raise ImageError(
                f"{query.component} can't be asked for its container images: "
                f"it is for {order.platform}, which {host_platform()} can't run",
                hint="build where such programs run, natively or by qemu-user-static",
            ) from error
    names = order.blueprint.recipe.container_images(version, order.platform, answer)
    return tuple(dict.fromkeys(str(parse_reference(name)) for name in names))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{path} can't be read as text: {error}") from error
