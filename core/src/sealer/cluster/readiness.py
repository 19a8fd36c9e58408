"""Whether objects of a cluster are ready, told from what the API server says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

READY = "ready"
NOT_READY = "not ready"
MISSING = "missing"

Judge = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
"""Takes the spec and the status of an object; returns why it is not ready, or ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStatus:
    """How one object is.

    Attributes:
        kind: With its group, as ``Deployment.apps``.
        namespace: "" where there is none.
        name: Its name.
        state: ``ready``, ``not ready`` or ``missing``.
        reason: What it waits for, in a few words.
    """

    kind: str
    namespace: str
    name: str
    state: str
    reason: str = ""


def readiness(item: Mapping[str, Any]) -> str:
    """Return why an object is not ready, or "" when it is; one that says nothing of itself is."""
    kind, group = str(item.get("kind")), str(item.get("apiVersion", "")).rpartition("/")[0]
    status, metadata = item.get("status") or {}, item.get("metadata") or {}
    if metadata.get("deletionTimestamp"):
        return "it is being deleted"
    if group == "apps" and status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return "its controller has not seen the newest version yet"
    judge = _JUDGES.get((group if group in ("apps", "batch") else "", kind))
    return judge(item.get("spec") or {}, status) if judge else ""


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    return _replicas(status, spec.get("replicas", 1), "availableReplicas", "updatedReplicas")


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    return _replicas(status, spec.get("replicas", 1), "readyReplicas", "updatedReplicas")


def _replica_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    return _replicas(status, spec.get("replicas", 1), "readyReplicas")


def _daemon_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    counts = ["numberReady"]
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete":
        counts.append("updatedNumberScheduled")
    return _replicas(status, status.get("desiredNumberScheduled", 0), *counts)


def _job(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    failed = _condition(status, "Failed")
    if failed is not None and failed.get("status") == "True":
        return f"it has failed: {failed.get('message') or failed.get('reason')}"
    return _true(status, "Complete", "it is running")


def _pod(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    return "" if status.get("phase") == "Succeeded" else _true(status, "Ready", _waiting(status))


def _phase(wanted: str) -> Judge:
    def judge(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
        phase = status.get("phase")
        return "" if phase == wanted else f"it is {phase}"

    return judge


def _conditioned(kind: str, otherwise: str) -> Judge:
    return lambda spec, status: _true(status, kind, otherwise)


def _replicas(status: Mapping[str, Any], wanted: int, *counts: str) -> str:
    for count in counts:
        found = status.get(count) or 0
        if found < wanted:
            return f"{found} of {wanted} replicas"
    return ""


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    conditions = status.get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), None)


def _true(status: Mapping[str, Any], kind: str, otherwise: str) -> str:
    condition = _condition(status, kind)
    return "" if condition is not None and condition.get("status") == "True" else otherwise


def _waiting(status: Mapping[str, Any]) -> str:
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            return f"{container.get('name')}: {waiting.get('reason')}"
    return f"it is {status.get('phase', 'not there yet')}"


_JUDGES: Mapping[tuple[str, str], Judge] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _phase("Bound"),
    ("", "Namespace"): _phase("Active"),
    ("", "CustomResourceDefinition"): _conditioned("Established", "it is not established"),
    ("", "APIService"): _conditioned("Available", "it is not available"),
}
