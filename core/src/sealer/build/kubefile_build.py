"""Build an image from a Kubefile and a build context."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sealer.build.base_archives import archived_images
from sealer.build.builder import build_image
from sealer.build.context import Directory, open_context
from sealer.build.copying import copy_mounts
from sealer.build.discovery import image_list
from sealer.build.inputs import AppFiles, BuildInput, Content, Files
from sealer.build.parent import directories
from sealer.errors import ImageError, SealerError, SourceError, SourceErrors
from sealer.events import EventSink, discard
from sealer.image.platforms import host_platform, parse_platform
from sealer.image.pull import PullPolicy, ensure
from sealer.image.reference import Reference, parse_reference
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.kubefile import Definition, Kubefile, define, read
from sealer.kubefile.instructions import App
from sealer.model import APPS_DIRECTORY, ImageType, Platform
from sealer.model.image import EMPTY
from sealer.providers import AppType

DEFAULT_NAME = "Kubefile"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What a user asks for.

    Attributes:
        context: The build context.
        file: The Kubefile, or None for the one in the context.
        name: The name of the image; None leaves it for an index, and the caller holds a lease.
        type: Cluster image or application image.
        platform: The platform of the image, or None for this machine's.
        labels: Labels over those of the Kubefile.
        image_list: A file that names container images to pack beside those that are found.
        ignored_image_list: A file that names container images that are not packed.
        image_archives: Archives, or directories of some, whose container images need no registry.
        pull: When the parent image is pulled.
        cached: Whether layers that were made from the same before are taken over.
        skip_tls_verify: Whether to accept any certificate of registries and servers, and plain HTTP.
    """

    context: Path
    file: Path | None = None
    name: str | None
    type: ImageType = ImageType.CLUSTER
    platform: Platform | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    image_list: Path | None = None
    ignored_image_list: Path | None = None
    image_archives: tuple[Path, ...] = ()
    pull: PullPolicy = PullPolicy.MISSING
    cached: bool = True
    skip_tls_verify: bool = False


async def build_kubefile(
    store: ImageStore, request: BuildRequest, types: Mapping[str, AppType], *, sink: EventSink = discard
) -> StoredImage:
    """Build the image that a Kubefile describes, and put it into the store.

    Raises:
        SourceErrors: The Kubefile is wrong; all problems that can be told at once are in it.
        ImageError: The parent is no sealer image, or something can't be read, written or understood.
        TransportError: The parent or a container image can't be fetched.
        PluginError: An application type failed.
    """
    name = None if request.name is None else tagged_name(request.name)
    kubefile = read(request.file or request.context / DEFAULT_NAME)
    platform = request.platform or host_platform()
    wanted = _named(request.image_list)
    ignored = frozenset(_named(request.ignored_image_list))
    available = await asyncio.to_thread(archived_images, request.image_archives, platform)
    with store.lease():
        parent = await _parent(store, kubefile, platform, request, sink)
        definition = define(kubefile, parent.extension.applications if parent else ())
        with open_context(request.context) as context:
            order = BuildInput(
                name=name,
                type=request.type,
                platform=platform,
                parent=parent,
                contents=await asyncio.to_thread(_contents, store, definition, context, platform, parent),
                labels={**definition.labels, **request.labels},
                env=definition.env,
                launch=definition.launch,
                inherited={
                    app.name: (app.env, app.cmds) for app in definition.applications if app.app is None
                },
                container_images=wanted,
                ignored_images=ignored,
                available=available,
                cached=request.cached,
            )
            return await build_image(
                store, order, types, context=context, skip_tls_verify=request.skip_tls_verify, sink=sink
            )


def tagged_name(text: str) -> Reference:
    """Read the name that a build gives its result.

    Raises:
        ImageError: It is malformed, or has a digest.
    """
    name = parse_reference(text)
    if name.digest is not None:
        raise ImageError(f"{text} has a digest, which only the result can tell", hint="use a tag")
    return name


async def _parent(
    store: ImageStore, kubefile: Kubefile, platform: Platform, request: BuildRequest, sink: EventSink
) -> StoredImage | None:
    """Return the image that FROM names, pulled if it has to be; what is wrong with it is FROM's fault."""
    base = kubefile.base
    if base.image is None:
        return None
    try:
        wanted = parse_platform(base.platform.text) if base.platform else platform
        parent = await ensure(
            store,
            parse_reference(base.image.text),
            platform=wanted,
            policy=request.pull,
            skip_tls_verify=request.skip_tls_verify,
            sink=sink,
        )
        _ = parent.metadata
    except SealerError as error:
        raise SourceErrors([SourceError(error.message, place=base.image.place, hint=error.hint)]) from error
    return parent


def _contents(
    store: ImageStore,
    definition: Definition,
    context: Directory,
    platform: Platform,
    parent: StoredImage | None,
) -> tuple[Content, ...]:
    """Return the layers that a definition comes to.

    Raises:
        SourceErrors: What COPY instructions name is not there; all are named.
    """
    apps = {app.name: app for app in definition.applications}
    tree = _Tree(store, parent)
    contents: list[Content] = []
    problems: list[SourceError] = []
    for each in definition.contents:
        if isinstance(each, App):
            app = apps[each.name.text]
            contents.append(
                AppFiles(
                    name=app.name,
                    sources=each.sources,
                    created_by=f"{each.kind} {app.name}",
                    env=app.env,
                    cmds=app.cmds,
                    place=each.place,
                )
            )
            tree.add_path(f"{APPS_DIRECTORY}/{app.name}")
            continue
        try:
            files = Files(
                mounts=copy_mounts(each, context, platform, tree.is_directory), created_by=each.text
            )
        except SourceErrors as errors:
            problems.extend(errors.problems)
            continue
        contents.append(files)
        tree.add(files)
    if problems:
        raise SourceErrors(problems)
    return tuple(contents)


class _Tree:
    """Tells which directories the image has so far."""

    def __init__(self, store: ImageStore, parent: StoredImage | None) -> None:
        self._store = store
        self._parent = parent
        self._inherited: frozenset[str] | None = None
        self._paths: set[str] = set()
        self._files: list[Files] = []

    def add(self, files: Files) -> None:
        self._files.append(files)
        for mount in files.mounts:
            self.add_path(mount.target if mount.item.is_directory else mount.target.rpartition("/")[0])

    def add_path(self, path: str) -> None:
        while path:
            self._paths.add(path)
            path = path.rpartition("/")[0]

    def is_directory(self, path: str) -> bool:
        if path in self._paths or any(self._is_brought(files, path) for files in self._files):
            return True
        if self._parent is None:
            return False
        if self._inherited is None:
            self._inherited = directories(self._store, self._parent)
        return path in self._inherited

    def _is_brought(self, files: Files, path: str) -> bool:
        """Tell whether a directory that is copied has a directory that ends up at a path."""
        for mount in files.mounts:
            prefix = f"{mount.target}/" if mount.target else ""
            if mount.item.is_directory and path.startswith(prefix):
                item = mount.directory.find(f"{mount.item.path}/{path.removeprefix(prefix)}")
                if item is not None and item.is_directory:
                    return True
        return False


def _named(file: Path | None) -> tuple[str, ...]:
    """Return the full names that a list of images has.

    Raises:
        ImageError: It can't be read, or a line is no name.
    """
    if file is None:
        return ()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read the list of images: {error.strerror}", place=str(file)) from error
    return tuple(str(image.reference) for image in image_list(data, str(file)))
