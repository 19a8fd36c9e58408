"""What core's checks compare the answers of hosts with, beside the cluster itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sealer.model import DEFAULT_DATA_ROOT, Platform, Traffic

_NO_PLATFORMS: Mapping[str, Platform] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes that an image takes on a host.

    Attributes:
        data: Below the data root, while it is unpacked.
        containers: Where the container runtime unpacks the container images, if it runs all of them.
    """

    data: int
    containers: int


_NO_ROOM: Mapping[str, Room] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known before any host is asked.

    Attributes:
        data_root: The directory on hosts that holds the data of all clusters.
        platforms: The platform of the image chosen for each host, by the host's name.
        rooms: What the image takes on each host, by the host's name.
        traffic: Which hosts must reach which ports of others.
        new: The names of the hosts that are to come into the cluster; all of them when it is empty.
        own: The name of the cluster when its hosts may have it already.
    """

    data_root: str = DEFAULT_DATA_ROOT
    platforms: Mapping[str, Platform] = field(default_factory=lambda: _NO_PLATFORMS)
    rooms: Mapping[str, Room] = field(default_factory=lambda: _NO_ROOM)
    traffic: tuple[Traffic, ...] = ()
    new: frozenset[str] = frozenset()
    own: str = ""
