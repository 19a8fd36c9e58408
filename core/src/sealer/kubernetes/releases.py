"""Upstream's releases: what every container runtime needs of them, and what their names say.

Source of the facts: the releases of https://github.com/containernetworking/plugins.
"""

from __future__ import annotations

from sealer.errors import ImageError
from sealer.model import Platform
from sealer.providers import Component, Download

_ARCHITECTURES = frozenset({"amd64", "arm64"})
_CNI_PLUGINS = (
    "bandwidth", "bridge", "dhcp", "dummy", "firewall", "host-device", "host-local", "ipvlan", "loopback",
    "macvlan", "portmap", "ptp", "sbr", "static", "tap", "tuning", "vlan", "vrf",
)  # fmt: skip
"""All plugins of a release of the CNI plugins for Linux."""

# A pod network needs at least these; what else a release of the plugins has is taken along.
_CNI_NEEDED = frozenset({"bridge", "host-local", "loopback", "portmap"})
_CNI_VERSION = "v1.9.1"


def release_minor(kubernetes: str) -> tuple[int, int]:
    """Return the first two numbers of a version such as ``v1.33.1``."""
    major, minor = kubernetes.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def require_platform(platform: Platform, what: str) -> None:
    """Refuse a platform that upstream's releases are not built for.

    Args:
        platform: The platform.
        what: What there are no releases of, as the message says it.

    Raises:
        ImageError: It is another than linux/amd64 and linux/arm64.
    """
    if platform.os != "linux" or platform.architecture not in _ARCHITECTURES:
        raise ImageError(
            f"there are no releases of {what} for {platform}", hint="choose linux/amd64 or linux/arm64"
        )


def cni_components(platform: Platform) -> tuple[Component, ...]:
    """Return the CNI plugins as components of a base image.

    Raises:
        ImageError: There are none for the platform.
    """
    require_platform(platform, "the CNI plugins")
    return tuple(
        Component(name=name, path=f"cni/{name}", optional=name not in _CNI_NEEDED) for name in _CNI_PLUGINS
    )


def cni_downloads(platform: Platform) -> tuple[Download, ...]:
    """Return where the CNI plugins are published.

    Raises:
        ImageError: There are none for the platform.
    """
    require_platform(platform, "the CNI plugins")
    release = f"https://github.com/containernetworking/plugins/releases/download/{_CNI_VERSION}"
    url = f"{release}/cni-plugins-linux-{platform.architecture}-{_CNI_VERSION}.tgz"
    members = {name: name for name in _CNI_PLUGINS}
    return (Download(url=url, checksum=f"{url}.sha256", version=_CNI_VERSION, members=members),)
