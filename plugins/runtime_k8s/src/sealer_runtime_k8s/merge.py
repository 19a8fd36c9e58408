"""Merging of kubeadm's documents, in which the user's words win, and the two ways to write arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sealer.errors import PlanError

_JOINED = frozenset({"certSANs", "serverCertSANs", "peerCertSANs"})
"""Lists that are joined, because what was computed must stay in them."""

_ARGUMENTS = frozenset({"extraArgs", "kubeletExtraArgs"})
"""Arguments of programs: mappings up to v1beta3, lists of name and value since."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid on it: mappings key by key, arguments by name, all else replaced.

    Arguments come out as lists of name and value.

    Raises:
        PlanError: What stands in the place of arguments is none.
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
    """Return a document with its arguments as lists of name and value.

    Raises:
        PlanError: What stands in the place of arguments is none.
    """
    return _map_arguments(document, lambda arguments: arguments)


def arguments_as_mappings(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with its arguments as mappings; of one that is repeated the last stays.

    Raises:
        PlanError: What stands in the place of arguments is none.
    """
    return _map_arguments(
        document, lambda arguments: {argument["name"]: argument["value"] for argument in arguments}
    )


def _map_arguments(
    document: Mapping[str, Any], change: Callable[[list[dict[str, Any]]], Any]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in document.items():
        if key in _ARGUMENTS:
            result[key] = change(_arguments(key, value))
        elif isinstance(value, Mapping):
            result[key] = _map_arguments(value, change)
        else:
            result[key] = value
    return result


def _arguments(key: str, value: Any) -> list[dict[str, Any]]:
    """Read arguments that are written in either way; kubeadm takes nothing but text as their values."""
    if isinstance(value, Mapping):
        value = [{"name": name, "value": text} for name, text in value.items()]
    if value is not None and not isinstance(value, list):
        raise _no_arguments(key, value)
    return [_argument(key, argument) for argument in value or ()]


def _argument(key: str, argument: Any) -> dict[str, Any]:
    if not isinstance(argument, Mapping) or not isinstance(argument.get("name"), str):
        raise _no_arguments(key, argument)
    value = argument.get("value")
    if value is None:
        value = ""
    elif isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    elif not isinstance(value, str):
        raise _no_arguments(key, value)
    return {**argument, "value": value}


def _no_arguments(key: str, found: Any) -> PlanError:
    return PlanError(
        f"{key} of kubeadm's configuration holds {found!r}, which is no argument",
        hint='write "name: value" for each, or a list of entries with name and value',
    )
