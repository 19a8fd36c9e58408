"""Stands in for kubectl, inside of the programs of distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.plugins.stand_ins import fail, options

_VERBS = {
    "get": {"raw", "ignore-not-found", "l", "o", "n"},
    "delete": {"ignore-not-found", "n"},
    "drain": {"ignore-daemonsets", "delete-emptydir-data", "force", "timeout"},
    "cordon": set(),
    "uncordon": set(),
    "label": {"overwrite"},
    "taint": {"overwrite"},
}
_COMMON = {
    "kubeconfig",
    "request-timeout",
    "server",
    "certificate-authority",
    "client-certificate",
    "client-key",
}
_WITH_WORDS = {"kubeconfig", "l", "o", "n", "raw"}
"""Those whose word may stand behind them."""


def main(arguments: Sequence[str]) -> dict[str, Any]:
    """Check the words of a command, and answer."""
    given, plain = options(arguments, _WITH_WORDS)
    verb = plain[0] if plain else fail("no command")
    if verb not in _VERBS:
        fail(f'unknown command "{verb}" for "kubectl"')
    unknown = set(given) - _VERBS[verb] - _COMMON
    if unknown:
        fail(f"unknown flag: --{', '.join(sorted(unknown))}")
    if "kubeconfig" not in given:
        fail("whichever cluster that may be")
    if verb in ("drain", "cordon", "uncordon") and len(plain) != 2:
        fail(f"{verb} takes one node: {plain}")
    print(_answer(verb, plain[1:], given))
    return {"command": "kubectl", "verb": verb, "words": plain[1:], "flags": given}


def _answer(verb: str, asked: Sequence[str], given: Mapping[str, str]) -> str:
    """Return what a cluster says that has every node it is asked for, and three servers."""
    if verb != "get":
        return ""
    if "raw" in given:
        return {"/readyz": "ok", "/members": "[]"}.get(given["raw"]) or fail(f"no such path: {given['raw']}")
    if asked == ["nodes"]:
        return "\n".join(f"n{number} True" for number in (1, 2, 3))
    return f"node/{asked[1]}"
