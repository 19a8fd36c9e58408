"""Asking a cluster how it is: hosts, nodes, applications, certificates, registry, and what differs.

Nothing of it needs all hosts, an installation that came to its end, or an image that is still in the store:
what can't be found out is told, and the rest is shown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sealer.cluster.app_status import AppStatus, app_statuses
from sealer.cluster.certificates import look_at_certificates
from sealer.cluster.drift import look_at_drift
from sealer.cluster.external_registry import External
from sealer.cluster.health import examine
from sealer.cluster.install import Prepared, prepare_again
from sealer.cluster.kube_version import server_version
from sealer.cluster.launching import Asking, prelude
from sealer.cluster.pipeline import launch_site
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, reach
from sealer.cluster.state import require_state
from sealer.cluster.status_report import NewestOperation, RegistryStatus, Status
from sealer.errors import HostError, OperationLocked, SealerError
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import RUNTIME_VERSION_LABEL
from sealer.operation.records import ClusterRecords

Found = TypeVar("Found")


async def status(context: Context, records: ClusterRecords) -> Status:
    """Ask hosts and API server how a cluster is. Nothing is changed, and no lock is taken.

    Raises:
        SealerError: Nothing is known of the cluster.
    """
    request = require_state(records)
    inquiry = _Inquiry(context=context)
    prepared = await inquiry.attempt("the plan", _prepared(context, request))
    operation = newest_operation(records)
    async with reach(context, request.clusterfile.cluster, Redactor()) as connections:
        unreachable = {
            host: found.message if isinstance(found, HostError) else "" for host, found in connections.items()
        }
        found: dict[str, Any] = {}
        if prepared is not None:
            is_open = operation is not None and operation.state is None
            found = await inquiry.ask(prepared, connections, is_open=is_open)
    return Status(
        request=request,
        operation=operation,
        busy=_busy(records),
        hosts=unreachable,
        problems=tuple(inquiry.problems),
        **found,
    )


def newest_operation(records: ClusterRecords) -> NewestOperation | None:
    """Return what is on record of the newest operation, or None when there is none."""
    operations = records.operations()
    if not operations:
        return None
    newest = operations[-1]
    history = newest.history()
    return NewestOperation(
        id=newest.id,
        verb=newest.verb,
        state=history.finished,
        begun=len(history.started),
        done=len(history.done),
        log=str(newest.log),
    )


def _busy(records: ClusterRecords) -> str:
    try:
        records.require_unlocked()
    except OperationLocked as error:
        return error.message
    return ""


async def _prepared(context: Context, request: Request) -> Prepared:
    return prepare_again(context, request)


@dataclass(kw_only=True)
class _Inquiry:
    """Asks for one thing after another, and keeps what could not be found out."""

    context: Context
    problems: list[str] = field(default_factory=list)

    async def attempt(self, what: str, asked: Awaitable[Found]) -> Found | None:
        try:
            return await asked
        except SealerError as error:
            self.problems.append(f"{what}: {error}")
            return None

    async def ask(self, prepared: Prepared, connections: Connections, *, is_open: bool) -> dict[str, Any]:
        """Return all fields of the status that hosts and API server tell."""
        certificates, registry, (nodes, server, apps), drift = await asyncio.gather(
            self.attempt("certificates", look_at_certificates(self.context, prepared, connections)),
            self.attempt("registry", self._registry(prepared, connections)),
            self._of_the_api(prepared, connections),
            self._drift(prepared, connections, is_open=is_open),
        )
        return {
            "version": prepared.cluster.image.labels.get(RUNTIME_VERSION_LABEL, ""),
            "server": server,
            "nodes": nodes,
            "apps": apps,
            "certificates": certificates,
            "registry": registry,
            "drift": drift,
        }

    async def _drift(self, prepared: Prepared, connections: Connections, *, is_open: bool) -> Any:
        if is_open:
            name = prepared.cluster.name
            text = f"drift: an operation is open; what it has left to do: sealer resume {name} --dry-run"
            self.problems.append(text)
            return None
        return await self.attempt("drift", look_at_drift(self.context, prepared, connections))

    async def _of_the_api(
        self, prepared: Prepared, connections: Connections
    ) -> tuple[tuple[Mapping[str, Any], ...] | None, str, tuple[AppStatus, ...] | None]:
        """Return what the API server says, by the first master that gets an answer."""
        reasons = []
        for master in prepared.cluster.masters:
            connection = connections[master.name]
            if isinstance(connection, HostError):
                continue
            asking = _asking(prepared, connection)
            try:
                nodes = await _nodes(asking)
            except HostError as error:
                reasons.append(str(error))
                continue
            script = prelude(asking.site)
            server = await self.attempt("version", server_version(connection, script))
            apps = await self.attempt("applications", app_statuses(asking))
            return nodes, server or "", apps
        self.problems.append(f"the API server: {'; '.join(reasons) or 'no master can be reached'}")
        return None, "", None

    async def _registry(self, prepared: Prepared, connections: Connections) -> RegistryStatus | None:
        registry, endpoint = prepared.parts.registry, prepared.cluster.registry
        if registry is None or endpoint is None:
            return None
        outside, checks = None, tuple(registry.health(prepared.cluster))
        if isinstance(registry, External):
            outside = await registry.trouble(self.context.fetch_secret)
            checks = tuple(registry.checks(prepared.cluster))
        findings = await examine(self.context, prepared, checks, connections)
        reasons: dict[str, list[str]] = {host.name: [] for host in prepared.cluster.hosts}
        for finding in findings:
            reasons[finding.host].append(finding.found)
        return RegistryStatus(
            address=endpoint.netloc,
            hosts={host: "; ".join(found) for host, found in reasons.items()},
            caches={cache.upstream: cache.netloc for cache in endpoint.caches},
            outside=outside,
        )


def _asking(prepared: Prepared, connection: Connection) -> Asking:
    site = launch_site(prepared.cluster, prepared.parts, prepared.cluster.rootfs)
    return Asking(prepared=prepared, connection=connection, site=site)


async def _nodes(asking: Asking) -> tuple[Mapping[str, Any], ...]:
    """Return all nodes.

    Raises:
        HostError: The API server does not answer.
    """
    text = await asking.ask("kubectl get nodes -o json --request-timeout=20s")
    try:
        return tuple(json.loads(text)["items"])
    except (ValueError, KeyError, TypeError) as error:
        raise HostError(
            "kubectl printed no list of nodes",
            host=asking.connection.host,
            hint="look at it by hand: kubectl get nodes",
        ) from error
