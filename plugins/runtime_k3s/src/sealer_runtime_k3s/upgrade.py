"""Upgrades of k3s: etcd is saved, then hosts come in turn, each drained before and healthy after."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import Command, quote
from sealer.kubernetes import NewProgram, program_upgrade, require_way
from sealer.model import Cluster, Step, Upgrade
from sealer_runtime_k3s import etcd, fragments
from sealer_runtime_k3s.config import has_etcd
from sealer_runtime_k3s.names import KUBECTL, node_name, unit
from sealer_runtime_k3s.prepare import prepare_step
from sealer_runtime_k3s.units import unit_change
from sealer_runtime_k3s.version import K3sVersion, image_version


def upgrade_steps(cluster: Cluster, upgrade: Upgrade) -> Iterator[Step]:
    """Yield the steps of an upgrade.

    Raises:
        PlanError: There is no way from the one version to the other, or the settings can't work.
    """
    previous, version = image_version(upgrade.previous), image_version(cluster.image)
    require_way(previous, version, "k3s")
    program = NewProgram(
        name="k3s",
        version=version,
        reported=_reported(version),
        kubectl=KUBECTL,
        node=node_name,
        api_answers=fragments.api_answers,
        # It is restarted because the program is another one.
        changes=lambda host: (*prepare_step(cluster, host).changes, unit_change(cluster, host)),
        start_anew=lambda host: fragments.start_anew(unit(host)),
    )
    saves = previous.saves_snapshots and has_etcd(cluster)
    yield from program_upgrade(cluster, upgrade, program, save=_save(cluster, upgrade) if saves else None)


def _save(cluster: Cluster, upgrade: Upgrade) -> Command:
    """Return the command that keeps what a cluster can be made of again."""
    kept = f"{cluster.data}/k3s-{upgrade.stamp}"
    return Command(
        title=f"copy of etcd in {kept}",
        run=etcd.save(kept),
        creates=f"{kept}/complete",
        revert=f"rm -rf {quote(kept)}",
        limit=300,
    )


def _reported(version: K3sVersion) -> tuple[str, ...]:
    """Return what a kubelet says of its version; an image that leaves the build away has any build of it."""
    return (str(version),) if "+" in version.suffix else (str(version), f"{version}+*")
