"""Finds the files of a base image by name, anywhere below a directory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sealer.build.base_programs import architecture_of, is_for
from sealer.errors import ImageError
from sealer.model import Platform
from sealer.providers import Component

_ARCHIVE_SUFFIX = ".tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """The regular files below a directory.

    Attributes:
        root: The directory.
        files: All files, in the order of their paths.
        by_name: The files of each name, in the same order.
    """

    root: Path
    files: tuple[Path, ...]
    by_name: Mapping[str, tuple[Path, ...]]

    @property
    def archives(self) -> tuple[Path, ...]:
        """The files that may be archives of container images."""
        return tuple(path for path in self.files if path.suffix == _ARCHIVE_SUFFIX)


def look_below(root: Path) -> Artifacts:
    """Take stock of a directory; links to files count as the files, links to directories are not followed.

    Raises:
        ImageError: It is no directory, or part of it can't be read.
    """
    if not root.is_dir():
        raise ImageError(f"{root} is not a directory", hint="name the directory that holds the artifacts")

    def refuse(error: OSError) -> None:
        raise ImageError(f"{error.filename} can't be read: {error.strerror}") from error

    files = sorted(
        Path(directory, name)
        for directory, _, names in os.walk(root, onerror=refuse)
        for name in names
        if Path(directory, name).is_file()
    )
    by_name: dict[str, tuple[Path, ...]] = {}
    for path in files:
        by_name[path.name] = (*by_name.get(path.name, ()), path)
    return Artifacts(root=root, files=tuple(files), by_name=by_name)


def find_components(
    artifacts: Artifacts, components: Sequence[Component], platform: Platform
) -> dict[str, Path]:
    """Return where each component is, by name; optional ones may be absent.

    Raises:
        ImageError: Some are missing, are for another architecture, or are there twice with different content;
            the message lists all of them.
    """
    found: dict[str, Path] = {}
    problems: list[str] = []
    for component in components:
        candidates = artifacts.by_name.get(component.name, ())
        fitting = [path for path in candidates if not component.executable or is_for(path, platform)]
        if fitting and _all_alike(fitting):
            found[component.name] = fitting[0]
        elif fitting:
            problems.append(f"{component.name}: different files at {_listed(fitting)}")
        elif candidates and not component.optional:
            others = ", ".join(f"{path} is for {architecture_of(path)}" for path in candidates)
            problems.append(f"{component.name}: {others}")
        elif not component.optional:
            problems.append(component.name)
    if problems:
        lines = "\n".join((f"what is needed for {platform} is not all below {artifacts.root}:", *problems))
        raise ImageError(
            lines,
            hint="files are looked for by these names in the directory and all below it; "
            "add what is missing, or leave --from out to download everything",
        )
    return found


def _all_alike(paths: Sequence[Path]) -> bool:
    return len(paths) == 1 or len({_digest(path) for path in paths}) == 1


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(paths: Iterable[Path]) -> str:
    return " and ".join(str(path) for path in paths)
