"""Registries that are to be cached: what is read of them, what is refused, what hosts come to know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Change, HostsEntry
from sealer.cluster.parts import Parts
from sealer.cluster.registry_access import access_steps, registry_names
from sealer.cluster.upstreams import require_caches, upstreams
from sealer.clusterfile import PROMPT, CachedRegistry, LocalRegistry, SecretReference, SecretScheme
from sealer.errors import PlanError, SealerError
from sealer.model import Cluster, RegistryEndpoint, RegistrySettings
from sealer.secret import Secret
from sealer.testing.examples import with_cache
from sealer.testing.stand_ins import Box

from .examples import PARTS, cluster, host

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def caching(*, cached: bool = True) -> Cluster:
    """Return a cluster for which docker.io is to be cached, and whose registry does that or not."""
    plain = cluster(host(1, master=True), host(2, master=True), host(3))
    assert plain.registry is not None
    found = upstreams(LocalRegistry(caches=(CachedRegistry(domain="docker.io", url="https://hub.example"),)))
    registry = with_cache(plain.registry, "docker.io")[0] if cached else plain.registry
    return replace(plain, registry_settings=RegistrySettings(caches=found), registry=registry)


def test_accounts_are_said_by_reference_and_authorities_are_read(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.crt"
    authorities.write_text(PEM)
    word = SecretReference(scheme=SecretScheme.ENV, argument="WORD")
    registry = LocalRegistry(
        caches=(
            CachedRegistry(domain="a", url="https://a", username="ann", password=word),
            CachedRegistry(domain="b", url="https://b", username="bob", password=PROMPT),
            CachedRegistry(domain="c", url="https://c", username="c", password=Secret("word")),
            CachedRegistry(domain="d", url="https://d", ca_file=str(authorities)),
        )
    )
    first, second, third, last = upstreams(registry)
    assert first.password == "env:WORD"
    assert second.password == "prompt:password of bob for b"
    assert third.password == Secret("word")
    assert (last.username, last.password, last.certificate_authority) == ("", None, PEM)
    assert "word" not in repr(third)


def test_a_file_without_authorities_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")
    for name in ("ca.crt", "missing"):
        cached = CachedRegistry(domain="d", url="https://d", ca_file=str(tmp_path / name))
        with pytest.raises(SealerError):
            upstreams(LocalRegistry(caches=(cached,)))


class Unmirrored(Box):
    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        return super().mirrors(replace(registry, caches=()), domains)


@pytest.mark.parametrize(
    ("view", "parts", "reason"),
    [
        (replace(caching(), registry=None), replace(PARTS, registry=None), "the cluster gets no registry"),
        (caching(cached=False), PARTS, "the registry shelf caches none"),
        (caching(), replace(PARTS, container=Unmirrored()), "box can't be told to look there"),
        (caching(), replace(PARTS, container=None), "toy can't be told to look there"),
    ],
)
def test_what_can_not_be_cached_is_refused_with_the_reason(view: Cluster, parts: Parts, reason: str) -> None:
    with pytest.raises(PlanError) as caught:
        require_caches(view, parts)
    assert reason in caught.value.message
    assert "docker.io can't be cached" in caught.value.message


def test_without_caches_nothing_is_asked_for() -> None:
    require_caches(replace(cluster(), registry=None), replace(PARTS, registry=None))
    require_caches(caching(), PARTS)


def keys(names: Iterable[HostsEntry]) -> list[Sequence[str]]:
    return [(entry.names[0], entry.address, *entry.further) for entry in names]


def test_hosts_spread_over_registries_and_all_ask_one_cache() -> None:
    view = caching()
    assert view.registry is not None
    addresses = ("10.0.0.1", "10.0.0.2")
    both = replace(
        view.registry,
        addresses=addresses,
        caches=tuple(replace(cache, addresses=addresses) for cache in view.registry.caches),
    )
    first, second, _ = (keys(registry_names(view, one, both)) for one in view.hosts)
    assert first == [("shelf.local", *addresses), ("cache.shelf.local", *addresses)]
    assert second == [("shelf.local", *reversed(addresses)), ("cache.shelf.local", *addresses)]


def test_a_domain_of_which_no_image_is_packed_has_mirrors_when_it_is_cached() -> None:
    (step, *_) = access_steps(caching(), PARTS, (), source="image")
    assert [change.key for change in step.changes] == [
        "hosts:shelf.local",
        "hosts:cache.shelf.local",
        "file:/etc/box/docker.io",
    ]
