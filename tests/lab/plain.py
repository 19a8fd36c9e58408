"""Clusters without Kubernetes: up and away in seconds, for tests of driving and of what can go wrong."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sealer.image.store import ImageStore
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL
from sealer.testing.images import make_image
from tests.lab import plain_runtime
from tests.lab.operator import Operator

IMAGE = "plain:v1"

_METADATA = "Metadata-Version: 2.1\nName: sealer-runtime-plain\nVersion: 1.0\n"


def install_runtime(directory: Path) -> Path:
    """Install the runtime of ``plain_runtime`` in a directory as pip would, and return the directory."""
    information = directory / "sealer_runtime_plain-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(_METADATA)
    (information / "entry_points.txt").write_text("[sealer]\nruntime_plain = plain_runtime\n")
    shutil.copy(plain_runtime.__file__, directory)
    return directory


def plain_operator(directory: Path) -> Operator:
    """Return someone with the runtime installed and nothing else."""
    return Operator(home=directory / "home", plugins=(install_runtime(directory / "plugins"),))


def make_plain_image(
    person: Operator,
    layers: Sequence[Mapping[str, bytes]] = ({"etc/hello": b"hello"},),
    name: str = IMAGE,
    **details: Any,
) -> tuple[str, ...]:
    """Put a cluster image into someone's store, and return the digests of its layers.

    Args:
        person: Who.
        layers: The files of each layer.
        name: The image's name.
        details: What else ``make_image`` takes.
    """
    store = ImageStore(person.sealer_home)
    labels = {RUNTIME_TYPE_LABEL: "plain", RUNTIME_VERSION_LABEL: "v1"}
    make_image(store, name, layers=layers, labels=labels, **details)
    return tuple(layer.digest for layer in store.resolve(name).layers)
