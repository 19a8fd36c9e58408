"""The application type ``helm``: a chart that is installed, or upgraded when it is there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from sealer.changes import Change
from sealer.kubernetes import require_platform
from sealer.manifests import YAML_SUFFIXES, images_in
from sealer.model import Application, Cluster, Platform
from sealer.providers import AppType, Comparison, Component, Download, SupportsBaseImages, ToolRunner
from sealer_app_helm.charts import is_chart
from sealer_app_helm.release import DIRECTORY, Chart, compared, listed, removed

_RELEASE = "release"
_VERSION = "v3.18.4"
"""Of the helm that base images get."""


class Helm(AppType, SupportsBaseImages):
    """One chart, as a directory or an archive, and files of values for it.

    The chart comes first in ``files``: ``.`` for a directory, whose content is at the top of the
    application's directory, or the name of the archive. Files of values follow, later ones over earlier.
    """

    name: ClassVar[str] = "helm"
    renders: ClassVar[bool] = True
    summary: ClassVar[str] = "Helm charts, installed or upgraded with helm"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        charts = [source for source in sources if is_chart(source)]
        values = [source for source in sources if source not in charts]
        if len(charts) != 1 or not all(_is_values(source) for source in values):
            return None
        chart = DIRECTORY if charts[0].is_dir() else charts[0].name
        return (chart, *(source.name for source in values))

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        chart, *values = files
        flags = _values_flags(str(directory / file) for file in values)
        manifests = run(("helm", "template", _RELEASE, str(directory / chart), *flags))
        return images_in(manifests, f"manifests that helm makes of {chart}")

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        require_platform(platform, "helm")
        return (Component(name="helm", path="bin/helm", optional=True),)

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        require_platform(platform, "helm")
        directory = f"linux-{platform.architecture}"
        url = f"https://get.helm.sh/helm-{_VERSION}-{directory}.tar.gz"
        program = {f"{directory}/helm": "helm"}
        return (Download(url=url, checksum=f"{url}.sha256sum", version=_VERSION, members=program),)

    def takes_values(self) -> bool:
        return True

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        yield _chart(app)

    def uninstall(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        yield removed(app.release, app.settings.namespace)

    def objects(self, cluster: Cluster, app: Application) -> str:
        return listed(app.release, app.settings.namespace)

    def comparison(self, cluster: Cluster, app: Application) -> Comparison | None:
        return compared(_chart(app))


def _chart(app: Application) -> Chart:
    chart, *values = app.files
    path = app.directory if chart == DIRECTORY else f"{app.directory}/{chart}"
    files = (*(f"{app.directory}/{file}" for file in values), *app.settings.values)
    return Chart(release=app.release, namespace=app.settings.namespace, path=path, values=files)


def _is_values(source: Path) -> bool:
    return source.name.endswith(YAML_SUFFIXES) and source.is_file()


def _values_flags(files: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"--values={file}" for file in files)
