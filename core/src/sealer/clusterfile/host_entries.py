"""The hosts of a cluster: the entries of ``spec.hosts``, one value for each address."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sealer.clusterfile.addresses import Endpoint, conflicts, expand_endpoints
from sealer.clusterfile.environment import read_environment
from sealer.clusterfile.fields import Fields, nearest
from sealer.clusterfile.login import read_ssh
from sealer.clusterfile.model import HostSpec
from sealer.clusterfile.source import Position
from sealer.model import MASTER, NODE

MOST_HOSTS = 10_000

_ROLE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PREFIX = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?"
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(_PREFIX + _WORD)
_LABEL_VALUE = re.compile(rf"(?:{_WORD})?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_TAINT = re.compile(rf"{_PREFIX}{_WORD}(?:=(?:{_WORD})?)?(?::(?P<effect>[A-Za-z]+))?(?P<remove>-)?")


def read_hosts(spec: Fields) -> tuple[HostSpec, ...]:
    """Return a host for each address of ``spec.hosts``, in their order."""
    problems = spec.reader.problems
    hosts: list[HostSpec] = []
    positions: dict[int, Position] = {}
    for item, path in spec.reader.items(spec.node("hosts"), spec.path_of("hosts")):
        fields = Fields(spec.reader, item, path)
        addresses = list(_addresses(fields))
        if not addresses and not fields.has("ips"):
            fields.problem("ips", "is missing", "write as: ips: [192.0.2.1]")
        template = HostSpec(
            address="",
            roles=_roles(fields),
            ssh=read_ssh(fields.fields("ssh")),
            env=read_environment(fields),
            labels=_labels(fields),
            taints=tuple(_taints(fields)),
        )
        fields.finish()
        for endpoint, position in addresses:
            if len(hosts) == MOST_HOSTS:
                problems.add(position, f"there are more than {MOST_HOSTS} hosts")
                return tuple(hosts)
            if endpoint.port is not None and template.ssh.port not in (None, endpoint.port):
                problems.add(position, f"the port is {template.ssh.port} in ssh", "leave one of them out")
            ssh = replace(template.ssh, port=endpoint.port or template.ssh.port)
            place = problems.source.place(position)
            host = replace(template, address=endpoint.address, ssh=ssh, place=place)
            positions[id(host)] = position
            hosts.append(host)
    for host, message in conflicts(hosts):
        problems.add(positions[id(host)], message)
    return tuple(hosts)


def _addresses(fields: Fields) -> Iterator[tuple[Endpoint, Position]]:
    for text, position, _ in fields.reader.texts(fields.node("ips"), fields.path_of("ips")):
        try:
            endpoints = expand_endpoints(text.strip())
        except ValueError as error:
            fields.reader.problems.add(position, str(error))
            continue
        for endpoint in endpoints:
            yield endpoint, position


def _roles(fields: Fields) -> tuple[str, ...]:
    roles: dict[str, None] = {}
    for role, position, _ in fields.reader.texts(fields.node("roles"), fields.path_of("roles")):
        if not _ROLE.fullmatch(role):
            message = f"{role!r} is no role: use lower-case letters, digits and dashes"
            fields.reader.problems.add(position, message, nearest(role, (MASTER, NODE)))
        elif role not in (MASTER, NODE) and difflib.get_close_matches(role, (MASTER, NODE), cutoff=0.8):
            # A role of the user's own would be accepted, and a host meant as a master become a worker.
            fields.reader.problems.add(
                position, f"{role!r} is too near to a built-in role", nearest(role, (MASTER, NODE))
            )
        else:
            roles[role] = None
    if not fields.has("roles"):
        fields.problem("roles", "is missing", f"write as: roles: [{MASTER}] or [{NODE}]")
    return tuple(roles)


def _labels(fields: Fields) -> Mapping[str, str]:
    labels = {}
    for key, value, position in fields.pairs("labels"):
        if not _LABEL_KEY.fullmatch(key):
            fields.reader.problems.add(position, f"{key!r} is no name of a Kubernetes label")
        if not _LABEL_VALUE.fullmatch(value):
            fields.reader.problems.add(position, f"{value!r} is no value of a Kubernetes label")
        labels[key] = value
    return labels


def _taints(fields: Fields) -> Iterator[str]:
    for text, position, path in fields.reader.texts(fields.node("taints"), fields.path_of("taints")):
        match = _TAINT.fullmatch(text)
        if match is None or not (match["effect"] or match["remove"]):
            hint = "write key=value:Effect, key:Effect, or key:Effect- to remove one"
            fields.reader.problems.add(position, f"{path} is no taint", hint)
        elif match["effect"] and match["effect"] not in _EFFECTS:
            fields.reader.problems.add(
                position, f"{match['effect']} is no effect of a taint", nearest(match["effect"], _EFFECTS)
            )
        else:
            yield text
