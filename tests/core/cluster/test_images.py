"""The image of each host, found again as it was chosen."""

from __future__ import annotations

from pathlib import Path

from sealer.cluster.images import images_again, images_for_hosts
from sealer.image.store import ImageStore
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
