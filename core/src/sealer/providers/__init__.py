"""The abstract classes of what plugins provide.

A provider declares; it never drives. It holds no state, opens no connection and loops over no host's
shell: it takes the read-only ``Cluster`` and returns steps, changes, checks and probes as data. From that
it gets parallelism, dry-run, journal, resume, removal and progress for nothing.
"""

from sealer.providers.apps import AppType, Comparison, ToolRunner
from sealer.providers.base import HostChecks, HostProvider, Provider
from sealer.providers.cluster_runtimes import ClusterRuntime, SupportsCertificates, SupportsUpgrade
from sealer.providers.container_runtimes import ContainerRuntime, ImageImport, SupportsImageImport
from sealer.providers.policies import ImagePolicy, Redirection
from sealer.providers.recipes import (
    BaseRecipe,
    Component,
    Download,
    FileQuery,
    ProgramQuery,
    SupportsBaseImages,
)
from sealer.providers.registries import Registry, SupportsRotation
from sealer.providers.tasks import TaskType
from sealer.providers.vocabulary import Vocabulary

__all__ = [
    "AppType",
    "BaseRecipe",
    "ClusterRuntime",
    "Comparison",
    "Component",
    "ContainerRuntime",
    "Download",
    "FileQuery",
    "HostChecks",
    "HostProvider",
    "ImageImport",
    "ImagePolicy",
    "ProgramQuery",
    "Provider",
    "Redirection",
    "Registry",
    "SupportsBaseImages",
    "SupportsCertificates",
    "SupportsImageImport",
    "SupportsRotation",
    "SupportsUpgrade",
    "TaskType",
    "ToolRunner",
    "Vocabulary",
]
