"""Hosts, images and clusters to plan for: complete values that pass all checks, with parts replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sealer.model import (
    MASTER,
    NODE,
    RUNTIME_VERSION_LABEL,
    Application,
    Cluster,
    ContainerImage,
    ContainerRuntimeSettings,
    Facts,
    Host,
    ImageMetadata,
    ImageType,
    Launch,
    Platform,
    RegistryCache,
    RegistryEndpoint,
    Value,
)

AMD64 = Platform(architecture="amd64")
ARM64 = Platform(architecture="arm64")

REGISTRY = RegistryEndpoint(
    domain="registry.example",
    port=5000,
    addresses=("10.0.0.1",),
    username="sealer",
    password=Value(step="registry", key="password", secret=True),
    credentials=Value(step="registry", key="credentials", secret=True),
    certificate_authority=Value(step="registry", key="ca"),
)
"""A registry on the first master; a step ``registry`` would produce its values."""


def with_cache(registry: RegistryEndpoint, domain: str) -> tuple[RegistryEndpoint, RegistryCache]:
    """Return a registry that caches the images of a domain, and where it does."""
    cache = RegistryCache(
        upstream=domain,
        domain=f"cache.{registry.domain}",
        port=registry.port + 1,
        addresses=registry.addresses,
    )
    return replace(registry, caches=(cache,)), cache


def example_facts(**changes: Any) -> Facts:
    """Return the facts of a sound machine without answers to probes; ``changes`` replace fields."""
    base = Facts(
        hostname="n1",
        platform=AMD64,
        operating_system="debian 12",
        kernel="6.1.0-18-amd64",
        init="systemd",
        machine_id=f"{1:032x}",
        clock_offset=0.0,
        cpus=4,
        memory=8 << 30,
        disk_free=100 << 30,
        cgroup_version=2,
    )
    return replace(base, **changes)


def example_host(number: int = 1, *, master: bool = False, address: str = "", **changes: Any) -> Host:
    """Return the host ``n<number>``.

    Args:
        number: From 1 to 254, unique in a cluster.
        master: Whether it is a master or a node.
        address: Instead of 10.0.0.<number>.
        changes: Replace fields; facts that are given stand for all facts.
    """
    found = address or f"10.0.0.{number}"
    base = Host(
        name=found,
        address=found,
        roles=(MASTER,) if master else (NODE,),
        facts=example_facts(hostname=f"n{number}", machine_id=f"{number:032x}"),
    )
    return replace(base, **changes)


def example_image(**changes: Any) -> ImageMetadata:
    """Return a cluster image with two container images and no application; ``changes`` replace fields."""
    base = ImageMetadata(
        reference="docker.io/acme/cluster:v1",
        digest=f"sha256:{'a' * 64}",
        type=ImageType.CLUSTER,
        platform=AMD64,
        labels={RUNTIME_VERSION_LABEL: "v1.30.0"},
        container_images=(
            ContainerImage(image="docker.io/library/web:1", platform=AMD64),
            ContainerImage(image="quay.io/net/net:2", platform=AMD64),
        ),
    )
    return replace(base, **changes)


def example_applications(type_name: str, *files: str) -> dict[str, Any]:
    """Return what ``example_image`` takes for two applications of a type, launched one after the other."""
    apps = tuple(Application(name=name, type=type_name, files=files) for name in ("first", "second"))
    return {"applications": apps, "launch": Launch(app_names=tuple(app.name for app in apps))}


def example_cluster(*hosts: Host, **changes: Any) -> Cluster:
    """Return a cluster of these hosts, or of a master and two nodes.

    It has a registry and a container runtime; ``changes`` replace fields.
    """
    base = Cluster(
        name="demo",
        image=example_image(),
        hosts=hosts or (example_host(1, master=True), example_host(2), example_host(3)),
        container_runtime=ContainerRuntimeSettings(socket="/run/example.sock", cgroup_driver="systemd"),
        registry=REGISTRY,
    )
    return replace(base, **changes)
