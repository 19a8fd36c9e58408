"""k0s' own configuration as the image and the user bring it, and how one is laid over the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sealer.errors import PlanError
from sealer.model import Cluster

IMAGE_FILE = "etc/k0s.yaml"
"""Where an image has its settings; they yield to what is computed, and that to the user's."""

KIND = "ClusterConfig"
GROUP = "k0s.k0sproject.io/"

_JOINED = frozenset({"sans"})
"""Lists that are joined, because what was computed must stay in them."""

_OURS = (("api", "address"), ("storage", "etcd", "peerAddress"))
"""What tells one host from another: not the user's to say."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid on it: mappings key by key, names joined, all else replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merge(old, value)
        elif key in _JOINED and isinstance(old, list) and isinstance(value, list):
            result[key] = list(dict.fromkeys([*old, *value]))
        else:
            result[key] = value
    return result


def offered(cluster: Cluster) -> dict[str, Any]:
    """Return the ``spec`` of the image's file.

    Raises:
        PlanError: It is no YAML, or sets what is not its to say.
    """
    where = f"{IMAGE_FILE} of image {cluster.image.reference}"
    try:
        documents = [one for one in yaml.safe_load_all(cluster.image.files.get(IMAGE_FILE, "")) if one]
    except yaml.YAMLError as error:
        raise PlanError(f"{where} is no YAML: {error}") from error
    result: dict[str, Any] = {}
    for document in documents:
        if not isinstance(document, Mapping):
            raise PlanError(f"{where} has a document that is no mapping")
        result = merge(result, _spec(document, where))
    return result


def asked(cluster: Cluster) -> dict[str, Any]:
    """Return the ``spec`` of the user's documents, the later ones laid over the earlier.

    Raises:
        PlanError: They set what is not theirs.
    """
    result: dict[str, Any] = {}
    for document in _users(cluster):
        result = merge(result, _spec(document, f"the {KIND}"))
    return result


def _users(cluster: Cluster) -> Iterator[Mapping[str, Any]]:
    for document in cluster.documents:
        if not str(document.get("apiVersion", "")).startswith(GROUP):
            continue
        if document.get("kind") != KIND:
            raise PlanError(
                f"k0s takes no document of kind {document.get('kind')}", hint=f"the kind is {KIND}"
            )
        yield document


def _spec(document: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    spec = document.get("spec") or {}
    if not isinstance(spec, Mapping):
        raise PlanError(f"spec of {where} is no mapping", hint="write the keys of k0s' own k0s.yaml")
    for path in _OURS:
        if _value(spec, path) is not None:
            raise PlanError(
                f"{where} sets {'.'.join(path)}, which Sealer sets for each host", hint="leave it away"
            )
    return spec


def _value(spec: Mapping[str, Any], path: tuple[str, ...]) -> object:
    found: object = spec
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
