"""Upgrades of distributions that are one program on a host: saved, drained, replaced, healthy again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sealer.changes import Change, Cleanup, Command, rollback_only
from sealer.kubernetes.needs import host_needs
from sealer.kubernetes.upgrades import GATE_SECONDS, in_turns, moved_away, ready_with, takes_pods_again
from sealer.model import Cluster, Host, Step, Upgrade, at

_API_SECONDS = 480
"""What steps may take longer than what they are there for, because an API server is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProgram:
    """The program of a distribution in the version that a cluster is to run.

    Attributes:
        name: The distribution's name, such as ``k3s``; ids of steps begin with it.
        version: As people read it.
        reported: What kubelets may say of it, as patterns of sh that need no quotes.
        kubectl: The shell words that call kubectl as the administrator, on the first master.
        node: Returns the name of a host's node, or None of a master that is none.
        api_answers: Returns the wait for a master's own API server, with the title that it is given.
        changes: Returns the changes after which a host runs the program.
        start_anew: Returns sh after which a host runs the program that it has by then.
    """

    name: str
    version: object
    reported: tuple[str, ...]
    kubectl: str
    node: Callable[[Host], str | None]
    api_answers: Callable[[str], Change]
    changes: Callable[[Host], Sequence[Change]]
    start_anew: Callable[[Host], str]


def program_upgrade(
    cluster: Cluster, upgrade: Upgrade, program: NewProgram, *, save: Command | None
) -> Iterator[Step]:
    """Yield the steps: what the cluster holds is saved, then hosts come in turn.

    Args:
        cluster: The cluster, with the new image.
        upgrade: From which version to which.
        program: What its hosts will run.
        save: Keeps what a cluster can be made of again, on the first master; None where nothing can be kept.
    """
    first = cluster.first_master
    before: tuple[str, ...] = tuple(at("rootfs", host.name) for host in cluster.hosts)
    if save is not None:
        saved = f"{program.name}-saved"
        yield Step(
            id=at(f"{program.name}/save", first.name),
            title="save what the cluster holds",
            host=first.name,
            changes=(save,),
            provides=(saved,),
        )
        before = (*before, saved)
    yield from in_turns(
        cluster,
        upgrade,
        lambda host, needed: _host_steps(cluster, host, upgrade, program, needed),
        requires=before,
    )


def _host_steps(
    cluster: Cluster, host: Host, upgrade: Upgrade, program: NewProgram, before: tuple[str, ...]
) -> Iterator[Step]:
    yield _turn_step(cluster, host, upgrade, program, before)
    yield _replacing_step(cluster, host, upgrade, program)
    yield _gate_step(cluster, host, program)


def _turn_step(
    cluster: Cluster, host: Host, upgrade: Upgrade, program: NewProgram, before: tuple[str, ...]
) -> Step:
    first, node = cluster.first_master, program.node(host)
    changes = [program.api_answers(f"the API server answers before the turn of {node or host.name}")]
    if node is not None:
        changes.append(moved_away(cluster, upgrade, node=node, kubectl=program.kubectl))
    return Step(
        id=at(f"{program.name}/drain/{host.name}", first.name),
        title=f"move the pods of {node or host.name} away",
        host=first.name,
        changes=tuple(changes),
        provides=(at("turn", host.name),),
        requires=before,
        retries=0,
        timeout=upgrade.drain_seconds + _API_SECONDS,
    )


def _replacing_step(cluster: Cluster, host: Host, upgrade: Upgrade, program: NewProgram) -> Step:
    name, version = program.name, program.version
    changes = [
        # Undone last, when the program of before is there again.
        Cleanup(
            title=f"{name} as it was before {upgrade.stamp}", run=rollback_only(program.start_anew(host))
        ),
        *program.changes(host),
    ]
    if host.is_master:
        changes.append(program.api_answers(f"the API server of {version} answers, {upgrade.stamp}"))
    return Step(
        id=at(f"{name}/upgrade", host.name),
        title=f"upgrade to {version}",
        host=host.name,
        changes=tuple(changes),
        provides=(at(f"{name}-upgraded", host.name),),
        requires=host_needs(cluster, host, at("turn", host.name)),
        timeout=1200,
    )


def _gate_step(cluster: Cluster, host: Host, program: NewProgram) -> Step:
    """Return the step after which a host takes pods again: its node is ready, with the new version."""
    first, node = cluster.first_master, program.node(host)
    changes: tuple[Change, ...]
    if node is None:
        changes = (program.api_answers(f"the API server answers after the turn of {host.name}"),)
    else:
        changes = (
            ready_with(program.version, program.reported, node=node, kubectl=program.kubectl),
            takes_pods_again(node=node, kubectl=program.kubectl),
        )
    return Step(
        id=at(f"{program.name}/healthy/{host.name}", first.name),
        title=f"{node or host.name} is healthy with {program.version}",
        host=first.name,
        changes=changes,
        provides=(at("member", host.name),),
        requires=(at(f"{program.name}-upgraded", host.name),),
        timeout=GATE_SECONDS + _API_SECONDS,
    )
