"""How the API server's name leads to all masters, on every host, without anything outside the cluster.

A node runs a small TCP balancer of its own, and its hosts file says that the name is the node itself. The
balancer is ``etcd gateway``: upstream's release of etcd brings it with checksums, it works below the
kubelet on any kernel, and a node that starts it needs nothing but the file. It turns away from a master
that takes no connection, and tries it again after some seconds. IPVS, as Sealer has it, would take a kernel
module, one program for its tables and another that tests the masters; it would save one copy of a trickle
of bytes.

Behind the first address the hosts file has those of the masters. Programs written in Go, which all clients
of the API server are, go on to the next address when one refuses: a balancer that was stopped cuts nobody
off, and so a master, which has its own API server first, needs no balancer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from sealer.changes import Change, Copy, HostsEntry, Unit
from sealer.model import Cluster, Host, ImageMetadata, bracketed
from sealer_runtime_k8s.names import API_DOMAIN, API_PORT, MARK

ETCD_VERSION_LABEL = "cluster.alpha.sealer.io/etcd-version"
"""Label of a cluster image that has ``bin/etcd``."""

BALANCER_UNIT = "sealer-api-balancer.service"
_PROGRAM = "/usr/local/bin/sealer-etcd"
_RETRY_SECONDS = 10


def has_balancer(image: ImageMetadata) -> bool:
    """Tell whether an image brings the program of the balancer."""
    return ETCD_VERSION_LABEL in image.labels


def is_balanced(cluster: Cluster, host: Host) -> bool:
    """Tell whether a host runs a balancer: a node does, if the image brings one."""
    return has_balancer(cluster.image) and not host.is_master


def endpoint_changes(cluster: Cluster, host: Host, masters: Sequence[Host]) -> Iterator[Change]:
    """Yield the changes after which the API server's name leads a host to these masters.

    Args:
        cluster: The cluster.
        host: One of its hosts.
        masters: The masters that it is to have.
    """
    addresses = cluster.in_turn(host, [master.address for master in masters])
    if is_balanced(cluster, host):
        yield Copy(source=f"{cluster.rootfs}/bin/etcd", path=_PROGRAM)
        yield Unit(
            name=BALANCER_UNIT,
            content=_unit_text(cluster.name, host.loopback, addresses),
            watches=(_PROGRAM,),
        )
        for address in sorted(addresses):
            if ":" in address:
                yield HostsEntry(address=address, names=(_alias(address),))
        addresses = (host.loopback, *addresses)
    yield HostsEntry(address=addresses[0], names=(API_DOMAIN,), further=addresses[1:])


def _unit_text(cluster: str, loopback: str, addresses: Sequence[str]) -> str:
    endpoints = ",".join(_endpoint(address) for address in sorted(addresses))
    return f"""\
{MARK}{cluster}
[Unit]
Description=Way to the API servers of the cluster {cluster}
Documentation=https://etcd.io/docs/v3.5/op-guide/gateway/
After=network.target
Before=kubelet.service

[Service]
ExecStart={_PROGRAM} gateway start --listen-addr={_joined(loopback)} --endpoints={endpoints} \
--retry-delay={_RETRY_SECONDS}s
Restart=always
RestartSec=1
LimitNOFILE=65536
DynamicUser=yes
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes

[Install]
WantedBy=multi-user.target
"""


def _endpoint(address: str) -> str:
    # The gateway of etcd 3.5 leaves the brackets of an address away when it dials: "too many colons".
    return f"{_alias(address)}:{API_PORT}" if ":" in address else _joined(address)


def _alias(address: str) -> str:
    """Return the name by which a node's balancer finds a master of IP version 6, in the node's hosts file."""
    return f"{ipaddress.ip_address(address).exploded.replace(':', '-')}.{API_DOMAIN}"


def _joined(address: str) -> str:
    return f"{bracketed(address)}:{API_PORT}"
