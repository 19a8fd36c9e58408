"""What the types of this plugin share: manifests that the API server applies, and keeps a list of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from sealer.changes import (
    Change,
    Objects,
    kept_objects,
    live_objects,
    removed_objects,
    wanted_objects,
    with_images,
)
from sealer.model import Application, Cluster
from sealer.providers import AppType, Comparison


class Applied(AppType):
    """An application whose objects are those of some manifests."""

    renames_images: ClassVar[bool] = True

    @abstractmethod
    def render(self, app: Application) -> str:
        """Return sh that prints the manifests."""

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        yield Objects(owner=app.release, render=self._rendered(app), namespace=app.settings.namespace)

    def uninstall(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        yield removed_objects(app.release)

    def objects(self, cluster: Cluster, app: Application) -> str:
        return kept_objects(app.release)

    def comparison(self, cluster: Cluster, app: Application) -> Comparison | None:
        manifests = (self._rendered(app), app.settings.namespace)
        return Comparison(live=live_objects(*manifests), wanted=wanted_objects(*manifests))

    def _rendered(self, app: Application) -> str:
        return with_images(self.render(app), app.settings.images)
