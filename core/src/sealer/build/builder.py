"""Build an image: gather applications, find container images, write layers, put all of it together."""

from __future__ import annotations

import asyncio
import errno
import secrets
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from sealer.build.applications import AppStage, StagedApp, materialise, recognise
from sealer.build.assembly import assemble
from sealer.build.blocks import Layer, Moved
from sealer.build.container_images import ContainerImageCache, PackedImage
from sealer.build.context import Directory
from sealer.build.discovery import CHARTS, MANIFESTS, Discovery, NamedImage, merged, named
from sealer.build.inputs import AppFiles, BuildInput, Files, GivenFile, GivenFiles
from sealer.build.layers import build_time, tree_size, write_files, write_tree
from sealer.build.parent import RegistryContent, extract, registry_content
from sealer.build.registry_tree import MAXIMUM_LAYERS, RegistryLayer, content_of, registry_layers
from sealer.build.tools import run_tool
from sealer.build.tree import Mount
from sealer.errors import ImageError
from sealer.events import EventSink, TransferProgress, discard
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.image.transport import Transport
from sealer.model import Application, ContainerImage
from sealer.providers import AppType

_LOOKED_INTO = (MANIFESTS, CHARTS)
_REPORT_EVERY = 8 << 20


async def build_image(
    store: ImageStore,
    order: BuildInput,
    types: Mapping[str, AppType],
    *,
    context: Directory | None = None,
    skip_tls_verify: bool = False,
    sink: EventSink = discard,
) -> StoredImage:
    """Build an image and put it into the store.

    Args:
        store: Where it goes; it also has the parent.
        order: What it is built from.
        types: The application types by name.
        context: The open directory that local sources of applications are taken from.
        skip_tls_verify: Whether to accept any certificate of registries and servers, and plain HTTP.
        sink: Is told about progress.

    Raises:
        SourceErrors: The Kubefile names sources that can't be had.
        ImageError: Something can't be read, written or understood.
        TransportError: A container image can't be fetched.
        PluginError: An application type failed.
    """
    try:
        with store.lease(), _workspace(store) as workspace, ExitStack() as resources:
            build = _Build(store, order, types, workspace, sink)
            stage = AppStage(workspace / "apps", types, resources, skip_tls_verify=skip_tls_verify, sink=sink)
            apps = await stage.stage([each for each in order.contents if isinstance(each, AppFiles)], context)
            images = await asyncio.to_thread(build.container_images, apps)
            transport = Transport(store.home, skip_tls_verify=skip_tls_verify, sink=sink)
            layers, packed = await build.layers(apps, images, transport)
            return await asyncio.to_thread(
                assemble,
                store,
                order,
                (*layers, *packed),
                applications=build.applications(apps),
                container_images=build.listed(images, apps),
                time=build.time,
            )
    except OSError as error:
        raise ImageError(
            f"the build can't keep its files: {error.strerror or error}",
            place=str(error.filename or store.home),
            hint="free some space; `sealer rmi --prune` removes what no image uses"
            if error.errno == errno.ENOSPC
            else None,
        ) from error


