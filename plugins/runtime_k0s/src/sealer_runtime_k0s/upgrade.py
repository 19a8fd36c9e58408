"""Upgrades of k0s: what it holds is saved, then hosts come in turn, each drained before and healthy after."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import Command, quote
from sealer.kubernetes import NewProgram, program_upgrade, require_way
from sealer.model import Cluster, Step, Upgrade
from sealer_runtime_k0s import fragments
from sealer_runtime_k0s.config import has_etcd, is_worker
from sealer_runtime_k0s.names import KUBECTL, PROGRAM, node_name, unit
from sealer_runtime_k0s.prepare import prepare_step
from sealer_runtime_k0s.units import unit_change
from sealer_runtime_k0s.version import K0sVersion, image_version
from sealer_runtime_k0s.waits import balanced


def upgrade_steps(cluster: Cluster, upgrade: Upgrade) -> Iterator[Step]:
    """Yield the steps of an upgrade.

    Raises:
        PlanError: There is no way from the one version to the other, or the settings can't work.
    """
    previous, version = image_version(upgrade.previous), image_version(cluster.image)
    require_way(previous, version, "k0s")
    # What follows the numbers is k0s' own, and was written in several ways.
    numbers = f"v{version.major}.{version.minor}.{version.patch}"
    program = NewProgram(
        name="k0s",
        version=version,
        reported=(f"{numbers}[+-]*", numbers),
        kubectl=KUBECTL,
        node=lambda host: node_name(host) if is_worker(cluster, host) else None,
        api_answers=fragments.api_answers,
        # It is restarted because the program is another one; k0s then unpacks what is inside of it.
        changes=lambda host: (
            *prepare_step(cluster, host).changes,
            unit_change(cluster, host),
            *balanced(cluster, host, f", {upgrade.stamp}"),
        ),
        start_anew=lambda host: fragments.start_anew(unit(host)),
    )
    saves = previous.can_back_up and has_etcd(cluster)
    save = _backup(cluster, upgrade, previous) if saves else None
    yield from program_upgrade(cluster, upgrade, program, save=save)


def _backup(cluster: Cluster, upgrade: Upgrade, previous: K0sVersion) -> Command:
    """Return the command that keeps what ``k0s restore`` makes a controller of again."""
    kept = f"{cluster.data}/k0s-{upgrade.stamp}"
    flag = fragments.config_flag(previous)
    return Command(
        title=f"backup of k0s in {kept}",
        run=f"umask 077\nrm -rf {quote(kept)}\nmkdir -p {quote(kept)}\n"
        f"{PROGRAM} backup{flag} --save-path={quote(kept)}\n: > {quote(kept)}/complete",
        creates=f"{kept}/complete",
        revert=f"rm -rf {quote(kept)}",
        limit=300,
    )
