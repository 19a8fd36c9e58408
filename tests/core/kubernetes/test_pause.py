from __future__ import annotations

import pytest

from sealer.kubernetes import pause_image
from sealer.model import ContainerImage
from sealer.testing.examples import AMD64


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ((), None),
        (("docker.io/library/pauser:1",), None),
        (("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.10"), "registry.k8s.io/pause:3.10"),
        (("localhost:5000/pause:3.6@sha256:00",), "localhost:5000/pause:3.6@sha256:00"),
    ],
)
def test_the_newest_packed_pause_image_is_the_sandbox(names: tuple[str, ...], wanted: str | None) -> None:
    images = [ContainerImage(image=name, platform=AMD64) for name in names]
    assert pause_image(images) == wanted
