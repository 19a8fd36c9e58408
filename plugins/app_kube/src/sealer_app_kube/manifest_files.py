"""The files of an application that are manifests: which they are, and all of them as one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from sealer.changes import quote
from sealer.manifests import LIST_NAME, YAML_SUFFIXES
from sealer.model import Application

# In the order in which kustomize looks for them.
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")

# kubectl refuses to apply these: they tell another program what to make manifests of.
_NO_MANIFESTS = frozenset({*KUSTOMIZATIONS, "Chart.yaml"})

_OAM_GROUP = "core.oam.dev/"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def manifests_of(sources: Sequence[Path]) -> tuple[str, ...]:
    """Return the files that sources bring to an application's directory, or () if they are not all manifests.

    They come in the order of sources, those of directories by path. A file that two sources bring is one
    file.
    """
    files = tuple(dict.fromkeys(file for source in sources for file in _files_of(source)))
    return files if all(_is_manifest(file) for file in files) else ()


def speaks_oam(sources: Sequence[Path]) -> bool:
    """Tell whether one of these files holds an object of the Open Application Model."""
    paths = (path for source in sources for path in _paths_of(source))
    return any(_holds_oam(path) for path in paths if path.name.endswith(YAML_SUFFIXES))


def concatenated(app: Application) -> str:
    """Return sh that prints an application's files as one text."""
    paths = (quote(f"{app.directory}/{file}") for file in app.files)
    return " &&\n".join(f"cat {path} && printf '\\n---\\n'" for path in paths)


def _is_manifest(file: str) -> bool:
    name = file.rpartition("/")[2]
    return name.endswith(YAML_SUFFIXES) and name not in _NO_MANIFESTS


def _paths_of(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield from sorted(path for path in source.rglob("*") if not path.is_dir())
    else:
        yield source


def _files_of(source: Path) -> Iterator[str]:
    for path in _paths_of(source):
        if path.name != LIST_NAME:  # it names container images for the build, and is nothing to launch
            yield path.relative_to(source).as_posix() if path != source else source.name


def _holds_oam(path: Path) -> bool:
    try:
        text = path.read_bytes()
        if _OAM_GROUP.encode() not in text:
            return False
        documents = list(yaml.load_all(text, Loader=_LOADER))
    except (OSError, yaml.YAMLError):
        return False  # what is wrong with it is told when its container images are looked for
    return any(
        isinstance(document, dict) and str(document.get("apiVersion")).startswith(_OAM_GROUP)
        for document in documents
    )
