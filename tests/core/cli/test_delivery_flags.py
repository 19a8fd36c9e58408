"""Flags that say where container images go."""

from __future__ import annotations

from typing import Any

import pytest

from sealer.cli.launching import chosen_delivery
from sealer.errors import UsageError

NONE: dict[str, Any] = {"registry": None, "to_nodes": False, "image_policy": None, "skip_tls_verify": False}


@pytest.mark.parametrize("named", ["kubeconfig", "kube_context", "cluster", "cluster_name"])
def test_they_are_for_a_cluster_that_is_named(named: str) -> None:
    assert chosen_delivery({**NONE, "registry": "r.example", named: "shop"}).registry == "r.example"


def test_without_a_name_the_cluster_is_one_that_sealer_made() -> None:
    with pytest.raises(UsageError, match="--to-nodes is for clusters that Sealer did not make"):
        chosen_delivery({**NONE, "to_nodes": True})
    assert not chosen_delivery(NONE)
