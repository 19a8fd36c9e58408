"""The application type ``kube``: manifests, applied together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from sealer.manifests import images_below
from sealer.model import Application
from sealer.providers import ToolRunner
from sealer_app_kube.applied import Applied
from sealer_app_kube.manifest_files import concatenated, manifests_of, speaks_oam


class Kube(Applied):
    """Every file is ``.yaml`` or ``.yml``; they are applied in the order of sources, directories by path."""

    name: ClassVar[str] = "kube"
    summary: ClassVar[str] = "Kubernetes manifests, applied by the server"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        files = manifests_of(sources)
        return files if files and not speaks_oam(sources) else None

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        return images_below(directory)

    def render(self, app: Application) -> str:
        return concatenated(app)
