"""The application type ``oam``: objects of the Open Application Model, for a controller such as KubeVela."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from sealer.changes import Change, Command
from sealer.manifests import images_below
from sealer.model import Application, Cluster
from sealer.providers import ToolRunner
from sealer_app_kube.applied import Applied
from sealer_app_kube.manifest_files import concatenated, manifests_of, speaks_oam

_DEFINITION = "applications.core.oam.dev"
_REFUSAL = (
    "this cluster has no controller for the Open Application Model, such as KubeVela "
    f"(it does not know {_DEFINITION}): launch one first"
)
_RUNNING = (
    f"kubectl get customresourcedefinition {_DEFINITION} -o "
    "go-template='{{range .status.conditions}}{{.type}}={{.status}} {{end}}' 2>/dev/null | "
    "grep -q Established=True"
)


class Oam(Applied):
    """Manifests of which at least one is of the group ``core.oam.dev``."""

    name: ClassVar[str] = "oam"
    summary: ClassVar[str] = "applications of the Open Application Model, for a controller such as KubeVela"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        files = manifests_of(sources)
        return files if files and speaks_oam(sources) else None

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        return images_below(directory)

    def render(self, app: Application) -> str:
        return concatenated(app)

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        yield Command(
            title=f"there is a controller for {app.release}",
            run=f"echo '{_REFUSAL}' >&2\nexit 1",
            unless=_RUNNING,
        )
        yield from super().launch(cluster, app)
