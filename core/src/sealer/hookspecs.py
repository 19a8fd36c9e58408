"""The hooks of Sealer. A plugin implements those it has something for, and returns provider objects.

All hooks are called once per process, when the first provider of their kind is looked up; their answers are
joined. Two providers of one kind with one name are refused, and the error names both distributions.

**Example:** a complete plugin is a module with an entry point in the group ``sealer``::

    # acme_apps/__init__.py            [project.entry-points.sealer]
    from sealer import hookimpl         # app_acme = "acme_apps"

    @hookimpl
    def sealer_app_types():
        from acme_apps.types import AcmeApp   # heavy imports belong inside the hook
        yield AcmeApp()
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from sealer import ENTRY_POINT_GROUP

if TYPE_CHECKING:
    from sealer.providers import (
        AppType,
        BaseRecipe,
        ClusterRuntime,
        ContainerRuntime,
        HostChecks,
        ImagePolicy,
        Registry,
        TaskType,
        Vocabulary,
    )

hookspec = pluggy.HookspecMarker(ENTRY_POINT_GROUP)


@hookspec
def sealer_cluster_runtimes() -> Iterable[ClusterRuntime]:  # type: ignore[empty-body]  # a spec has no body
    """Return cluster runtimes, each chosen by the label ``cluster.alpha.sealer.io/cluster-runtime-type``."""


@hookspec
def sealer_container_runtimes() -> Iterable[ContainerRuntime]:  # type: ignore[empty-body]  # a spec has no body
    """Return container runtimes, chosen by ``cluster.alpha.sealer.io/container-runtime-type``."""


@hookspec
def sealer_app_types() -> Iterable[AppType]:  # type: ignore[empty-body]  # a spec has no body
    """Return application types; asked at build to recognise APP, CNI and CSI, at run to launch them."""


@hookspec
def sealer_registries() -> Iterable[Registry]:  # type: ignore[empty-body]  # a spec has no body
    """Return registries that can serve container images inside a cluster."""


@hookspec
def sealer_base_recipes() -> Iterable[BaseRecipe]:  # type: ignore[empty-body]  # a spec has no body
    """Return recipes for base images, used by ``sealer base build NAME``."""


@hookspec
def sealer_image_policies() -> Iterable[ImagePolicy]:  # type: ignore[empty-body]  # a spec has no body
    """Return image policies, each chosen by the label ``app.alpha.sealer.io/image-policy-plugin``."""


@hookspec
def sealer_checks() -> Iterable[HostChecks]:  # type: ignore[empty-body]  # a spec has no body
    """Return host checks that are made whatever is installed: by ``sealer check`` and by installations."""


@hookspec
def sealer_vocabularies() -> Iterable[Vocabulary]:  # type: ignore[empty-body]  # a spec has no body
    """Return names that builds shall know: reserved labels, and where custom resources name images."""


@hookspec
def sealer_task_types() -> Iterable[TaskType]:  # type: ignore[empty-body]  # a spec has no body
    """Return types of the document ``Plugin``, each chosen by ``spec.type`` in any case."""
