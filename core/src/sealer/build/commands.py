"""The layers of a build in which commands are run: each command sees what all before it have left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from sealer.build.blocks import Layer
from sealer.build.content import Planned
from sealer.build.inputs import Command, Content, Files
from sealer.build.parent import members
from sealer.build.running import Running
from sealer.image.store import ImageStore

WritePart = Callable[[Sequence[Planned]], Awaitable[Sequence[Layer]]]
"""Writes the layers of contents between two commands."""


class CommandedLayers:
    """Writes the contents of a build in their order.

    Args:
        store: Has the layers.
        contents: The contents.
        running: Runs the commands.
        write: Writes the layers of all else.

    Attributes:
        contents: The contents, as they turn out once commands have run.
        ran: The layers of commands, by the position of the command.
    """

    def __init__(
        self, store: ImageStore, contents: Sequence[Content], running: Running, write: WritePart
    ) -> None:
        self.contents = list(contents)
        self.ran: dict[int, Layer] = {}
        self._store = store
        self._running = running
        self._write = write
        self._directories: set[str] = set()

    async def layers(self) -> tuple[Layer, ...]:
        """Return all layers.

        Raises:
            SourceErrors: A command fails.
            ImageError: Something can't be read or written.
        """
        made: list[Layer] = []
        part: list[Planned] = []
        for position, each in enumerate(self.contents):
            if not isinstance(each, Command):
                settled = self._settled(each)
                self.contents[position] = settled
                part.append(settled)
                continue
            made += await self._write(part) if part else ()
            part = []
            layer = await self._running.layer(each, made)
            self.ran[position] = layer
            made.append(layer)
            found = members(self._store, layer.descriptor)
            self._directories.update(member.name for member, _ in found if member.isdir())
        made += await self._write(part) if part else ()
        return tuple(made)

    def _settled(self, each: Planned) -> Planned:
        """Return contents with files put into a directory that a command has made where they go."""
        if isinstance(each, Files) and each.inside and each.mounts[0].target in self._directories:
            return replace(each, mounts=each.inside, inside=())
        return each
