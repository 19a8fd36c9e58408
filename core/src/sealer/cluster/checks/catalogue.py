"""The catalogue of core's checks, and what may be left out of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from sealer.cluster.checks import (
    access,
    clocks,
    identity,
    kernel,
    leftovers,
    network,
    resolver,
    security,
    storage,
    system,
)
from sealer.cluster.checks.between import PathFrames, PortsReachable
from sealer.cluster.checks.boot import ForwardingAtBoot
from sealer.cluster.checks.given import Given
from sealer.cluster.checks.namespaces import Namespaces
from sealer.errors import UsageError
from sealer.model import Check


def core_checks(given: Given | None = None) -> tuple[Check, ...]:
    """Return core's checks: what any cluster needs, whatever its distribution.

    Args:
        given: What to compare with; without it the checks can be listed, and asked for their probes.
    """
    known = given or Given()
    return (
        access.Reachable(),
        access.HostKey(),
        access.Login(),
        access.SudoPolicy(),
        access.Observable(),
        access.Sessions(),
        access.Startups(),
        identity.UniqueAddresses(),
        identity.UniqueNames(),
        identity.ValidName(),
        identity.UniqueMachines(),
        leftovers.OtherClusters(known),
        clocks.ClockSkew(),
        clocks.TimeService(),
        clocks.TimeZones(),
        system.Architecture(known),
        system.InitSystem(),
        system.Programs(),
        system.KernelPrograms(),
        system.KernelTrees(),
        system.CpuFeatures(),
        system.OpenFiles(),
        kernel.KernelVersion(),
        kernel.Controllers(),
        kernel.Netfilter(),
        kernel.ConnectionTracking(),
        kernel.Inotify(),
        kernel.ReversePathFilter(),
        kernel.NeighbourReplies(),
        Namespaces(),
        ForwardingAtBoot(),
        storage.DiskSpace(known),
        storage.ContainerSpace(known),
        storage.Inodes(known),
        storage.DataRoot(known),
        storage.Writable(),
        storage.TemporaryPrograms(),
        network.HostAddress(),
        network.DefaultRoute(),
        network.EqualFrames(),
        PathFrames(),
        PortsReachable(known),
        resolver.NameServers(),
        resolver.LocalResolver(),
        resolver.WildcardDomain(),
        security.Firewall(known),
        security.Forwarding(),
        security.SELinux(),
        security.AppArmor(),
    )


def leave_out(
    checks: Iterable[Check], ignored: Iterable[str], *, known: Sequence[Check] = ()
) -> tuple[Check, ...]:
    """Return the checks that the user did not ask to ignore.

    Args:
        checks: Those that are to be made.
        ignored: Ids.
        known: Checks that are not made this time, and may be named as well.

    Raises:
        UsageError: A check of that id does not exist, or must not be ignored.
    """
    wanted = tuple(checks)
    by_id = {check.id: check for check in (*known, *wanted)}
    for name in ignored:
        check = by_id.get(name)
        if check is None:
            near = difflib.get_close_matches(name, by_id, n=1)
            hint = f"did you mean {near[0]}?" if near else "see them all with: sealer check --list"
            raise UsageError(f"there is no check {name!r} to ignore", hint=hint)
        if check.strict:
            raise UsageError(f"check {name} can't be ignored: {check.strict}")
    left_out = set(ignored)
    return tuple(check for check in wanted if check.id not in left_out)
