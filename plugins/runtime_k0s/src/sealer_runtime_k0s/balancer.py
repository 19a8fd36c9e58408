"""The balancer that k0s gives each worker, between itself and all controllers: its type and its ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sealer.errors import PlanError
from sealer_runtime_k0s.version import K0sVersion

_DEFAULT_TYPE = "EnvoyProxy"
_SETTINGS = {"EnvoyProxy": "envoyProxy", "Traefik": "traefik"}
"""Where the settings of each type are."""

_PORTS = {"apiServerBindPort": 7443, "konnectivityServerBindPort": 7132}
"""The keys of the ports on the loopback interface, and k0s' defaults."""


def balancer_ports(spec: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the ports on the loopback interface of each worker; none without a balancer.

    Args:
        spec: ``spec`` of k0s.yaml.
    """
    balancer = spec["network"].get("nodeLocalLoadBalancing") or {}
    if not balancer.get("enabled"):
        return ()
    settings = balancer.get(_SETTINGS.get(_type(balancer), "")) or {}
    return tuple(settings.get(key) or default for key, default in _PORTS.items())


def require_balancer(spec: Mapping[str, Any], version: K0sVersion) -> None:
    """Refuse a balancer that k0s does not have, or that would listen where the control plane does.

    Raises:
        PlanError: It is so.
    """
    balancer = spec["network"].get("nodeLocalLoadBalancing") or {}
    if not balancer.get("enabled"):
        return
    if not version.balances:
        raise PlanError(f"k0s {version} has no node-local load balancing", hint="leave it away")
    known = [kind for kind in _SETTINGS if kind == _DEFAULT_TYPE or version.has_traefik]
    if _type(balancer) not in known:
        raise PlanError(
            f"k0s {version} has no balancer of the type {_type(balancer)!r}",
            hint=f"nodeLocalLoadBalancing.type is {' or '.join(known)}",
        )
    taken = set(balancer_ports(spec)) & {
        spec["api"]["port"],
        spec["api"]["k0sApiPort"],
        spec["konnectivity"]["agentPort"],
    }
    if taken:
        raise PlanError(
            f"port {min(taken)} is asked for twice: by the control plane and by the balancer of workers",
            hint=f"set another one in nodeLocalLoadBalancing.{_SETTINGS[_type(balancer)]}",
        )


def _type(balancer: Mapping[str, Any]) -> str:
    return str(balancer.get("type") or _DEFAULT_TYPE)
