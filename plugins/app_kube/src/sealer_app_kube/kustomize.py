"""The application type ``kustomize``: a directory with a kustomization at its top."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from sealer.changes import quote
from sealer.errors import ProgramMissing
from sealer.manifests import images_in
from sealer.model import Application
from sealer.providers import ToolRunner
from sealer_app_kube.applied import Applied
from sealer_app_kube.manifest_files import KUSTOMIZATIONS


class Kustomize(Applied):
    """One directory. What it refers to lies in it: nothing is fetched where it is launched."""

    name: ClassVar[str] = "kustomize"
    renders: ClassVar[bool] = True
    summary: ClassVar[str] = "kustomizations, built and applied by kubectl"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        if len(sources) != 1 or not sources[0].is_dir():
            return None
        found = tuple(name for name in KUSTOMIZATIONS if (sources[0] / name).is_file())
        return (found[0],) if found else None

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        try:
            manifests = run(("kubectl", "kustomize", str(directory)))
        except ProgramMissing:
            manifests = run(("kustomize", "build", str(directory)))
        return images_in(manifests, f"manifests that kustomize makes of {directory.name}")

    def render(self, app: Application) -> str:
        return f"kubectl kustomize {quote(app.directory)}"
