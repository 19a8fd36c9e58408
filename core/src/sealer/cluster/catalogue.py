"""The list of all checks there are: those of core and of every plugin, whatever image they are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sealer.cluster.checks import core_checks
from sealer.cluster.external_registry import External
from sealer.clusterfile import ExternalRegistry
from sealer.kubernetes.health import Kubectl, cluster_health
from sealer.model import MASTER, Check, Cluster, Facts, Host, ImageMetadata, ImageType, Platform
from sealer.plugins import Plugins
from sealer.providers import HostProvider

CORE = "core"
NOWHERE = Kubectl(kubeconfig="", programs="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A check as it is listed.

    Attributes:
        check: The check; it can be described and asked for its mends, and judges nothing.
        provider: ``core``, or the name of the provider that brings it.
        running: Whether it is of a cluster that runs, and not of hosts that are to become one.
    """

    check: Check
    provider: str
    running: bool = False

    @property
    def is_mendable(self) -> bool:
        """Whether what it finds can be mended, at least sometimes."""
        return type(self.check).mend is not Check.mend

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.check.subject or self.provider


def catalogue(plugins: Plugins) -> tuple[Entry, ...]:
    """Return all checks: core's, then those of plugins, and in the end those of a running cluster.

    Raises:
        PluginError: Several plugins claim one name.
    """
    listed = [Entry(check=check, provider=CORE) for check in core_checks()]
    for provider in _providers(plugins):
        listed += [Entry(check=check, provider=provider.name) for check in provider.checks(_NOBODY)]
    listed += [Entry(check=check, provider=CORE, running=True) for check in cluster_health(NOWHERE)]
    for provider in _providers(plugins):
        found = provider.health(_NOBODY)
        listed += [Entry(check=check, provider=provider.name, running=True) for check in found]
    return tuple(listed)


def _providers(plugins: Plugins) -> Iterator[HostProvider]:
    yield from plugins.cluster_runtimes().values()
    yield from plugins.container_runtimes().values()
    yield from plugins.registries().values()
    yield External(ExternalRegistry(domain="registry.invalid", port=443), Path())
    yield from plugins.host_checks().values()


_PLATFORM = Platform(architecture="amd64")

# Which checks a provider has does not depend on the cluster, but it is asked for them with one.
_NOBODY = Cluster(
    name="nobody",
    image=ImageMetadata(reference="", digest="", type=ImageType.CLUSTER, platform=_PLATFORM),
    hosts=(
        Host(
            name="192.0.2.1",
            address="192.0.2.1",
            roles=(MASTER,),
            facts=Facts(
                hostname="nobody",
                platform=_PLATFORM,
                operating_system="unknown",
                kernel="",
                init="unknown",
                machine_id="",
                clock_offset=0.0,
                cpus=0,
                memory=0,
                disk_free=0,
                cgroup_version=2,
            ),
        ),
    ),
)
