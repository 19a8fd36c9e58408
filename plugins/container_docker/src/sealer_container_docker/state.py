"""What hosts say of the Docker they have, as values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sealer.errors import PlanError
from sealer.model import Host, Probe
from sealer_container_docker.fragments import OOM_PROBE, SETTINGS_PROBE, STATE_PROBE
from sealer_container_docker.names import BOUNDED_RUNC, DAEMON_JSON

STATE = Probe(name="docker/state", script=STATE_PROBE)
SETTINGS = Probe(name="docker/settings", script=SETTINGS_PROBE)
OOM = Probe(name="docker/oom", script=OOM_PROBE)

_DRIVER = "native.cgroupdriver="
_NUMBERS = re.compile(r"(\d{1,6})\.(\d{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The Docker of a host.

    Attributes:
        kind: ``none``, ``ours``, ``runs``, ``stopped``, ``snap``, ``left``, or "" when the host said nothing.
        what: The cluster it is of, or the directory that is left.
        version: The version of one that runs, or "".
        cgroup_driver: Its cgroup driver, or "".
        beside: Whether a containerd of the host's own runs.
    """

    kind: str
    what: str = ""
    version: str = ""
    cgroup_driver: str = ""
    beside: bool = False

    @property
    def is_theirs(self) -> bool:
        """Whether a Docker runs that is not ours, and is used."""
        return self.kind == "runs"

    @property
    def numbers(self) -> tuple[int, int] | None:
        """The first two numbers of its version, or None when it does not say."""
        match = _NUMBERS.match(self.version)
        return None if match is None else (int(match[1]), int(match[2]))


def found_on(host: Host) -> Found:
    """Return which Docker a host has, as it answered."""
    first, *others = host.facts.answers.get(STATE.name, "").splitlines() or ("",)
    kind, _, rest = first.strip().partition(" ")
    beside = "beside" in others
    if kind == "runs":
        version, driver, *_ = (*rest.split(), "", "")
        return Found(kind=kind, version=version, cgroup_driver=driver, beside=beside)
    return Found(kind=kind, what=rest.strip(), beside=beside)


def settings_of(host: Host) -> Mapping[str, Any]:
    """Return what the host's daemon.json says; nothing when there is none.

    Raises:
        PlanError: It is not what Docker reads.
    """
    text = host.facts.answers.get(SETTINGS.name, "").strip()
    if text in {"", "none"}:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _unreadable(host) from error
    if not isinstance(found, dict):
        raise _unreadable(host)
    return found


def _unreadable(host: Host) -> PlanError:
    return PlanError(f"{DAEMON_JSON} of {host.name} is no JSON object", hint="put it right, or move it away")


def wanted_driver(host: Host) -> str:
    """Return the cgroup driver that a host's Docker has, or that its settings ask for, or ""."""
    found = found_on(host)
    if found.is_theirs:
        return found.cgroup_driver
    try:
        return _driver(settings_of(host))
    except PlanError:
        return ""  # said by the check, and again when the settings are used


def driver_in(text: str) -> str:
    """Return the cgroup driver that the text of a daemon.json asks for, or "" when it does not say."""
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    return _driver(found) if isinstance(found, dict) else ""


def _driver(settings: Mapping[str, Any]) -> str:
    options = settings.get("exec-opts")
    texts = [text for text in options if isinstance(text, str)] if isinstance(options, list) else []
    return next((text.removeprefix(_DRIVER) for text in texts if text.startswith(_DRIVER)), "")


def merged_settings(users: Mapping[str, Any], *, cgroup_driver: str, restrict_oom: bool) -> dict[str, Any]:
    """Return the settings of our Docker: ours, and over them those that the host had before.

    Pods have a network of their own, so Docker needs none and leaves the host's packet filter alone.
    Containers outlive a restart of it.
    """
    ours: dict[str, Any] = {
        "bridge": "none",
        "iptables": False,
        "ip-forward": False,
        "live-restore": True,
    }
    if not users.keys() & {"log-driver", "log-opts"}:
        ours |= {"log-driver": "json-file", "log-opts": {"max-size": "50m", "max-file": "5"}}
    if restrict_oom:
        ours |= {
            "oom-score-adjust": 0,
            "default-runtime": "bounded",
            "runtimes": {"bounded": {"path": BOUNDED_RUNC}},
        }
        if users.keys() & {"default-runtime", "runtimes"}:
            del ours["default-runtime"], ours["runtimes"]
    options = users.get("exec-opts")
    given = list(options) if isinstance(options, list) else []
    if not any(str(text).startswith(_DRIVER) for text in given):
        given = [f"{_DRIVER}{cgroup_driver}", *given]
    return {**ours, **users, "exec-opts": given}
