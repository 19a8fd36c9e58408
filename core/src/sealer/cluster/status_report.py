"""What is known of a cluster as it is, and the same as plain data; nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sealer.cluster.app_status import AppStatus
from sealer.cluster.certificates import Certificate, to_plain
from sealer.cluster.outlook import PlannedStep
from sealer.cluster.request import Request
from sealer.clusterfile import HostSpec

EXPIRES_SOON = 30
"""Days before its end from which on a certificate is pointed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestOperation:
    """The newest operation on a cluster.

    Attributes:
        id: Of the operation.
        verb: What it does.
        state: ``done``, ``aborted``, ``rolled back``, or None when it is open.
        begun: How many of its steps were begun.
        done: How many of them were done.
        log: The path of its log.
    """

    id: str
    verb: str
    state: str | None
    begun: int
    done: int
    log: str


NO_CACHES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStatus:
    """The cluster's registry, inside or outside.

    Attributes:
        address: Its name with the port.
        hosts: By host what is wrong with it there, or "". One outside is not asked by hosts, but looked for.
        caches: Where the images of other registries are cached, by what the names of images begin with.
        outside: Of one outside, why the operator's machine can't use it, or "".
    """

    address: str
    hosts: Mapping[str, str]
    caches: Mapping[str, str] = field(default_factory=lambda: NO_CACHES)
    outside: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What differs from what the cluster is to be.

    Attributes:
        steps: Those of the plan that would change something.
        unknown: The hosts of which it is not known.
    """

    steps: tuple[PlannedStep, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A cluster as it is. What could not be found out is None, and ``problems`` says why.

    Attributes:
        request: What is remembered of it.
        operation: The newest operation, or None when none is on record.
        busy: Who works on the cluster just now, or "".
        version: Of Kubernetes in the cluster's image, or "".
        server: The version that the API server tells, or "".
        hosts: Why a host can't be reached, or "" when it can, by address.
        nodes: What the API server says of each node.
        apps: The applications.
        certificates: Those on the hosts that can be reached.
        registry: The cluster's registry, if it has one.
        drift: What differs from the plan; it is not asked for while an operation is open.
        problems: What could not be found out, and why.
    """

    request: Request
    operation: NewestOperation | None
    busy: str = ""
    version: str = ""
    server: str = ""
    hosts: Mapping[str, str]
    nodes: tuple[Mapping[str, Any], ...] | None = None
    apps: tuple[AppStatus, ...] | None = None
    certificates: tuple[Certificate, ...] | None = None
    registry: RegistryStatus | None = None
    drift: Drift | None = None
    problems: tuple[str, ...] = ()

    def to_plain(self, now: datetime) -> dict[str, Any]:
        """Return it as plain data.

        Args:
            now: The moment from which the days of certificates are counted.
        """
        spec = self.request.clusterfile.cluster
        nodes = {_internal_address(node): node for node in self.nodes or ()}
        return {
            "cluster": spec.name,
            "image": self.request.image.reference,
            **self._operation(),
            "busy": self.busy,
            "api": "answers" if self.nodes is not None else "does not answer",
            "versions": {"image": self.version, "server": self.server},
            "hosts": [
                {"host": host.address, "roles": ",".join(host.roles), **self._host(host, nodes)}
                for host in (*spec.masters, *spec.nodes)
            ],
            "apps": None if self.apps is None else [app.to_plain() for app in self.apps],
            "certificates": self._certificates(now),
            "registry": self._registry(),
            "drift": self._drift(),
            "problems": list(self.problems),
        }

    def _operation(self) -> dict[str, Any]:
        found = self.operation
        if found is None:
            return {"operation": "", "verb": "", "state": "none on record", "progress": "", "log": ""}
        name = self.request.clusterfile.cluster.name
        return {
            "operation": found.id,
            "verb": found.verb,
            "state": found.state or f"open: sealer resume {name} goes on with it",
            "progress": f"{found.done} of {found.begun} steps that were begun are done",
            "log": found.log,
        }

    def _host(self, host: HostSpec, nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        node = nodes.get(host.address)
        info = node["status"].get("nodeInfo", {}) if node else {}
        return {
            "reachable": self.hosts[host.address] or "yes",
            "node": node["metadata"]["name"] if node else "",
            "ready": _ready(node) if node else "",
            "version": info.get("kubeletVersion", ""),
            "container_runtime": info.get("containerRuntimeVersion", ""),
            "system": info.get("osImage", ""),
            "kernel": info.get("kernelVersion", ""),
        }

    def _certificates(self, now: datetime) -> list[Mapping[str, Any]] | None:
        if self.certificates is None:
            return None
        return sorted((to_plain(one, now) for one in self.certificates), key=lambda one: one["ends"])

    def _registry(self) -> dict[str, Any] | None:
        if self.registry is None:
            return None
        states = {host: reason or "answers" for host, reason in self.registry.hosts.items()}
        found: dict[str, Any] = {"address": self.registry.address, "hosts": states}
        if self.registry.caches:
            found["caches"] = dict(self.registry.caches)
        if self.registry.outside is not None:
            found["outside"] = self.registry.outside or "answers"
        return found

    def _drift(self) -> dict[str, Any] | None:
        if self.drift is None:
            return None
        return {
            "changes": sum(len(step.changes) for step in self.drift.steps),
            "steps": [step.to_plain() for step in self.drift.steps],
            "unknown": list(self.drift.unknown),
        }


def ending_soon(certificates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the certificates, as plain data, that have ended or will within ``EXPIRES_SOON`` days."""
    return [one for one in certificates if one["days"] < EXPIRES_SOON]


def _internal_address(node: Mapping[str, Any]) -> str:
    addresses = node["status"].get("addresses", [])
    return next((item["address"] for item in addresses if item["type"] == "InternalIP"), "")


def _ready(node: Mapping[str, Any]) -> str:
    conditions = node["status"].get("conditions", [])
    state = next((item["status"] for item in conditions if item["type"] == "Ready"), "Unknown")
    ready = {"True": "Ready", "False": "NotReady"}.get(state, state)
    return f"{ready}, cordoned" if node["spec"].get("unschedulable") else ready
