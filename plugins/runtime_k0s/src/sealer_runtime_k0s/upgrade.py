"""Upgrades of k0s: what it holds is saved, then hosts come in turn, each drained before and healthy after."""

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
from sealer_runtime_k0s import fragments
from sealer_runtime_k0s.config import has_etcd, is_worker
from sealer_runtime_k0s.names import KUBECTL, PROGRAM, node_name, unit
from sealer_runtime_k0s.prepare import prepare_step
from sealer_runtime_k0s.units import unit_change
from sealer_runtime_k0s.version import image_version

_UPGRADED = "k0s-upgraded"
_SAVED = "k0s-saved"


def upgrade_steps(cluster: Cluster, upgrade: Upgrade) -> Iterator[Step]:
    """Yield the steps of an upgrade.

    Raises:
        PlanError: There is no way from the one version to the other, or the settings can't work.
    """
    previous = image_version(upgrade.previous)
    require_way(previous, image_version(cluster.image), "k0s")
    before: tuple[str, ...] = tuple(at("rootfs", host.name) for host in cluster.hosts)
    if previous.can_back_up and has_etcd(cluster):
        yield _backup_step(cluster, upgrade)
        before = (*before, _SAVED)
    yield from in_turns(
        cluster, upgrade, lambda host, needed: _host_steps(cluster, host, upgrade, needed), requires=before
    )


def _backup_step(cluster: Cluster, upgrade: Upgrade) -> Step:
    """Return the step in which the first master keeps what ``k0s restore`` makes a controller of again."""
    host = cluster.first_master
    kept = f"{cluster.data}/k0s-{upgrade.stamp}"
    flag = fragments.config_flag(image_version(upgrade.previous))
    return Step(
        id=at("k0s/backup", host.name),
        title="save what k0s holds",
        host=host.name,
        changes=(
            Command(
                title=f"backup of k0s in {kept}",
                run=f"umask 077\nrm -rf {quote(kept)}\nmkdir -p {quote(kept)}\n"
                f"{PROGRAM} backup{flag} --save-path={quote(kept)}\n: > {quote(kept)}/complete",
                creates=f"{kept}/complete",
                revert=f"rm -rf {quote(kept)}",
                limit=300,
            ),
        ),
        provides=(_SAVED,),
    )


def _host_steps(cluster: Cluster, host: Host, upgrade: Upgrade, before: tuple[str, ...]) -> Iterator[Step]:
    yield _turn_step(cluster, host, upgrade, before)
    yield _upgrade_step(cluster, host, upgrade)
    yield _gate_step(cluster, host)


def _turn_step(cluster: Cluster, host: Host, upgrade: Upgrade, before: tuple[str, ...]) -> Step:
    first, name = cluster.first_master, node_name(host)
    changes: list[Change] = [fragments.api_answers(f"the API server answers before the turn of {name}")]
    if is_worker(cluster, host):
        changes.append(moved_away(cluster, upgrade, node=name, kubectl=KUBECTL))
    return Step(
        id=at(f"k0s/drain/{host.name}", first.name),
        title=f"move the pods of {name} away",
        host=first.name,
        changes=tuple(changes),
        provides=(at("turn", host.name),),
        requires=before,
        retries=0,
        timeout=upgrade.drain_seconds + 480,
    )


def _upgrade_step(cluster: Cluster, host: Host, upgrade: Upgrade) -> Step:
    version = image_version(cluster.image)
    changes: list[Change] = [
        # Undone last, when the program of before is there again.
        Cleanup(title=f"k0s as it was before {upgrade.stamp}", run=fragments.start_anew(unit(host))),
        *prepare_step(cluster, host).changes,
        # It is restarted because the program is another one; k0s then unpacks what is inside of it.
        unit_change(cluster, host),
    ]
    if host.is_master:
        changes.append(fragments.api_answers(f"the API server of {version} answers, {upgrade.stamp}"))
    return Step(
        id=at("k0s/upgrade", host.name),
        title=f"upgrade to {version}",
        host=host.name,
        changes=tuple(changes),
        provides=(at(_UPGRADED, host.name),),
        requires=host_needs(cluster, host, at("turn", host.name)),
        timeout=1200,
    )


def _gate_step(cluster: Cluster, host: Host) -> Step:
    """Return the step after which a host takes pods again: its node is ready, with the new version."""
    first, name, version = cluster.first_master, node_name(host), image_version(cluster.image)
    changes: tuple[Change, ...] = (fragments.api_answers(f"the API server answers after the turn of {name}"),)
    if is_worker(cluster, host):
        # What follows the numbers is k0s' own, and was written in several ways.
        numbers = f"v{version.major}.{version.minor}.{version.patch}"
        changes = (
            ready_with(version, (f"{numbers}[+-]*", numbers), node=name, kubectl=KUBECTL),
            takes_pods_again(node=name, kubectl=KUBECTL),
        )
    return Step(
        id=at(f"k0s/healthy/{host.name}", first.name),
        title=f"{name} is healthy with {version}",
        host=first.name,
        changes=changes,
        provides=(at("member", host.name),),
        requires=(at(_UPGRADED, host.name),),
        timeout=GATE_SECONDS + 480,
    )
