"""One real control plane for all tests of applications, and applications launched on it from this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sealer.cluster.applications import Launch, LaunchSite, launch_steps
from sealer.cluster.launch_choice import AppChoice, LaunchChoice
from sealer.errors import SealerError
from sealer.model import Application, Cluster, ImageMetadata, Step
from sealer.model import Launch as Launched
from sealer.providers import AppType
from sealer.testing import example_cluster, example_host, example_image
from sealer.testing.trial import Outcome, Trial
from sealer_app_helm import sealer_app_types as helm_types
from sealer_app_kube import sealer_app_types as kube_types
from sealer_app_shell import sealer_app_types as shell_types
from tests.apps.control_plane import ControlPlane, control_plane

APP_TYPES: Mapping[str, AppType] = {
    app_type.name: app_type for types in (kube_types, helm_types, shell_types) for app_type in types()
}


@pytest.fixture(scope="session")
def api(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that answers."""
    with control_plane(artifacts, tmp_path_factory.mktemp("control-plane")) as found:
        yield found


@dataclass(kw_only=True)
class Bench:
    """A directory with an image's files, from which applications are launched.

    Attributes:
        api: The cluster they are launched on.
        root: The directory.
        apps: What the image has, by name.
        labels: Of the image.
        digest: Of the image; another one stands for another version.
    """

    api: ControlPlane
    root: Path
    apps: dict[str, Application] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    digest: str = f"sha256:{1:064x}"

    def put(self, name: str, kind: str, files: Mapping[str, str], **settings: Any) -> Application:
        """Put an application into the image; its type says which files it launches."""
        directory = self.root / "application/apps" / name
        for path, text in files.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        launched = APP_TYPES[kind].detect([directory]) if kind else ()
        assert launched is not None
        self.apps[name] = Application(name=name, type=kind, files=launched, **settings)
        return self.apps[name]

    @property
    def image(self) -> ImageMetadata:
        """The image."""
        return example_image(
            digest=self.digest,
            labels=self.labels,
            applications=tuple(self.apps.values()),
            launch=Launched(app_names=tuple(self.apps)),
        )

    @property
    def cluster(self) -> Cluster:
        """The cluster as providers see it."""
        return example_cluster(example_host(1, master=True), name="cluster", data_root=str(self.root.parent))

    @property
    def site(self) -> LaunchSite:
        """Where applications are launched from."""
        owner = f"{os.getuid()}:{os.getgid()}"
        path = (str(self.api.programs),)
        return LaunchSite(root=str(self.root), kubeconfig=str(self.api.kubeconfig), path=path, owner=owner)

    @property
    def trial(self) -> Trial:
        """What makes steps hold."""
        return Trial(data=self.root.parent / "data")

    def steps(self, choice: LaunchChoice | None = None, **wishes: Any) -> tuple[Step, ...]:
        """Return the steps that launch; ``wishes`` are for all applications."""
        choice = choice or LaunchChoice()
        if wishes:
            choice = replace(choice, settings={**choice.settings, "": AppChoice(**wishes)})
        return launch_steps(
            Launch(
                cluster=self.cluster,
                image=self.image,
                choice=choice,
                app_types=APP_TYPES,
                site=self.site,
                requires=(),
                network_requires=(),
                read=_no_reference,
            )
        )

    def launch(self, choice: LaunchChoice | None = None, **wishes: Any) -> dict[str, Outcome]:
        """Launch everything; return what became of each step by its last name."""
        return {step.provides[0]: self.trial.apply(step) for step in self.steps(choice, **wishes)}

    def look(self, choice: LaunchChoice | None = None, **wishes: Any) -> dict[str, list[str]]:
        """Return which changes are needed, by step."""
        looks = {step.provides[0]: self.trial.look(step) for step in self.steps(choice, **wishes)}
        return {
            name: [change for change, state in outcome.states.items() if state == "needed"]
            for name, outcome in looks.items()
        }


def _no_reference(reference: str) -> str:
    raise SealerError(f"no reference is expected, got {reference}")


@pytest.fixture
def bench(api: ControlPlane, tmp_path: Path) -> Bench:
    """Return a bench with an empty image."""
    root = tmp_path / "image"
    root.mkdir()
    return Bench(api=api, root=root)
