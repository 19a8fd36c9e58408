"""Clusters to plan for as the built-in plugins want them, plans written as text, and golden files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sealer.changes import Change
from sealer.model import (
    MASTER,
    NODE,
    RUNTIME_VERSION_LABEL,
    Cluster,
    ContainerImage,
    ContainerRuntimeSettings,
    Facts,
    Host,
    ImageMetadata,
    RegistryEndpoint,
    Step,
    Value,
    show,
)
from sealer.testing import example_cluster, example_facts, example_host, example_image
from sealer.testing.conformance.fragments import fragments
from sealer.testing.examples import AMD64, with_cache
from sealer.testing.shells import SHELLS, syntax_errors

__all__ = ["AMD64", "SHELLS"]

VERSION = "v1.20.2"
KUBERNETES_IMAGES = (
    "k8s.gcr.io/coredns:1.7.0",
    "k8s.gcr.io/etcd:3.4.13-0",
    "k8s.gcr.io/kube-apiserver:v1.20.2",
    "k8s.gcr.io/kube-controller-manager:v1.20.2",
    "k8s.gcr.io/kube-proxy:v1.20.2",
    "k8s.gcr.io/kube-scheduler:v1.20.2",
    "k8s.gcr.io/pause:3.2",
)
ANSWERS = {
    "kubernetes/modules": "overlay loaded\nbr_netfilter available",
    "kubernetes/ports": "0016\n0277",
    "kubernetes/state": "none",
    "kubernetes/missing-programs": "none",
    "kubernetes/swap": "none",
    "kubernetes/disk-latency": "0.004",
    "kubernetes/disk-share": "1000000 150000",
    "kubernetes/networks": "address 10.0.0.1/24\naddress fe80::1/64\nroute 10.0.0.0/24\nroute fe80::/64\nend",
    "kubernetes/network-leftovers": "none",
    "containerd/oom": "allowed",
    "containerd/overlay": "yes",
    "containerd/state": "none",
    "registry/state": "listening 0016",
}


def facts(hostname: str = "n1", *, answers: Mapping[str, str] | None = None, **over: object) -> Facts:
    """Return the facts of a machine that passes all checks, with some of them replaced."""
    return example_facts(hostname=hostname, answers={**ANSWERS, **(answers or {})}, **over)


def host(number: int, role: str = NODE, **over: Any) -> Host:
    """Return the host ``n<number>`` with the address 10.0.0.<number>."""
    return example_host(number, master=role == MASTER, **{"facts": facts(f"n{number}"), **over})


def image(version: str = VERSION, images: Iterable[str] = KUBERNETES_IMAGES) -> ImageMetadata:
    """Return a cluster image of that Kubernetes with these container images."""
    return example_image(
        reference=f"kubernetes:{version}",
        labels={RUNTIME_VERSION_LABEL: version},
        container_images=tuple(ContainerImage(image=name, platform=AMD64) for name in images),
    )


def balanced_image() -> ImageMetadata:
    """Return a cluster image that brings a balancer for nodes."""
    plain = image()
    return dataclasses.replace(
        plain, labels={**plain.labels, "cluster.alpha.sealer.io/etcd-version": "3.5.21"}
    )


REGISTRY = RegistryEndpoint(
    domain="sea.hub",
    port=5000,
    addresses=("10.0.0.1",),
    username="sealer",
    password=Value(step="registry", key="password", secret=True),
    credentials=Value(step="registry", key="credentials", secret=True),
    certificate_authority=Value(step="registry", key="ca"),
)

CACHING, CACHE = with_cache(REGISTRY, "docker.io")
"""The same registry, and its cache of Docker Hub's images."""

OUTSIDE = dataclasses.replace(
    REGISTRY,
    domain="hub.example",
    addresses=(),
    username="",
    password=None,
    credentials=None,
    certificate_authority=None,
    path="team",
)
"""A registry outside of the cluster that needs no account, with a certificate that hosts trust anyway."""


def cluster(*hosts: Host, **over: object) -> Cluster:
    """Return a cluster; without hosts, one of a master and two nodes."""
    socket = "/run/containerd/containerd.sock"
    given: dict[str, object] = {
        "image": image(),
        "container_runtime": ContainerRuntimeSettings(socket=socket, cgroup_driver="systemd"),
        "registry": REGISTRY,
    }
    return example_cluster(*(hosts or (host(1, MASTER), host(2), host(3))), **{**given, **over})


def plan_text(steps: Iterable[Step]) -> str:
    """Write steps with all that their changes say, as YAML; values show as ``<key of step>``."""
    documents = [
        {
            "step": step.id,
            "title": step.title,
            "host": step.host,
            "requires": list(step.requires),
            "provides": list(step.provides),
            "changes": [_change(change) for change in step.changes],
        }
        for step in steps
    ]
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _change(change: Change) -> object:
    given = {
        field.name: value
        for field in dataclasses.fields(change)  # type: ignore[arg-type]  # every change is a dataclass
        if (value := getattr(change, field.name)) != field.default
    }
    return {type(change).__name__: {name: _plain(value) for name, value in given.items()}}


def _plain(value: object) -> object:
    if isinstance(value, str):
        return show(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def assert_golden(path: Path, text: str) -> None:
    """Compare a text with the file beside the test; with UPDATE_GOLDEN=1 the file is written instead."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path.name} differs; UPDATE_GOLDEN=1 writes it anew"


def assert_parses(step: Step) -> None:
    """Let every shell parse all fragments of a step."""
    assert syntax_errors(dict(fragments(step))) == []
