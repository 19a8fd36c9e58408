"""The part of an image's root in which names of container images are looked for, brought together on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sealer.build.applications import materialise, recognise
from sealer.build.blocks import Layer
from sealer.build.discovery import CHARTS, MANIFESTS
from sealer.build.entries import Entry, EntryKind
from sealer.build.inputs import Command, Content, Files, GivenFiles, Unpacked
from sealer.build.parent import extract
from sealer.build.tree import Mount
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.providers import AppType

LOOKED_INTO = (MANIFESTS, CHARTS)


def bring_together(
    store: ImageStore, contents: Iterable[Content], ran: Mapping[int, Layer], root: Path
) -> None:
    """Write what contents bring to the directories that are looked into, later ones over earlier ones.

    Args:
        store: The store that has the layers of commands.
        contents: What the build brings.
        ran: The layers that commands have left, by their position among the contents.
        root: A directory that stands for the image's root; it need not exist.

    Raises:
        ImageError: Something can't be read.
    """
    root.mkdir(parents=True, exist_ok=True)
    for position, each in enumerate(contents):
        step = root.with_name(f"{root.name}-{position}")
        match each:
            case Files(mounts=mounts):
                materialise(_within(mounts, LOOKED_INTO), step)
            case GivenFiles(files=files):
                for file in files:
                    if file.path.split("/")[0] in LOOKED_INTO:
                        path = step / file.path
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(
                            file.content if isinstance(file.content, bytes) else file.content.read_bytes()
                        )
            case Unpacked(entries=entries):
                _write(entries, step)
            case Command() if position in ran:
                for directory in LOOKED_INTO:
                    extract(store, [ran[position].descriptor], directory, root)
        if step.is_dir():
            _move(step, root)


def complete_charts(
    store: ImageStore, parent: StoredImage, types: Mapping[str, AppType], root: Path, spare: Path
) -> None:
    """Add the parent's files to charts of which the build brings a part, so that they can be read.

    Args:
        store: The store that has the parent.
        parent: The parent image.
        types: The application types by name.
        root: Stands for the image's root.
        spare: A directory for what the parent has.
    """
    charts = root / CHARTS
    for chart in sorted(charts.iterdir()) if charts.is_dir() else ():
        if recognise(types, [chart], chart.name) is not None:
            continue
        older = spare / chart.name
        extract(store, parent.layers, f"{CHARTS}/{chart.name}", older)
        for path in sorted(older.rglob("*")):
            target = root / path.relative_to(older)
            if path.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)


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


def _write(entries: Iterable[Entry], root: Path) -> None:
    """Write the files of entries; their links are of no use without what they lead to."""
    for entry in entries:
        if entry.kind is EntryKind.FILE and entry.path.split("/")[0] in LOOKED_INTO:
            path = root / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            assert entry.content is not None  # noqa: S101  # a file has content
            shutil.copyfile(entry.content, path)


def _move(source: Path, target: Path) -> None:
    """Move everything below a directory over what is in another."""
    for each in os.scandir(source):
        there = target / each.name
        if each.is_dir(follow_symlinks=False):
            if there.is_symlink() or there.is_file():
                there.unlink()
            there.mkdir(exist_ok=True)
            _move(Path(each.path), there)
            continue
        if there.is_dir() and not there.is_symlink():
            shutil.rmtree(there)
        os.replace(each.path, there)  # noqa: PTH105  # an entry of scandir is no Path
