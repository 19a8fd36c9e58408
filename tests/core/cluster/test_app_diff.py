"""How objects of applications differ, without what is in secrets."""

from __future__ import annotations

import json
from typing import Any

from sealer.cluster.app_diff import compare_manifests

LAST = "kubectl.kubernetes.io/last-applied-configuration"


def secret(word: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "key", "namespace": "shop", **metadata},
        "data": {"pass": word, "user": "YW5u"},
    }


def config(text: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", **metadata},
        "data": {"a": text},
    }


def compared(live: Any, wanted: Any) -> str:
    return compare_manifests(json.dumps(live), json.dumps(wanted))


def test_what_is_in_a_secret_stays_hidden_and_what_differs_is_told() -> None:
    found = compared(secret("b2xkLXdvcmQ="), secret("bmV3LXdvcmQ="))
    assert "-  pass: (secret)\n+  pass: (secret) that differs\n" in found
    assert "  user: (secret)\n" in found
    assert not any(word in found for word in ("b2xkLXdvcmQ=", "bmV3LXdvcmQ=", "YW5u"))


def test_what_kubectl_keeps_of_a_secret_stays_hidden_too() -> None:
    kept = {LAST: json.dumps(secret("b2xkLXdvcmQ=")), "own": "1"}
    found = compared(secret("b2xkLXdvcmQ=", annotations=kept), secret("b2xkLXdvcmQ=", labels={"a": "b"}))
    assert "own: '1'" in found
    assert "b2xkLXdvcmQ=" not in found


def test_secrets_in_lists_are_hidden() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [secret("b2xkLXdvcmQ="), config("x")]}
    found = compared({"items": []}, listed)
    assert "+++ Secret shop/key wanted\n" in found
    assert "+  a: x\n" in found
    assert "b2xkLXdvcmQ=" not in found


def test_what_the_server_notes_is_no_difference() -> None:
    live = config("x", uid="1", resourceVersion="7", managedFields=[], annotations={LAST: "{}"})
    assert compared({**live, "status": {"ready": True}}, config("x")) == ""
