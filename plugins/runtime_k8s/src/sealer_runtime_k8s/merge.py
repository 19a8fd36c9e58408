"""Merging of kubeadm's documents, in which the user's words win, and the two ways to write arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_JOINED = frozenset({"certSANs", "serverCertSANs", "peerCertSANs"})
"""Lists that are joined, because what was computed must stay in them."""

_ARGUMENTS = frozenset({"extraArgs", "kubeletExtraArgs"})
"""Arguments of programs: mappings up to v1beta3, lists of name and value since."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid on it: mappings key by key, arguments by name, all else replaced.

    Arguments come out as lists of name and value.
    """
    result = arguments_as_lists(base)
    for key, value in arguments_as_lists(over).items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merge(old, value)
        elif key in _ARGUMENTS and isinstance(old, list) and isinstance(value, list):
            given = {argument["name"] for argument in value}
            result[key] = [argument for argument in old if argument["name"] not in given] + value
        elif key in _JOINED and isinstance(old, list) and isinstance(value, list):
            result[key] = list(dict.fromkeys([*old, *value]))
        else:
            result[key] = value
    return result


def arguments_as_lists(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with its arguments as lists of name and value."""

    def change(value: Any) -> Any:
        if isinstance(value, Mapping):
            return [{"name": name, "value": text} for name, text in value.items()]
        return value

    return _map_arguments(document, change)


def arguments_as_mappings(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with its arguments as mappings; of one that is repeated the last stays."""

    def change(value: Any) -> Any:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return {argument["name"]: argument.get("value", "") for argument in value}
        return value

    return _map_arguments(document, change)


def _map_arguments(document: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in document.items():
        if key in _ARGUMENTS:
            result[key] = change(value)
        elif isinstance(value, Mapping):
            result[key] = _map_arguments(value, change)
        else:
            result[key] = value
    return result
