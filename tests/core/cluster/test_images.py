"""The image of each host, found again as it was chosen."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.cluster.access import Access
from sealer.cluster.images import (
    application_images,
    available_on,
    images_again,
    images_elsewhere,
    images_for_hosts,
    platforms_in,
)
from sealer.cluster.session import Context
from sealer.errors import ImageError
from sealer.events import Event, Message, discard
from sealer.image.oci import Index
from sealer.image.store import ImageStore
from sealer.model import Platform
from sealer.plugins import Plugins
from sealer.testing import example_facts
from sealer.testing.images import make_image


def test_an_image_with_several_names_is_found_again_by_the_one_that_was_meant(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    names = ("acme/first:v1", "acme/second:v1", "registry.example/third:v1")
    for name in names:
        make_image(store, name, layers=({"etc/hello": b"hello"},))
    for name in names:
        chosen = images_for_hosts(store, name, {"10.0.0.1": example_facts()})
        again = images_again(store, chosen.choice(name))
        assert again.main.digest == chosen.main.digest
        assert again.metadata.reference == chosen.metadata.reference
        assert again.metadata.reference.endswith(name.partition("/")[2])


ARM64 = Platform(architecture="arm64")
MIXED = {
    "10.0.0.1": example_facts(),
    "10.0.0.2": example_facts(platform=ARM64),
    "10.0.0.3": example_facts(platform=ARM64),
}


def test_an_application_that_lacks_the_platform_of_a_host_is_refused(tmp_path: Path) -> None:
    store, events = ImageStore(tmp_path), list[Event]()
    make_image(store, "web:1")
    with pytest.raises(ImageError, match=r"it lacks linux/arm64 \(10\.0\.0\.2, 10\.0\.0\.3\)") as caught:
        application_images(store, "web:1", MIXED, events.append, lenient=False)
    assert "--platform-policy warn" in (caught.value.hint or "")
    found = application_images(store, "web:1", MIXED, events.append, lenient=True)
    assert list(found.by_host) == ["10.0.0.1"]
    (warning,) = [event for event in events if isinstance(event, Message)]
    assert warning.warning
    assert "10.0.0.2, 10.0.0.3" in warning.text


def test_the_first_master_has_to_have_the_application(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    make_image(store, "web:1", platform=ARM64)
    with pytest.raises(ImageError, match="is for linux/arm64, not for linux/amd64"):
        application_images(store, "web:1", MIXED, [].append, lenient=True)


def context(home: Path, events: list[Event], *, dry: bool = False) -> Context:
    return Context(
        home=home,
        plugins=Plugins(()),
        events=events.append,
        access=Access(ask=str),
        log=lambda _: nullcontext(discard),
        on_stop=lambda _: None,
        dry=dry,
    )


def test_what_an_index_lists_for_other_hosts_is_pulled_or_missed_in_words(tmp_path: Path) -> None:
    store, events = ImageStore(tmp_path / "home"), list[Event]()
    here = make_image(store, None)
    elsewhere = make_image(ImageStore(tmp_path / "other"), None, platform=ARM64)
    name = "127.0.0.1:1/cluster:1"
    store.put_index(name, Index(manifests=(here, elsewhere)), partial=True)
    asyncio.run(available_on(context(store.home, events, dry=True), name, platforms_in(MIXED)))
    assert events == []
    asyncio.run(available_on(context(store.home, events), name, platforms_in(MIXED)))
    *_, told = [event.text for event in events if isinstance(event, Message) and event.warning]
    assert told.startswith(f"{name} for linux/arm64 can't be pulled: ")
    with pytest.raises(ImageError, match="the image for linux/arm64 is not in the local store") as caught:
        images_for_hosts(store, name, MIXED)
    assert f"sealer pull --platform linux/arm64 {name}" in (caught.value.hint or "")


def test_a_cluster_image_has_to_have_every_platform(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    make_image(store, "cluster:1")
    with pytest.raises(ImageError, match="not for linux/arm64"):
        images_for_hosts(store, "cluster:1", MIXED)


HERE = {"127.0.0.1": example_facts()}
AMD64 = Platform(architecture="amd64")


def index_of(store: ImageStore, name: str, *platforms: Platform) -> None:
    with store.lease():
        manifests = [make_image(store, None, platform=platform) for platform in platforms]
        described = zip(manifests, platforms, strict=True)
        store.put_index(name, Index(manifests=tuple(replace(one, platform=p) for one, p in described)))


def test_elsewhere_container_images_are_those_for_the_nodes(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    index_of(store, "web:1", AMD64, ARM64)
    found = images_elsewhere(store, "web:1", HERE, [ARM64], [].append, brought=True, lenient=False)
    assert found.main.platform == AMD64
    assert [image.platform for image in found.by_platform.values()] == [ARM64]
    assert found.carried == (found.by_platform["linux/arm64"].layers,)
    again = images_again(store, found.choice("web:1"))
    assert again.by_platform["linux/arm64"].digest == found.by_platform["linux/arm64"].digest
    # Nothing is brought, or nothing known of nodes: then this machine's platform is all that counts.
    for nodes, brought in (([ARM64], False), ([], True)):
        other = images_elsewhere(store, "web:1", HERE, nodes, [].append, brought=brought, lenient=False)
        assert other.by_platform == {}


def test_elsewhere_an_image_may_lack_the_platform_of_this_machine(tmp_path: Path) -> None:
    store, events = ImageStore(tmp_path), list[Event]()
    make_image(store, "web:1", platform=ARM64)
    found = images_elsewhere(store, "web:1", HERE, [ARM64], events.append, brought=True, lenient=False)
    assert found.main.platform == ARM64
    (message,) = [event for event in events if isinstance(event, Message)]
    assert "programs that it brings are not used" in message.text
    with pytest.raises(ImageError, match="is for linux/arm64, not for linux/amd64"):
        images_elsewhere(store, "web:1", HERE, [], [].append, brought=True, lenient=False)


def test_elsewhere_an_image_has_to_have_the_platforms_of_the_nodes(tmp_path: Path) -> None:
    store, events = ImageStore(tmp_path), list[Event]()
    make_image(store, "web:1")
    with pytest.raises(ImageError, match="for all nodes of the cluster: it lacks linux/arm64"):
        images_elsewhere(store, "web:1", HERE, [AMD64, ARM64], [].append, brought=True, lenient=False)
    images_elsewhere(store, "web:1", HERE, [AMD64, ARM64], events.append, brought=True, lenient=True)
    assert [event.warning for event in events if isinstance(event, Message)] == [True]
    images_elsewhere(store, "web:1", HERE, [AMD64, ARM64], [].append, brought=False, lenient=False)
