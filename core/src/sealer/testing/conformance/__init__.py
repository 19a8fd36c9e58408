"""One class of tests for each kind of plugin: who passes them keeps the contract of ``sealer.providers``.

An author subclasses the class of the kind and gives the provider as a fixture. The tests look at data alone,
so they need neither hosts nor a network; ``sealer.testing.lab`` is for the rest.
"""

from sealer.testing.conformance.app_type import AppSample, AppTypeContract
from sealer.testing.conformance.base import Contract, deviates
from sealer.testing.conformance.base_images import BaseImagesContract
from sealer.testing.conformance.base_recipe import BaseRecipeContract, RecipeSample
from sealer.testing.conformance.cluster_runtime import ClusterRuntimeContract
from sealer.testing.conformance.container_runtime import ContainerRuntimeContract
from sealer.testing.conformance.host_checks import HostChecksContract
from sealer.testing.conformance.image_policy import ImagePolicyContract
from sealer.testing.conformance.registry import RegistryContract
from sealer.testing.conformance.scenarios import SCENARIOS, Scenario
from sealer.testing.conformance.task_type import TaskSample, TaskTypeContract
from sealer.testing.conformance.vocabulary import VocabularyContract

__all__ = [
    "SCENARIOS",
    "AppSample",
    "AppTypeContract",
    "BaseImagesContract",
    "BaseRecipeContract",
    "ClusterRuntimeContract",
    "ContainerRuntimeContract",
    "Contract",
    "HostChecksContract",
    "ImagePolicyContract",
    "RecipeSample",
    "RegistryContract",
    "Scenario",
    "TaskSample",
    "TaskTypeContract",
    "VocabularyContract",
    "deviates",
]
