"""The values that core and plugins share. They hold no behaviour and do no I/O."""

from sealer.model.check import NO_ANSWER, AnswerCheck, Check, Finding, Severity
from sealer.model.cluster import (
    DEFAULT_DATA_ROOT,
    Cluster,
    ContainerRuntimeSettings,
)
from sealer.model.departure import DRAIN_SECONDS, Departure
from sealer.model.host import MASTER, NODE, Facts, Host, Probe, bracketed
from sealer.model.image import (
    APPS_DIRECTORY,
    CONTAINER_RUNTIME_TYPE_LABEL,
    CONTAINER_RUNTIME_VERSION_LABEL,
    IMAGE_POLICY_LABEL,
    RUNTIME_TYPE_LABEL,
    RUNTIME_VERSION_LABEL,
    SUPPORTED_KUBE_VERSION_LABEL,
    Application,
    AppSettings,
    ContainerImage,
    ImageMetadata,
    ImageType,
    Launch,
    Platform,
)
from sealer.model.registry import RegistryCache, RegistryEndpoint, RegistrySettings, Upstream
from sealer.model.renewal import Renewal
from sealer.model.step import OPERATOR, Step, at
from sealer.model.task import Phase, Task
from sealer.model.traffic import Traffic
from sealer.model.upgrade import Upgrade
from sealer.model.value import Value, fill, show, used_values

__all__ = [
    "APPS_DIRECTORY",
    "CONTAINER_RUNTIME_TYPE_LABEL",
    "CONTAINER_RUNTIME_VERSION_LABEL",
    "DEFAULT_DATA_ROOT",
    "DRAIN_SECONDS",
    "IMAGE_POLICY_LABEL",
    "MASTER",
    "NODE",
    "NO_ANSWER",
    "OPERATOR",
    "RUNTIME_TYPE_LABEL",
    "RUNTIME_VERSION_LABEL",
    "SUPPORTED_KUBE_VERSION_LABEL",
    "AnswerCheck",
    "AppSettings",
    "Application",
    "Check",
    "Cluster",
    "ContainerImage",
    "ContainerRuntimeSettings",
    "Departure",
    "Facts",
    "Finding",
    "Host",
    "ImageMetadata",
    "ImageType",
    "Launch",
    "Phase",
    "Platform",
    "Probe",
    "RegistryCache",
    "RegistryEndpoint",
    "RegistrySettings",
    "Renewal",
    "Severity",
    "Step",
    "Task",
    "Traffic",
    "Upgrade",
    "Upstream",
    "Value",
    "at",
    "bracketed",
    "fill",
    "show",
    "used_values",
]
