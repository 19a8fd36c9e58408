"""Upgrades of Kubernetes, whatever the distribution: which ways there are, and how hosts have their turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from sealer.changes import Change, Command, Wait, quote, rollback_only
from sealer.errors import PlanError
from sealer.kubernetes.leaving import drain_command
from sealer.model import Cluster, Host, Step, Upgrade, at

GATE_SECONDS = 600
"""How long a host may take to be healthy again after its turn."""

_ASK_SECONDS = 10


class Release(Protocol):
    """A version of a distribution, which has the numbers of the Kubernetes inside."""

    @property
    def major(self) -> int:
        """The first number."""

    @property
    def minor(self) -> int:
        """The second number."""

    @property
    def patch(self) -> int:
        """The third number."""

    @property
    def suffix(self) -> str:
        """What follows the numbers: a pre-release, or which build it is."""


def require_way(previous: Release, version: Release, what: str) -> None:
    """Refuse what Kubernetes doesn't support: to go back, and to leave a minor version out.

    Args:
        previous: What the cluster runs.
        version: What it is to run.
        what: The distribution's name, as messages say it.

    Raises:
        PlanError: There is no way from the one version to the other.
    """
    old, new = ((v.major, v.minor, v.patch) for v in (previous, version))
    if new == old and previous.suffix == version.suffix:
        raise PlanError(
            f"the cluster runs {what} {version} already", hint="use sealer run to change the rest"
        )
    if new < old:
        raise PlanError(
            f"the cluster runs {what} {previous}, and the image brings {version}: there is no way back",
            hint="sealer rollback takes the last upgrade back",
        )
    if version.minor > previous.minor + 1:
        raise PlanError(
            f"there is no way from {what} {previous} to {version}: one minor version at a time",
            hint=f"upgrade to an image with v{previous.major}.{previous.minor + 1} first; "
            "sealer upgrade takes several images, one after the other",
        )


def in_turns(
    cluster: Cluster,
    upgrade: Upgrade,
    steps: Callable[[Host, tuple[str, ...]], Iterable[Step]],
    *,
    requires: Sequence[str],
) -> Iterator[Step]:
    """Yield the steps of all hosts: masters one by one, then nodes in batches, each after those before it.

    Args:
        cluster: The cluster.
        upgrade: How large batches are.
        steps: Makes the steps of a host, given what the first of them requires. They provide ``member@`` the
            host when it is healthy.
        requires: What holds before the first turn.
    """
    before = tuple(requires)
    for master in cluster.masters:
        yield from steps(master, before)
        before = (at("member", master.name),)
    for batch in upgrade.batches(cluster.nodes):
        for node in batch:
            yield from steps(node, before)
        before = tuple(at("member", node.name) for node in batch)


def moved_away(
    cluster: Cluster, upgrade: Upgrade, *, node: str, kubectl: str, drain: str | None = None
) -> Command:
    """Return the change that moves a node's pods away for its turn; taken back, they may return.

    Args:
        cluster: The pods of its only node have nowhere to go, and stay.
        upgrade: Whose turn it is.
        node: The node's name.
        kubectl: The shell words that call kubectl as the administrator.
        drain: The sh command that drains the node, where ``drain_command`` will not do.
    """
    if len(cluster.hosts) == 1:
        drain = f"{kubectl} cordon {quote(node)}"
    return Command(
        title=f"drain node {node}, {upgrade.stamp}",
        run=drain or drain_command(kubectl, node, upgrade.drain_seconds),
        revert=rollback_only(_uncordon(kubectl, node)),
        limit=upgrade.drain_seconds + 60,
    )


def _uncordon(kubectl: str, node: str) -> str:
    """Return sh that lets pods return: while all masters are taken back at once, nobody answers.

    Where etcd has lost its quorum, an API server takes a minute to say that it can't answer.
    """
    return f"""\
attempt=0
until {kubectl} --request-timeout={_ASK_SECONDS}s uncordon {quote(node)}; do
  attempt=$((attempt + 1))
  if [ "$attempt" -ge 20 ]; then break; fi
  sleep 3
done"""


def ready_with(version: object, patterns: Sequence[str], *, node: str, kubectl: str) -> Change:
    """Return the wait until a node is Ready and runs a version.

    Args:
        version: As people read it.
        patterns: What the node may say of its version, as patterns of sh that need no quotes.
        node: The node's name.
        kubectl: The shell words that call kubectl as the administrator.
    """
    info = quote('{.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type=="Ready")].status}')
    state = f"{kubectl} --request-timeout={_ASK_SECONDS}s get node {quote(node)} -o jsonpath={info}"
    wanted = " | ".join(f"{pattern}' True'" for pattern in patterns)
    return Wait(
        title=f"{node} is Ready with {version}",
        until=f"case $({state}) in {wanted}) ;; *) exit 1 ;; esac",
        why=state,
        limit=GATE_SECONDS,
    )


def takes_pods_again(*, node: str, kubectl: str) -> Change:
    """Return the change after which pods are put on a node whose turn is over."""
    asking = f"{kubectl} --request-timeout={_ASK_SECONDS}s"
    return Command(
        title=f"let pods onto {node} again",
        run=f"{kubectl} uncordon {quote(node)}",
        unless=f'[ -z "$({asking} get node {quote(node)} -o jsonpath={{.spec.unschedulable}})" ]',
        # A node takes pods, as it did before its turn: nothing is left to take back.
        revert=":",
        repeatable=True,
    )
