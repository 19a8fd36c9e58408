"""Hosts can be told apart: their names, machine ids and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sealer.cluster.checks.answers import answer, others, shared
from sealer.cluster.checks.network import ADDRESSES, addresses_of
from sealer.model import Check, Cluster, Finding, Host, Probe, Severity

SUBJECT = "identity"

BOOT_ID = Probe(name="core/boot-id", script="cat /proc/sys/kernel/random/boot_id")

_LONGEST_NAME = 63
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


def machine_of(host: Host) -> str:
    """Return what no two machines have in common, or the empty text when it is not known.

    A clone may have the machine id, a container the boot id, and another machine the name.
    """
    boot = answer(host, BOOT_ID)
    known = boot is not None and host.facts.machine_id
    return f"{host.facts.machine_id} {boot} {host.facts.hostname}" if known else ""


class UniqueNames(Check):
    """Host names tell nodes apart in the API, so no two may be equal."""

    id = "host-name-unique"
    title = "host names are unique"
    subject = SUBJECT
    strict = "nodes of a cluster are told apart by their names"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose name another machine has too."""
        for name, hosts in shared(cluster.hosts, lambda host: host.facts.hostname):
            if _one_machine(hosts):
                continue
            for host in hosts:
                yield self.finding(
                    host.name,
                    found=f"its host name {name} is also that of {others(host, hosts)}",
                    wanted="a host name of its own",
                    mend="hostnamectl set-hostname NAME",
                )


class UniqueMachines(Check):
    """Machine ids identify nodes to network plugins and monitoring; clones often share one."""

    id = "machine-id-unique"
    title = "machine ids are unique"
    subject = SUBJECT
    severity = Severity.WARNING

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose machine id another machine has too."""
        for host in cluster.hosts:
            if not host.facts.machine_id:
                yield self.not_checked(host.name, "it has no /etc/machine-id")
        for _, hosts in shared(cluster.hosts, lambda host: host.facts.machine_id):
            if _one_machine(hosts):
                continue
            for host in hosts:
                yield self.finding(
                    host.name,
                    found=f"its machine id is also that of {others(host, hosts)}: one is a clone",
                    wanted="a machine id of its own",
                    mend="rm /etc/machine-id && systemd-machine-id-setup",
                )


class UniqueAddresses(Check):
    """A machine is given once, and no machine has the address of another."""

    id = "address-unique"
    title = "each given address is a machine of its own"
    subject = SUBJECT
    strict = "a machine can't be two hosts of a cluster"

    def probes(self) -> tuple[Probe, ...]:
        """Return the questions which boot of which machine this is, and which addresses it has."""
        return (BOOT_ID, ADDRESSES)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host that is another one too, or whose address another one has."""
        same: set[tuple[str, str]] = set()
        for _, hosts in shared(cluster.hosts, machine_of):
            for host in hosts:
                same.update((host.name, other.name) for other in hosts)
                yield self.finding(
                    host.name,
                    found=f"it is the same machine as {others(host, hosts)}",
                    wanted="each machine given once, by one address",
                    mend="leave out all but one of its addresses",
                )
        owners = {host.name: addresses_of(host) for host in cluster.hosts}
        for host in cluster.hosts:
            if not machine_of(host):
                yield self.not_checked(host.name)
            yield from self._doubles(host, cluster, owners, same)

    def _doubles(
        self,
        host: Host,
        cluster: Cluster,
        owners: Mapping[str, tuple[str, ...] | None],
        same: set[tuple[str, str]],
    ) -> Iterable[Finding]:
        for other in cluster.hosts:
            apart = other is not host and (host.name, other.name) not in same
            if apart and host.address in (owners[other.name] or ()):
                yield self.finding(
                    host.name,
                    found=f"its address {host.address} is also configured on {other.name}",
                    wanted="an address of its own",
                    mend=f"remove the address {host.address} from the other machine, or give another one",
                )


class ValidName(Check):
    """A host name must be usable as a label in DNS, and lead to the host."""

    id = "host-name"
    title = "the host name is a name in DNS"
    subject = SUBJECT

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose name can't be one."""
        for host in cluster.hosts:
            name = host.facts.hostname
            first = name.partition(".")[0]
            if first.lower() == "localhost" or not _NAME.fullmatch(name) or len(first) > _LONGEST_NAME:
                yield self.finding(
                    host.name,
                    found=f"host name {name!r}",
                    wanted=f"letters, digits and '-', at most {_LONGEST_NAME}, and not localhost",
                    mend="hostnamectl set-hostname NAME",
                )


def _one_machine(hosts: tuple[Host, ...]) -> bool:
    """Tell whether these are known to be one machine, which another check says."""
    return len({machine_of(host) for host in hosts}) == 1 and machine_of(hosts[0]) != ""
