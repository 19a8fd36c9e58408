"""The application type ``kube``: manifests that are applied one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from sealer.changes import Change, Command, quote
from sealer.manifests import YAML_SUFFIXES, images_below
from sealer.model import Application, Cluster
from sealer.providers import AppType, ToolRunner

# kubectl refuses to apply these: they tell another program what to make manifests of.
_NO_MANIFESTS = frozenset({"kustomization.yaml", "kustomization.yml", "Chart.yaml"})


class Kube(AppType):
    """Every file is ``.yaml`` or ``.yml``; they are applied in the order of sources, directories by path."""

    name: ClassVar[str] = "kube"
    summary: ClassVar[str] = "Kubernetes manifests, applied with kubectl"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        # A file that two sources bring is one file in the application's directory.
        files = tuple(dict.fromkeys(file for source in sources for file in _files(source)))
        return files if files and all(_is_manifest(file) for file in files) else None

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        return images_below(directory)

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        for file in app.files:
            path = f"{app.directory}/{file}"
            yield Command(title=f"apply {file} of {app.name}", run=f"kubectl apply -f {quote(path)}")


def _is_manifest(file: str) -> bool:
    name = file.rpartition("/")[2]
    return name.endswith(YAML_SUFFIXES) and name not in _NO_MANIFESTS


def _files(source: Path) -> Iterator[str]:
    """Yield the paths that a source's files have in the application's directory."""
    if not source.is_dir():
        yield source.name
        return
    paths = (path for path in source.rglob("*") if not path.is_dir())
    yield from sorted(path.relative_to(source).as_posix() for path in paths)
