"""Adding hosts to a cluster that exists: what it is to be, with them."""

from __future__ import annotations

from dataclasses import replace

from sealer.clusterfile import Clusterfile, ClusterSpec
from sealer.clusterfile.addresses import conflicts
from sealer.errors import UsageError


def enlarged(clusterfile: Clusterfile, named: ClusterSpec) -> Clusterfile:
    """Return a cluster with further hosts; those that it has already are left as they are.

    Args:
        clusterfile: The cluster as it is remembered.
        named: The hosts, how to log in to them, and environment for the whole cluster.

    Raises:
        UsageError: No host is new, or one can't be in this cluster.
    """
    spec = clusterfile.cluster
    known = {host.address for host in spec.hosts}
    new = tuple(
        replace(host, ssh=host.ssh.over(named.ssh)) for host in named.hosts if host.address not in known
    )
    if not new:
        raise UsageError(
            f"no host is new to cluster {spec.name}", hint="name the hosts to add with -m and -n: A,B or A-B"
        )
    hosts = (*spec.hosts, *new)
    problems = [f"{host.place}: {message}" for host, message in conflicts(hosts)]
    if problems:
        raise UsageError("; ".join(problems))
    return replace(clusterfile, cluster=replace(spec, hosts=hosts, env={**spec.env, **named.env}))
