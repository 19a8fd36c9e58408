"""The image of each host, found again as it was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.cluster.images import application_images, images_again, images_for_hosts
from sealer.errors import ImageError
from sealer.events import Event, Message
from sealer.image.store import ImageStore
from sealer.model import Platform
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


def test_a_cluster_image_has_to_have_every_platform(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    make_image(store, "cluster:1")
    with pytest.raises(ImageError, match="not for linux/arm64"):
        images_for_hosts(store, "cluster:1", MIXED)
