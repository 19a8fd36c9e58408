"""What a COPY instruction takes from the build context and where it puts it, as in a Dockerfile."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from sealer.build.context import Directory, Item
from sealer.build.patterns import MAGIC
from sealer.build.tar import ROOT
from sealer.build.tree import Mount
from sealer.errors import ImageError, SourceError, SourceErrors
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import Copy
from sealer.kubefile.sources import relative_path
from sealer.model import Platform

_ARCH = re.compile(r"\$\{ARCH\}|\$ARCH\b")


def copy_mounts(
    copy: Copy, context: Directory, platform: Platform, is_directory: Callable[[str], bool]
) -> tuple[Mount, ...]:
    """Return what a COPY instruction puts where.

    Args:
        copy: The instruction. ``$ARCH`` in its sources stands for the target's architecture.
        context: The build context.
        platform: The platform of the image.
        is_directory: Tells whether the image has a directory at a path so far.

    Raises:
        SourceErrors: Sources are not there, are ignored, or lead out of the context; or several go to a file.
    """
    taken: list[tuple[str, Item]] = []
    problems: list[SourceError] = []
    for word in copy.sources:
        text = _ARCH.sub(platform.architecture, word.text)
        try:
            taken.extend(find_sources(context, Word(text=text, place=word.place)))
        except SourceError as error:
            problems.append(error)
    if problems:
        raise SourceErrors(problems)
    target = relative_path(copy.destination, "the image")
    written = copy.destination.text
    into = not target or written.endswith(("/", "/.")) or is_directory(target)
    if len(taken) > 1 and not into:
        place = copy.destination.place
        message = f"{len(taken)} sources need a directory to go to, and {written} may be a file"
        raise SourceErrors([SourceError(message, place=place, hint=f"write {written}/")])
    return tuple(
        Mount(
            directory=context,
            item=item,
            target=target if item.is_directory or not into else f"{target}/{name}".lstrip("/"),
            owner=copy.owner or ROOT,
            mode=copy.mode,
        )
        for name, item in taken
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
