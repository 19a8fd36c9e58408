"""The images of the lab's clusters, built as anyone would: base, cluster with a pod network, application."""

from __future__ import annotations

import json
from pathlib import Path

from sealer.testing.registry import RegistryServer
from tests.lab.operator import Operator

BASE_IMAGE = "kubernetes:v1.20.2"
CLUSTER_IMAGE = "cluster:v1"
APP_IMAGE = "demo-app:v1"

EXAMPLES = Path(__file__).parents[2] / "examples"


def build_images(builder: Operator, artifacts: Path) -> None:
    """Build all three into a person's store.

    Args:
        builder: Who builds.
        artifacts: The files of a Kubernetes release, and archives of container images.
    """
    archives = ("--image-archive", str(artifacts / "images"))
    builder.sealer("base", "build", "kubernetes", "--from", str(artifacts), "-t", BASE_IMAGE)
    builder.sealer("build", "-t", CLUSTER_IMAGE, *archives, str(EXAMPLES / "cni-bridge"))
    app = ("-t", APP_IMAGE, "--type", "app-installer")
    builder.sealer("build", *app, *archives, str(EXAMPLES / "demo-app"))


def digests(person: Operator) -> dict[str, str]:
    """Return the digests of the images in a person's store, by the last part of their names."""
    rows = json.loads(person.sealer("images", "-o", "json").stdout)
    return {f"{row['repository'].rpartition('/')[2]}:{row['tag']}": row["digest"] for row in rows}


def share(builder: Operator, user: Operator, registry: RegistryServer, *, login: tuple[str, str]) -> None:
    """Push the images to a registry and pull them into another person's store, under their short names.

    Args:
        builder: Who has them.
        user: Who gets them.
        registry: With TLS and a user.
        login: The user's name and password.
    """
    for person in (builder, user):
        trust = person.sealer_home / "certs.d" / registry.address
        trust.mkdir(parents=True)
        (trust / "ca.crt").write_bytes(registry.authority.read_bytes())
        person.sealer("login", "-u", login[0], "--password-stdin", registry.address, stdin=login[1])
    for name in (CLUSTER_IMAGE, APP_IMAGE):
        there = f"{registry.address}/lab/{name}"
        builder.sealer("push", name, there)
        user.sealer("pull", there)
        user.sealer("tag", there, name)