class _Build:
    """The steps of one build."""

    def __init__(
        self,
        store: ImageStore,
        order: BuildInput,
        types: Mapping[str, AppType],
        workspace: Path,
        sink: EventSink,
    ) -> None:
        self._store = store
        self._order = order
        self._types = types
        self._workspace = workspace
        self._sink = sink
        self._stopped = threading.Event()
        self.time = build_time()

    def container_images(self, apps: Sequence[StagedApp]) -> tuple[NamedImage, ...]:
        """Return the container images that everything new names, without those that are ignored."""
        root = self._workspace / "root"
        mounts = [mount for each in self._order.contents if isinstance(each, Files) for mount in each.mounts]
        materialise(_within(mounts, _LOOKED_INTO), root)
        for file in self._given():
            if file.path.split("/")[0] in _LOOKED_INTO:
                path = root / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(
                    file.content if isinstance(file.content, bytes) else file.content.read_bytes()
                )
        self._complete_charts(root)
        discovery = Discovery(self._types, run_tool, self._sink)
        found = [*discovery.rootfs(root)]
        for app in apps:
            found.extend(discovery.app(app))
        found.extend(named(name) for name in self._order.container_images)
        return merged(found, self._order.ignored_images)

    async def layers(
        self, apps: Sequence[StagedApp], images: Sequence[NamedImage], transport: Transport
    ) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
        """Write the layers of content, and meanwhile fetch and write those of container images."""
        content = asyncio.create_task(asyncio.to_thread(self._content, apps))
        packed = asyncio.create_task(self._pack(images, transport))
        try:
            return await asyncio.gather(content, packed)
        except BaseException:
            # Threads can't be cancelled: they look at this at every block.
            self._stopped.set()
            packed.cancel()
            await asyncio.gather(content, packed, return_exceptions=True)
            raise

    def _content(self, apps: Sequence[StagedApp]) -> tuple[Layer, ...]:
        staged = {app.application.name: app for app in apps}
        layers: list[Layer] = []
        for each in self._order.contents:
            if isinstance(each, GivenFiles):
                layers.append(self._given_layer(each))
            elif isinstance(each, Files):
                layers.append(self._tree_layer(each.mounts, each.created_by, LayerContent.ROOTFS))
            else:
                app = staged[each.name]
                layers.append(
                    self._tree_layer(
                        app.mounts, app.created_by, LayerContent.APPLICATION, hides=self._hidden(app)
                    )
                )
        return tuple(layers)

    async def _pack(self, images: Sequence[NamedImage], transport: Transport) -> tuple[Layer, ...]:
        names = {str(image.reference): image for image in images}
        archived = {archive.name: archive for archive in self._order.archived}
        archived |= {archive.name: archive for archive in self._order.available if archive.name in names}
        held = (
            {image.image for image in self._order.parent.metadata.container_images}
            if self._order.parent
            else ()
        )
        wanted = {name: image for name, image in names.items() if name not in archived and name not in held}
        if not archived and not wanted:
            return ()
        cache = ContainerImageCache(self._store.home, transport, sink=self._sink)
        fetched = await cache.fetch_all(list(wanted.values()), self._order.platform)
        taken = [await cache.take_archived(archive) for archive in archived.values()]
        packed = [*fetched, *taken]
        return await asyncio.to_thread(self._registry, packed, cache)

    def _registry(self, packed: Sequence[PackedImage], cache: ContainerImageCache) -> tuple[Layer, ...]:
        """Write what container images add to the registry of the parent."""
        parent = self._order.parent
        held = registry_content(self._store, parent) if parent else RegistryContent()
        taken = [
            layer
            for layer in (parent.layers if parent else ())
            if layer.annotations.get(LAYER_CONTENT) == LayerContent.REGISTRY
        ]
        layers = registry_layers(packed, held, MAXIMUM_LAYERS - len(taken))
        return tuple(self._registry_layer(layer, cache) for layer in layers)

    def _registry_layer(self, layer: RegistryLayer, cache: ContainerImageCache) -> Layer:
        names = " ".join(str(reference) for reference in layer.images)
        for file in layer.files:
            if file.blob:
                cache.verify(file.blob)
        return write_files(
            self._store,
            [(file.path, content_of(file, cache), 0o644) for file in layer.files],
            created_by=f"container images: {names}",
            content=LayerContent.REGISTRY,
            time=self.time,
            # Blobs of container images are compressed already.
            compress=False,
            moved=self._progress(f"packing {names}", layer.size),
        )

    def _tree_layer(
        self, mounts: Sequence[Mount], created_by: str, content: LayerContent, hides: str | None = None
    ) -> Layer:
        return write_tree(
            self._store,
            mounts,
            created_by=created_by,
            content=content,
            time=self.time,
            hides=hides,
            moved=self._progress(created_by, tree_size(mounts)),
        )

    def _given_layer(self, given: GivenFiles) -> Layer:
        files = {file.path: file for file in given.files}
        return write_files(
            self._store,
            [(file.path, file.content, 0o755 if file.executable else 0o644) for file in files.values()],
            created_by=given.created_by,
            content=LayerContent.ROOTFS,
            time=self.time,
            compress=True,
            moved=self._progress(given.created_by, sum(map(_size, files.values()))),
        )

    def _progress(self, subject: str, total: int) -> Moved:
        """Return what reports the bytes of one layer, and ends it when the build has failed elsewhere."""
        done = 0
        reported = -_REPORT_EVERY

        def moved(count: int) -> None:
            nonlocal done, reported
            if self._stopped.is_set():
                raise _StoppedError
            done = min(total, done + count)
            if done - reported >= _REPORT_EVERY or done == total:
                reported = done
                self._sink(TransferProgress(subject=subject, host=None, moved=done, total=total))

        return moved

    def _hidden(self, app: StagedApp) -> str | None:
        """Return the directory of the parent's application that this one takes the place of, if any."""
        inherited = self._order.parent.extension.applications if self._order.parent else ()
        name = app.application.name
        return app.application.directory if any(each.name == name for each in inherited) else None

    def _given(self) -> Iterator[GivenFile]:
        for each in self._order.contents:
            if isinstance(each, GivenFiles):
                yield from each.files

    def _complete_charts(self, root: Path) -> None:
        """Add the parent's files to charts of which the build brings a part, so that they can be read."""
        charts = root / CHARTS
        parent = self._order.parent
        if parent is None or not charts.is_dir():
            return
        for chart in sorted(charts.iterdir()):
            if recognise(self._types, [chart], chart.name) is not None:
                continue
            older = self._workspace / "parent" / chart.name
            extract(self._store, parent, f"{CHARTS}/{chart.name}", older)
            for path in sorted(older.rglob("*")):
                target = root / path.relative_to(older)
                if path.is_file() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(target)

    def applications(self, apps: Sequence[StagedApp]) -> tuple[Application, ...]:
        """Return all applications: those of the parent that were not defined anew, then the new ones."""
        new = {app.application.name for app in apps}
        inherited = self._order.parent.extension.applications if self._order.parent else ()
        kept: list[Application] = []
        for app in inherited:
            if app.name not in new:
                env, cmds = self._order.inherited.get(app.name, (app.env, app.cmds))
                kept.append(replace(app, env=env, cmds=cmds))
        return (*kept, *(app.application for app in apps))

    def listed(self, images: Sequence[NamedImage], apps: Sequence[StagedApp]) -> tuple[ContainerImage, ...]:
        """Return what the image says it carries: what the parent carries, and what is new."""
        new = {app.application.name for app in apps}
        parent = self._order.parent.metadata.container_images if self._order.parent else ()
        kept = [image for image in parent if image.app_name not in new or not image.app_name]
        names = [(str(image.reference), image.app) for image in images]
        names += [(archive.name, "") for archive in self._order.archived]
        found = {(image.image, image.app_name): image for image in kept}
        for name, app in sorted(names):
            found[name, app] = ContainerImage(image=name, app_name=app, platform=self._order.platform)
        return tuple(found[key] for key in sorted(found))


class _StoppedError(Exception):
    """Ends a thread because the build has failed elsewhere."""


def _within(mounts: Iterable[Mount], names: Sequence[str]) -> Iterator[Mount]:
    """Yield the part of mounts that goes below directories of the image's root."""
    for mount in mounts:
        if mount.target:
            if mount.target.split("/")[0] in names:
                yield mount
            continue
        for item in mount.directory.children(mount.item.path):
            if item.name in names and item.is_directory:
                yield replace(mount, item=item, target=item.name)


def _size(file: GivenFile) -> int:
    return len(file.content) if isinstance(file.content, bytes) else file.content.stat().st_size


@contextmanager
def _workspace(store: ImageStore) -> Iterator[Path]:
    """Make a directory on the store's file system; the caller holds a lease, so nobody clears it away."""
    path = store.layout.temporary / f"build-{secrets.token_hex(8)}"
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
