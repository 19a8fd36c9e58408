"""The distribution that ``sealer.testing`` ships to plan with, and hosts and images for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    RUNTIME_TYPE_LABEL,
    Application,
    Cluster,
    ContainerImage,
    Facts,
    Host,
    ImageMetadata,
    Launch,
)
from sealer.testing import example_facts, example_host, example_image
from sealer.testing.conformance.planning import LAYERS, layer
from sealer.testing.examples import AMD64
from sealer.testing.stand_ins import STAND_INS, planned_cluster

__all__ = ["AMD64", "LAYERS", "PARTS", "layer"]

PARTS = STAND_INS


def facts(**changes: Any) -> Facts:
    return example_facts(**changes)


def host(number: int, *, master: bool = False, **changes: Any) -> Host:
    own = {"hostname": f"n{number}", "machine_id": f"m{number}", **changes}
    return example_host(number, master=master, facts=facts(**own))


def image(**changes: Any) -> ImageMetadata:
    base = example_image(
        labels={RUNTIME_TYPE_LABEL: "toy", CONTAINER_RUNTIME_TYPE_LABEL: "box"},
        applications=(
            Application(name="net", type="note", files=("a",)),
            Application(name="web", cmds=("install", "--now"), env={"COLOR": "blue"}),
        ),
        launch=Launch(app_names=("net", "web")),
        container_images=(
            ContainerImage(image="docker.io/library/web:1", app_name="web", platform=AMD64),
            ContainerImage(image="quay.io/net/net:2", app_name="net", platform=AMD64),
        ),
    )
    return replace(base, **changes)


def cluster(*hosts: Host, metadata: ImageMetadata | None = None) -> Cluster:
    found = hosts or (host(1, master=True), host(2), host(3))
    bare = Cluster(name="c1", image=image(), hosts=found, env={"ZONE": "a"})
    return planned_cluster(bare, metadata or image(), PARTS)
