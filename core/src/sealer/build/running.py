"""Commands of RUN: the root they are run in, and the layer they leave."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from sealer.build.blocks import Layer
from sealer.build.context import Directory
from sealer.build.entries import EntriesPlan
from sealer.build.inputs import Command, RunSettings
from sealer.build.layer_cache import LayerCache
from sealer.build.layer_plans import FORMAT
from sealer.build.layers import write_layer
from sealer.build.rootfs import Rootfs
from sealer.build.run_mounts import GivenMounts, RunMounts
from sealer.build.sandbox import run
from sealer.errors import ImageError, SourceError, SourceErrors
from sealer.events import EventSink, Message
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.stored import StoredImage
from sealer.kubefile.instructions import MountKind
from sealer.kubefile.scope import PROXIES


class Running:
    """Runs the commands of one build, one after the other.

    Args:
        cache: The layers that were made before, and the store.
        parent: The image they stand on, or None.
        context: The build context, for what they mount of it.
        workspace: An empty directory.
        settings: How they are run.
        time: The time of every file in layers, in seconds since 1970.
        sink: Is told what they print.
    """

    def __init__(
        self,
        cache: LayerCache,
        parent: StoredImage | None,
        context: Directory | None,
        workspace: Path,
        settings: RunSettings,
        *,
        time: int,
        sink: EventSink,
    ) -> None:
        self._cache = cache
        self._parent = parent
        self._given = GivenMounts(context, workspace, cache.store.home)
        self._workspace = workspace
        self._settings = settings
        self._time = time
        self._sink = sink
        self._rootfs: Rootfs | None = None
        self._applied = 0

    async def layer(self, command: Command, below: Sequence[Layer]) -> Layer:
        """Return the layer that a command leaves.

        Args:
            command: The command.
            below: The layers of the build so far.

        Raises:
            SourceErrors: It fails, or a secret that it needs is not given.
            ImageError: Layers can't be read or written.
        """
        key = f"run {FORMAT} {self._time} {self._key(command, below)}"
        annotations = {LAYER_CONTENT: LayerContent.ROOTFS.value}
        found = self._cache.find(key, created_by=command.created_by, annotations=annotations)
        if found is not None:
            return found
        rootfs = await asyncio.to_thread(self._prepare, below)
        try:
            plan = await self._run(rootfs, command)
        except SourceErrors:
            raise
        except ImageError as error:
            problem = SourceError(error.message, place=command.run.place, hint=error.hint)
            raise SourceErrors([problem]) from error
        layer = await asyncio.to_thread(write_layer, self._cache, plan, self._time)
        self._applied = len(below) + 1
        self._cache.keep(key, layer)
        return layer

    def _key(self, command: Command, below: Sequence[Layer]) -> str:
        """Return what tells one command on one image from others; secrets are no part of it."""
        run_, parent = command.run, self._parent
        environment = {name: value for name, value in command.environment.items() if name not in PROXIES}
        mounts = [(each.kind, each.target, each.source, each.env) for each in run_.mounts]
        binds = [self._given.content_of(each) for each in run_.mounts if each.kind is MountKind.BIND]
        said = (run_.command, run_.script, run_.network, sorted(environment.items()), mounts, binds)
        images = (parent.digest if parent else "", [layer.diff_id for layer in below], self._settings.network)
        return hashlib.sha256(repr((said, images)).encode(errors="surrogateescape")).hexdigest()

    def _prepare(self, below: Sequence[Layer]) -> Rootfs:
        """Return the root with all layers so far; container images are packed later, and not in it."""
        if self._rootfs is None:
            root = self._workspace / "rootfs"
            root.mkdir(parents=True)
            root.chmod(0o755)
            self._rootfs = Rootfs(root)
            for layer in self._parent.layers if self._parent else ():
                if layer.annotations.get(LAYER_CONTENT) != LayerContent.REGISTRY:
                    self._rootfs.apply(self._cache.store, layer)
        for layer_ in below[self._applied :]:
            self._rootfs.apply(self._cache.store, layer_.descriptor)
        self._applied = len(below)
        return self._rootfs

    async def _run(self, rootfs: Rootfs, command: Command) -> EntriesPlan:
        mounts = RunMounts(rootfs, self._given, self._settings)
        sandbox, words = mounts.sandbox(command)
        before = await asyncio.to_thread(rootfs.stamps)
        await asyncio.to_thread(rootfs.settle)
        await run(sandbox, words, said=lambda line: self._sink(Message(text=line)))
        rootfs.unmake(mounts.made)
        after = await asyncio.to_thread(rootfs.stamps)
        kept = {path: stamp for path, stamp in before.items() if path in after or path not in mounts.made}
        entries = tuple(rootfs.changes(kept, after))
        return EntriesPlan(created_by=command.created_by, entries=entries)
