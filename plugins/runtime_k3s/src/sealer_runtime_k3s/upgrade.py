"""Upgrades of k3s: etcd is saved, then hosts come in turn, each drained before and healthy after."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import Change, Cleanup, Command, quote
from sealer.kubernetes import (
    GATE_SECONDS,
    host_needs,
    in_turns,
    moved_away,
    ready_with,
    require_way,
    takes_pods_again,
)
from sealer.model import Cluster, Host, Step, Upgrade, at
from sealer_runtime_k3s import etcd, fragments
from sealer_runtime_k3s.config import has_etcd
from sealer_runtime_k3s.names import KUBECTL, node_name, unit
from sealer_runtime_k3s.prepare import prepare_step
from sealer_runtime_k3s.units import unit_change
from sealer_runtime_k3s.version import K3sVersion, image_version

_UPGRADED = "k3s-upgraded"
_SAVED = "k3s-saved"


def upgrade_steps(cluster: Cluster, upgrade: Upgrade) -> Iterator[Step]:
    """Yield the steps of an upgrade.

    Raises:
        PlanError: There is no way from the one version to the other, or the settings can't work.
    """
    previous = image_version(upgrade.previous)
    require_way(previous, image_version(cluster.image), "k3s")
    before: tuple[str, ...] = tuple(at("rootfs", host.name) for host in cluster.hosts)
    if previous.saves_snapshots and has_etcd(cluster):
        yield _save_step(cluster, upgrade)
        before = (*before, _SAVED)
    yield from in_turns(
        cluster, upgrade, lambda host, needed: _host_steps(cluster, host, upgrade, needed), requires=before
    )


def _save_step(cluster: Cluster, upgrade: Upgrade) -> Step:
    """Return the step in which the first master keeps what a cluster can be made of again."""
    host = cluster.first_master
    kept = f"{cluster.data}/k3s-{upgrade.stamp}"
    return Step(
        id=at("k3s/save", host.name),
        title="save what etcd holds",
        host=host.name,
        changes=(
            Command(
                title=f"copy of etcd in {kept}",
                run=etcd.save(kept),
                creates=f"{kept}/complete",
                revert=f"rm -rf {quote(kept)}",
                limit=300,
            ),
        ),
        provides=(_SAVED,),
    )


def _host_steps(cluster: Cluster, host: Host, upgrade: Upgrade, before: tuple[str, ...]) -> Iterator[Step]:
    first, node, version = cluster.first_master, node_name(host), image_version(cluster.image)
    yield Step(
        id=at(f"k3s/drain/{host.name}", first.name),
        title=f"move the pods of {node} away",
        host=first.name,
        changes=(
            fragments.api_answers(f"the API server answers before the turn of {node}"),
            moved_away(cluster, upgrade, node=node, kubectl=KUBECTL),
        ),
        provides=(at("turn", host.name),),
        requires=before,
        retries=0,
        timeout=upgrade.drain_seconds + 480,
    )
    yield _upgrade_step(cluster, host, upgrade)
    yield Step(
        id=at(f"k3s/healthy/{host.name}", first.name),
        title=f"{node} is healthy with {version}",
        host=first.name,
        changes=(
            ready_with(version, _patterns(version), node=node, kubectl=KUBECTL),
            takes_pods_again(node=node, kubectl=KUBECTL),
        ),
        provides=(at("member", host.name),),
        requires=(at(_UPGRADED, host.name),),
        timeout=GATE_SECONDS + 120,
    )


def _patterns(version: K3sVersion) -> tuple[str, ...]:
    """Return what a kubelet says of its version; an image that leaves the build away has any build of it."""
    return (str(version),) if "+" in version.suffix else (str(version), f"{version}+*")


def _upgrade_step(cluster: Cluster, host: Host, upgrade: Upgrade) -> Step:
    version = image_version(cluster.image)
    changes: list[Change] = [
        # Undone last, when the program of before is there again.
        Cleanup(title=f"k3s as it was before {upgrade.stamp}", run=fragments.start_anew(unit(host))),
        *prepare_step(cluster, host).changes,
        # It is restarted because the program is another one.
        unit_change(cluster, host),
    ]
    if host.is_master:
        changes.append(fragments.api_answers(f"the API server of {version} answers, {upgrade.stamp}"))
    return Step(
        id=at("k3s/upgrade", host.name),
        title=f"upgrade to {version}",
        host=host.name,
        changes=tuple(changes),
        provides=(at(_UPGRADED, host.name),),
        requires=host_needs(cluster, host, at("turn", host.name)),
        timeout=1200,
    )
