"""What the hosts of a cluster are asked, and which checks judge the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sealer.cluster.checks import Given, PortsReachable, Room, Round, ask_together, core_checks
from sealer.cluster.distribution import image_files, image_store
from sealer.cluster.images import HostImages
from sealer.cluster.parts import Parts
from sealer.hosts.connection import Connection
from sealer.image.extension import LAYER_SIZE
from sealer.image.oci import Descriptor
from sealer.model import Check, Cluster, Host, Probe
from sealer.plugins import Plugins
from sealer.providers import HostProvider

UNPACKED_RATIO = 4
"""Room wanted for what does not say how large it is unpacked, as a multiple of its compressed size."""

SPARE = 64 << 20
"""Bytes for what an installation writes beside layers: programs copied to their places, journals, logs."""


def first_probes(plugins: Plugins, parts: Parts | None, data_root: str) -> tuple[Probe, ...]:
    """Return the questions of the first round: those of the providers and of core, each once."""
    # The questions of core's checks are the same whatever the checks are to compare the answers with.
    asked = [probe for check in core_checks(Given(data_root=data_root)) for probe in check.probes()]
    asked += [probe for provider in _providers(plugins, parts) for probe in provider.probes()]
    return tuple({probe.name: probe for probe in asked}.values())


def all_checks(plugins: Plugins, parts: Parts | None, cluster: Cluster, given: Given) -> tuple[Check, ...]:
    """Return the checks of core, of the providers, and of plugins that bring nothing else."""
    provided = (check for provider in _providers(plugins, parts) for check in provider.checks(cluster))
    return (*core_checks(given), *provided)


def reading_only(checks: Iterable[Check], cluster: Cluster) -> tuple[Check, ...]:
    """Return the checks that write nothing on any host, not for a moment either."""
    return tuple(
        check
        for check in checks
        if not any(probe.writes for host in cluster.hosts for probe in check.probes_for(cluster, host))
    )


def health_checks(
    plugins: Plugins, parts: Parts | None, cluster: Cluster, core: Iterable[Check]
) -> tuple[Check, ...]:
    """Return the checks of a running cluster: core's, then those of the providers."""
    provided = (check for provider in _providers(plugins, parts) for check in provider.health(cluster))
    return (*core, *provided)


def given_by(
    cluster: Cluster,
    images: HostImages,
    parts: Parts,
    *,
    new: frozenset[str] = frozenset(),
    own: str = "",
) -> Given:
    """Return what an image gives the checks to compare hosts with.

    Args:
        cluster: The cluster.
        images: The image of each of its hosts.
        parts: The providers.
        new: The hosts that are to come into the cluster, when others are in it.
        own: The name of the cluster when its hosts may have it already.
    """
    serving = {host.name for host in parts.registry.hosts(cluster)} if parts.registry else set()
    return Given(
        data_root=cluster.data_root,
        platforms={host: image.platform for host, image in images.by_host.items()},
        rooms={host.name: _room(host, images, serving=host.name in serving) for host in cluster.hosts},
        traffic=tuple(way for provider in parts.host_providers for way in provider.traffic(cluster)),
        new=new,
        own=own,
    )


async def ask_again(
    cluster: Cluster, checks: Iterable[Check], connections: Mapping[str, Connection]
) -> Cluster:
    """Ask the questions that depend on the first answers, if there are any, in one round trip more.

    Hosts without a connection are asked nothing.

    Returns:
        The cluster with these answers beside the others.
    """
    made = tuple(checks)
    rounds = {host.name: _round(cluster, host, made) for host in cluster.hosts if host.name in connections}
    if not any(asked.probes for asked in rounds.values()):
        return cluster
    answers = await ask_together(connections, rounds)
    return replace(cluster, hosts=tuple(_knowing(host, answers.get(host.name, {})) for host in cluster.hosts))


def _providers(plugins: Plugins, parts: Parts | None) -> tuple[HostProvider, ...]:
    return (*(parts.host_providers if parts else ()), *plugins.host_checks().values())


def _round(cluster: Cluster, host: Host, checks: Iterable[Check]) -> Round:
    probes: list[Probe] = []
    ports: list[str] = []
    for check in checks:
        probes += check.probes_for(cluster, host)
        if isinstance(check, PortsReachable):
            ports += check.listens(cluster, host)
    return Round(probes=tuple(probes), ports=tuple(ports), address=host.address)


def _knowing(host: Host, answers: Mapping[str, str]) -> Host:
    return replace(host, facts=replace(host.facts, answers={**host.facts.answers, **answers}))


def _room(host: Host, images: HostImages, *, serving: bool) -> Room:
    layers = images.layers[host.name]
    unpacked = {layer.digest: unpacked_size(layer) for layer in layers}
    files = [(blob.size, unpacked[blob.digest]) for blob in image_files(layers)]
    store = [(blob.size, unpacked[blob.digest]) for blob in image_store(layers)]
    trees = (files, store) if serving else (files,)
    return Room(data=largest_room(trees) + SPARE, containers=sum(size for size, _ in store) * UNPACKED_RATIO)


def unpacked_size(layer: Descriptor) -> int:
    """Return how many bytes a layer takes once it is unpacked, or an estimate when it does not say so."""
    said = layer.annotations.get(LAYER_SIZE, "")
    return int(said) if said.isdecimal() else layer.size * UNPACKED_RATIO


def largest_room(trees: Sequence[Sequence[tuple[int, int]]]) -> int:
    """Return the most bytes in use at one time while trees are made, one after the other in any order.

    The layers of a tree are all received; then each is unpacked, and what was received of it removed.

    Args:
        trees: For each layer of each tree its size as it is sent, and as it is unpacked.
    """
    done = [sum(unpacked for _, unpacked in layers) for layers in trees]
    peaks = []
    for layers in trees:
        held = peak = sum(sent for sent, _ in layers)
        for sent, unpacked in layers:
            held += unpacked
            peak = max(peak, held)
            held -= sent
        peaks.append(peak)
    return max((sum(done) - own + peak for own, peak in zip(done, peaks, strict=True)), default=0)
