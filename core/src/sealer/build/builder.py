"""Build an image: gather applications, find container images, write layers, put all of it together."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sealer.build.applications import AppStage, StagedApp
from sealer.build.assembly import assemble
from sealer.build.blocks import Layer
from sealer.build.commands import CommandedLayers
from sealer.build.container_images import ContainerImageCache
from sealer.build.content import Planned, layer_room, plan_contents
from sealer.build.context import Directory
from sealer.build.discovery import Discovery, NamedImage, merged, named
from sealer.build.image_programs import ImagePrograms
from sealer.build.inputs import AppFiles, BuildInput, Command, Content
from sealer.build.layer_cache import LayerCache
from sealer.build.layer_plans import LayerPlan
from sealer.build.layers import build_time, write_layer, write_layers
from sealer.build.packing import Packing
from sealer.build.progress import Progress
from sealer.build.running import Running
from sealer.build.scanning import bring_together, complete_charts
from sealer.build.tools import Tools
from sealer.build.workspace import working_directory
from sealer.errors import ImageError
from sealer.events import EventSink, Message, discard
from sealer.image.oci import Descriptor
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.image.transport import Transport
from sealer.manifests import with_image_paths
from sealer.model import Application, ContainerImage
from sealer.providers import AppType


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
        with store.lease(), working_directory(store) as workspace, ExitStack() as resources:
            build = _Build(store, order, types, workspace, sink)
            stage = AppStage(
                workspace / "apps",
                types,
                resources,
                home=store.home,
                skip_tls_verify=skip_tls_verify,
                sink=sink,
            )
            apps = await stage.stage([each for each in order.contents if isinstance(each, AppFiles)], context)
            transport = Transport(store.home, skip_tls_verify=skip_tls_verify, sink=sink)
            layers, images = await build.layers(apps, context, transport)
            return await asyncio.to_thread(
                assemble,
                store,
                order,
                layers,
                applications=build.applications(apps),
                container_images=build.listed(images, apps),
                time=build.time,
            )
    except OSError as error:
        raise ImageError(
            f"the build can't keep its files: {error.strerror or error}",
            place=str(error.filename or store.home),
            hint="free some space; `sealer prune` removes what no image uses"
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
        self._contents: Sequence[Content] = order.contents
        self._ran: Mapping[int, Layer] = {}
        self._digests = {
            image.image: image.digest
            for image in (order.parent.metadata.container_images if order.parent else ())
        }
        self._stopped = threading.Event()
        self._cache = LayerCache(store=store, reading=order.cached)
        self.time = build_time()

    def container_images(self, apps: Sequence[StagedApp]) -> tuple[NamedImage, ...]:
        """Return the container images that everything new names, without those that are ignored."""
        if not self._order.packing:
            return ()
        root = self._workspace / "scan" / "root"
        bring_together(self._store, self._contents, self._ran, root)
        if self._order.parent is not None:
            complete_charts(
                self._store, self._order.parent, self._types, root, self._workspace / "scan" / "parent"
            )
        parent = self._order.parent
        programs = self._programs(parent.layers if parent else (), "programs")
        tools = Tools(programs.find, self._workspace)
        self._check_declared(tools)
        discovery = Discovery(
            self._types,
            tools,
            self._sink,
            environment={**(parent.extension.env if parent else {}), **self._order.env},
            lenient=self._order.lenient,
        )
        with with_image_paths(self._order.image_paths):
            found = [*discovery.rootfs(root)]
            for app in apps:
                found.extend(discovery.app(app))
        found.extend(named(name) for name in self._order.container_images)
        found.extend(named(name) for section in self._order.authorised for name in section.images)
        return merged(found, self._order.ignored_images)

    def _programs(self, below: Sequence[Descriptor], place: str) -> ImagePrograms:
        return ImagePrograms(self._store, below, self._contents, self._ran, self._workspace / place)

    def _check_declared(self, tools: Tools) -> None:
        """Compare programs that the build brings with what labels say of them.

        Raises:
            ImageError: The label that plans are made by says another version.
        """
        programs = self._programs((), "declared")
        for declared in self._order.declared:
            program = programs.find(Path(declared.component.path).name)
            found = asyncio.run(declared.ask(tools, program)) if program is not None else None
            if found is None:
                continue
            if declared.is_crucial:
                raise ImageError(declared.problem(found), hint="correct the LABEL, or copy other programs")
            self._sink(Message(text=declared.problem(found), warning=True))

    async def layers(
        self, apps: Sequence[StagedApp], context: Directory | None, transport: Transport
    ) -> tuple[tuple[Layer, ...], Sequence[NamedImage]]:
        """Write all layers, and return them with the container images that the last of them hold.

        Container images are fetched while layers of content are written, unless commands run: those may
        change what names container images.
        """
        room = layer_room(self._order)
        share = len(self._order.contents)
        share += (room - share) // 2
        if any(isinstance(each, Command) for each in self._order.contents):
            return await self._commanded(apps, context, transport, room, share)
        images = await asyncio.to_thread(self.container_images, apps)
        planned = [each for each in self._contents if not isinstance(each, Command)]
        plans = await asyncio.to_thread(plan_contents, self._order, planned, apps, share)
        content = asyncio.create_task(asyncio.to_thread(self._write, plans))
        packed = asyncio.create_task(self._pack(images, transport, room - len(plans)))
        try:
            layers, registry = await asyncio.gather(content, packed)
        except BaseException:
            # Threads can't be cancelled: they look at this at every block.
            self._stopped.set()
            packed.cancel()
            await asyncio.gather(content, packed, return_exceptions=True)
            raise
        return (*layers, *registry), images

    async def _commanded(
        self,
        apps: Sequence[StagedApp],
        context: Directory | None,
        transport: Transport,
        room: int,
        share: int,
    ) -> tuple[tuple[Layer, ...], Sequence[NamedImage]]:
        order = self._order
        commands = sum(isinstance(each, Command) for each in order.contents)

        async def write(part: Sequence[Planned]) -> Sequence[Layer]:
            own = len(part) + (share - len(order.contents)) // (commands + 1)
            plans = await asyncio.to_thread(plan_contents, order, part, apps, own)
            try:
                return await asyncio.to_thread(self._write, plans)
            except BaseException:
                self._stopped.set()
                raise

        running = Running(
            self._cache,
            order.parent,
            context,
            self._workspace / "run",
            order.running,
            time=self.time,
            sink=self._sink,
        )
        commanded = CommandedLayers(self._store, order.contents, running, write)
        layers = await commanded.layers()
        self._contents, self._ran = commanded.contents, commanded.ran
        images = await asyncio.to_thread(self.container_images, apps)
        return (*layers, *await self._pack(images, transport, room - len(layers))), images

    def _write(self, plans: Sequence[LayerPlan]) -> tuple[Layer, ...]:
        progress = Progress(plans, self._sink)

        def write(plan: LayerPlan) -> Layer:
            def moved(count: int) -> None:
                if self._stopped.is_set():
                    raise _StoppedError
                progress.add(plan.subject, count)

            return write_layer(self._cache, plan, self.time, moved)

        return write_layers(write, plans)

    async def _pack(self, images: Sequence[NamedImage], transport: Transport, room: int) -> tuple[Layer, ...]:
        cache = ContainerImageCache(self._store.home, transport, sink=self._sink)
        packing = Packing(self._store, self._order, cache, self._write, self._stopped.set)
        layers = await packing.pack(images, room, transport, self._workspace)
        self._digests |= packing.digests
        return layers

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
            found[name, app] = ContainerImage(
                image=name,
                app_name=app,
                platform=self._order.platform,
                digest=self._digests.get(name, ""),
            )
        return tuple(found[key] for key in sorted(found))


class _StoppedError(Exception):
    """Ends a thread because the build has failed elsewhere."""
