"""Makes the view of a cluster that providers plan from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sealer.cluster.parts import Parts
from sealer.cluster.tasks import with_names
from sealer.cluster.upstreams import upstreams
from sealer.clusterfile import Clusterfile, HostSpec
from sealer.clusterfile.addresses import ip_version
from sealer.clusterfile.plugin_documents import PluginSpec
from sealer.model import Cluster, Facts, Host, ImageMetadata, ImageType, RegistrySettings


def cluster_view(
    clusterfile: Clusterfile,
    image: ImageMetadata,
    facts: Mapping[str, Facts],
    parts: Parts,
    plugins: Sequence[PluginSpec] = (),
) -> Cluster:
    """Put together what the user wants, what the image says and what was observed.

    Args:
        clusterfile: The user's settings.
        image: The metadata of the cluster image.
        facts: What was observed on each host, by address.
        parts: The providers.
        plugins: The tasks, some of which name hosts.

    Raises:
        SealerError: A file that the settings of a registry name can't be read.
    """
    spec = clusterfile.cluster
    observed = [_host(host, facts[host.address]) for host in (*spec.masters, *spec.nodes)]
    hosts = with_names(observed, plugins, parts.task_types)
    env = {**image.env, **spec.env}
    container = parts.container
    cluster = Cluster(
        name=spec.name,
        image=image,
        hosts=hosts,
        env=env,
        host_aliases={alias.ip: alias.hostnames for alias in spec.host_aliases},
        data_root=spec.data_root,
        container_runtime=container.settings(replace(image, env=env), hosts) if container else None,
        registry_settings=RegistrySettings(
            domain=spec.registry.domain, port=spec.registry.port, caches=upstreams(spec.registry)
        ),
        documents=tuple(document.data for document in clusterfile.documents),
    )
    if parts.registry is None:
        return cluster
    return replace(cluster, registry=parts.registry.endpoint(cluster))


def bare_view(clusterfile: Clusterfile, facts: Mapping[str, Facts]) -> Cluster:
    """Put together what the user wants and what was observed, without an image; there may be no master."""
    spec = clusterfile.cluster
    platform = next(iter(facts.values())).platform
    return Cluster(
        name=spec.name,
        image=ImageMetadata(reference="", digest="", type=ImageType.CLUSTER, platform=platform),
        hosts=tuple(_host(host, facts[host.address]) for host in (*spec.masters, *spec.nodes)),
        env=spec.env,
        host_aliases={alias.ip: alias.hostnames for alias in spec.host_aliases},
        data_root=spec.data_root,
        documents=tuple(document.data for document in clusterfile.documents),
    )


def _host(spec: HostSpec, facts: Facts) -> Host:
    return Host(
        name=spec.address,
        address=spec.address if ip_version(spec.address) else facts.address or spec.address,
        roles=spec.roles,
        env=spec.env,
        labels=spec.labels,
        taints=spec.taints,
        facts=facts,
    )
