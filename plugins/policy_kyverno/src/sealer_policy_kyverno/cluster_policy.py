"""The ClusterPolicy that redirects some container images and no others."""

from __future__ import annotations

from typing import Any

import yaml

from sealer.providers import Redirection

_EPHEMERAL = "ephemeralContainers"
_LISTS = {
    # Kyverno calls what is asked for at a subresource by both names.
    "containers": ("Pod", ["CREATE", "UPDATE"]),
    "initContainers": ("Pod", ["CREATE", "UPDATE"]),
    _EPHEMERAL: ("Pod/ephemeralcontainers", ["UPDATE"]),
}
"""The lists of containers in a pod: the kind that they are asked for as, and the operations."""


def cluster_policy(name: str, redirection: Redirection, *, ephemeral: bool = True) -> dict[str, Any]:
    """Return the ClusterPolicy as plain data.

    Each container of a pod whose image is one of those that are redirected gets the new name. Pods alone are
    changed: what makes them keeps the names that people know.

    https://release-1-12-0.kyverno.io/docs/writing-policies/mutate/#foreach

    Args:
        name: Of the object.
        redirection: What is redirected.
        ephemeral: Whether the API server knows containers that are added to pods: Kyverno refuses policies
            about what it does not.
    """
    lists = [listed for listed in _LISTS if ephemeral or listed != _EPHEMERAL]
    return {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {
            "name": name,
            "annotations": {
                "pod-policies.kyverno.io/autogen-controllers": "none",
                "policies.kyverno.io/title": f"Container images of {redirection.owner}",
            },
        },
        "spec": {
            "background": False,
            # It protects nothing: pods that can't be redirected are no reason to admit none at all.
            "failurePolicy": "Ignore",
            "rules": [_rule(listed, redirection) for listed in lists],
        },
    }


def _rule(listed: str, redirection: Redirection) -> dict[str, Any]:
    kind, operations = _LISTS[listed]
    # By its index: merging would change the order, in which init containers run.
    patch = [
        {
            "op": "replace",
            "path": f"/spec/{listed}/{{{{elementIndex}}}}/image",
            "value": "{{ lookup(targets, element.image) }}",
        }
    ]
    return {
        "name": f"redirect-{listed.lower()}",
        "match": {"any": [{"resources": {"kinds": [kind], "operations": operations}}]},
        "context": [{"name": "targets", "variable": {"value": dict(redirection.targets)}}],
        "mutate": {
            "foreach": [
                {
                    "list": f"request.object.spec.{listed} || `[]`",
                    "preconditions": {
                        "all": [
                            {
                                "key": "{{ element.image }}",
                                "operator": "AnyIn",
                                "value": list(redirection.targets),
                            }
                        ]
                    },
                    "patchesJson6902": yaml.safe_dump(patch, sort_keys=False, width=1000),
                }
            ]
        },
    }
