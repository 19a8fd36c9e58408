"""What a COPY or ADD instruction takes from the build context and where it puts it, as in a Dockerfile."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sealer.build.context import Directory, Item
from sealer.build.inputs import Files
from sealer.build.patterns import MAGIC
from sealer.build.tar import ROOT
from sealer.build.tree import Mount
from sealer.errors import ImageError, SourceError, SourceErrors
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import Copy
from sealer.kubefile.sources import relative_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Something that is copied.

    Attributes:
        name: What it is called by.
        directory: Where it is taken from.
        item: What it is there.
        mode: Its permissions unless the instruction says otherwise, or None for the usual ones.
    """

    name: str
    directory: Directory
    item: Item
    mode: int | None = None


class ImagePaths(Protocol):
    """What an image has so far."""

    def is_directory(self, path: str) -> bool:
        """Tell whether there is a directory at a path."""

    def resolve(self, path: str) -> str:
        """Return a path with links of the parent image followed."""


def place_sources(copy: Copy, taken: Sequence[Taken], image: ImagePaths) -> Files:
    """Return what an instruction puts where.

    Args:
        copy: The instruction.
        taken: Its sources.
        image: Tells what the image has so far.

    Raises:
        SourceErrors: Several sources go to what may be a file.
    """
    target = image.resolve(relative_path(copy.destination, "the image"))
    written = copy.destination.text
    into = not target or written.endswith(("/", "/.")) or image.is_directory(target)
    if len(taken) > 1 and not into:
        place = copy.destination.place
        message = f"{len(taken)} sources need a directory to go to, and {written} may be a file"
        raise SourceErrors([SourceError(message, place=place, hint=f"write {written}/")])
    alone = not into and not taken[0].item.is_directory
    return Files(
        mounts=tuple(_mount(copy, each, target, into=into) for each in taken),
        inside=tuple(_mount(copy, each, target, into=True) for each in taken) if alone else (),
        created_by=copy.text,
    )


def _mount(copy: Copy, taken: Taken, target: str, *, into: bool) -> Mount:
    return Mount(
        directory=taken.directory,
        item=taken.item,
        target=target if taken.item.is_directory or not into else f"{target}/{taken.name}".lstrip("/"),
        owner=copy.owner or ROOT,
        mode=taken.mode if copy.mode is None else copy.mode,
    )


def find_sources(context: Directory, word: Word) -> list[tuple[str, Item]]:
    """Return what a source names: the name each thing is called by, and the thing itself.

    A link that is named is followed within the context; its own name is kept.

    Raises:
        SourceError: There is no such thing, it is ignored, or it leads out of the context.
    """
    path = relative_path(word, "the build context")
    try:
        paths = context.glob(path) if MAGIC.search(path) else (path,)
        found = [(each.rpartition("/")[2], each, context.find(each)) for each in paths]
    except ValueError as error:
        raise SourceError(str(error), place=word.place) from error
    except ImageError as error:
        raise SourceError(error.message, place=word.place, hint=error.hint) from error
    things: list[tuple[str, Item]] = []
    for name, called, item in found:
        rule = context.ignored_by(called) or (context.ignored_by(item.path) if item else None)
        if item is None:
            raise SourceError(
                f"the build context has no {called}", place=word.place, hint=_near(context, called)
            )
        if rule is not None and not (item.is_directory and context.ignore.readmits):
            hint = "change the rule, or add one that starts with !"
            raise SourceError(f"{called} is kept out of the build by {rule}", place=word.place, hint=hint)
        things.append((name, item))
    if not things:
        raise SourceError(f"nothing in the build context matches {path[:60]}", place=word.place)
    return things


def _near(context: Directory, path: str) -> str:
    """Return a hint that names what is there under a similar name."""
    above, _, name = path.rpartition("/")
    try:
        directory = context.find(above)
        names = (
            [item.name for item in context.children(directory.path)]
            if directory and directory.is_directory
            else []
        )
    except ImageError:
        names = []
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {above}/{near[0]}?" if above else f"did you mean {near[0]}?"
    return f"paths are relative to {context.root.absolute()}"
