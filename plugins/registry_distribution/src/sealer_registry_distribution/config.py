"""The texts of the registry's files: its configuration and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from sealer.model import bracketed

PROGRAM = "/usr/local/bin/sealer-registry"
UNIT = "sealer-registry.service"
CACHE_UNIT_PREFIX = "sealer-registry-cache-"
"""How the units of caches begin; the domain follows."""
UNIT_PATH = f"/etc/systemd/system/{UNIT}"
MARK = "# Written by Sealer for the cluster "
"""How our unit's first line begins; the cluster's name follows."""

CONFINED = """\
Restart=always
RestartSec=2
LimitNOFILE=1048576
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
"""
"""How the unit of a registry is kept up, with what it must not do, and when it is started."""


def listen_address(address: str, port: int) -> str:
    """Return ``address:port``, an IPv6 address in brackets."""
    return f"{bracketed(address)}:{port}"


def config_yml(*, store: str, directory: str, address: str, port: int, domain: str) -> str:
    """Return the registry's configuration."""
    found = document(store=store, directory=directory, address=address, port=port, domain=domain)
    return text_of(found)


def text_of(configuration: Mapping[str, Any]) -> str:
    """Return the text of a configuration."""
    return "# Written by Sealer.\n" + yaml.safe_dump(dict(configuration), sort_keys=False)


def document(*, store: str, directory: str, address: str, port: int, domain: str) -> dict[str, Any]:
    """Return what it says: files below ``store``, TLS and one account from ``directory``.

    It does not remember blobs in memory: those that were pruned beside it would be there for it still, and
    who pushes them again would be told not to.
    """
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": store},
            "delete": {"enabled": False},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {
            "addr": listen_address(address, port),
            "tls": {"certificate": f"{directory}/tls.crt", "key": f"{directory}/tls.key"},
        },
        "auth": {"htpasswd": {"realm": domain, "path": f"{directory}/htpasswd"}},
    }


def unit_text(*, cluster: str, config: str, environment: str) -> str:
    """Return the unit; ``environment`` is the file that holds the registry's secret for uploads."""
    return f"""\
{MARK}{cluster}
[Unit]
Description=Registry of the cluster {cluster}
Documentation=https://distribution.github.io/distribution/
After=network-online.target

[Service]
EnvironmentFile={environment}
ExecStart={PROGRAM} serve "{config}"
{CONFINED}"""


def cache_unit(
    *, cluster: str, domain: str, place: str, authorities: bool, documentation: str, service: str
) -> str:
    """Return the unit of a cache.

    Args:
        cluster: The cluster's name.
        domain: The registry that is cached.
        place: The cache's directory.
        authorities: Whether there are authorities besides those that the host trusts anyway.
        documentation: The address of the program's page.
        service: The lines that start the program.
    """
    trusted = f'Environment="SSL_CERT_FILE={place}/authorities.crt"\n' if authorities else ""
    return f"""\
{MARK}{cluster}
[Unit]
Description=Cache of {domain} in the cluster {cluster}
Documentation={documentation}
After=network-online.target

[Service]
{trusted}{service}
{CONFINED}"""
