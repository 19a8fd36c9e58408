"""Labels, taints and roles of nodes: how they are written in a Clusterfile, and the step that sets them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sealer.changes import Change, Command, Wait, quote
from sealer.errors import PlanError
from sealer.model import Cluster, Host, Step, at

_REGISTER_SECONDS = 300
"""How long a host that has joined may take to tell the API server of itself."""

_ROLE_LABEL = "node-role.kubernetes.io/"
_TAINT = re.compile(
    r"(?P<key>[^=:\s]+?)(?:=(?P<value>[^=:\s]*))?(?::(?P<effect>NoSchedule|PreferNoSchedule|NoExecute))?(?P<off>-)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint to set, or with ``remove`` to take away; without an effect all of its key are meant."""

    key: str
    value: str = ""
    effect: str = ""
    remove: bool = False

    @property
    def argument(self) -> str:
        """The taint as ``kubectl taint`` wants it."""
        if self.remove:
            return f"{self.key}:{self.effect}-" if self.effect else f"{self.key}-"
        return f"{self.key}={self.value}:{self.effect}"


def parse_taint(text: str) -> Taint:
    """Read ``key=value:Effect``, ``key:Effect`` or ``key=:Effect``, and with a final ``-`` its removal.

    Raises:
        PlanError: It is none of these.
    """
    match = _TAINT.fullmatch(text.strip())
    if match is None or not (match["off"] or match["effect"]):
        raise PlanError(
            f"{text!r} is no taint",
            hint="write key=value:Effect or key:Effect with the effect NoSchedule, PreferNoSchedule or "
            "NoExecute; with a '-' at the end the taint is taken away",
        )
    return Taint(
        key=match["key"],
        value=match["value"] or "",
        effect=match["effect"] or "",
        remove=match["off"] is not None,
    )


def mark_step(cluster: Cluster, host: Host, *, node: str, kubectl: str, requires: Sequence[str] = ()) -> Step:
    """Return the step, made on the first master, after which a host's node has its labels and taints.

    It requires ``api`` and provides ``member@`` the host.

    Args:
        cluster: The cluster.
        host: The host that the node is.
        node: The node's name.
        kubectl: The shell words that call kubectl as the administrator, quoted where that is needed.
        requires: What must hold before it, such as that the host has joined.

    Raises:
        PlanError: A taint can't be read.
    """
    return Step(
        id=at(f"kubernetes/mark/{host.name}", cluster.first_master.name),
        title=f"label node {node}",
        host=cluster.first_master.name,
        changes=(
            Wait(
                title=f"node {node} registers",
                until=f"{kubectl} get node {quote(node)} -o name",
                why=f"{kubectl} get node {quote(node)} -o name 2>&1 | tail -n 1",
                limit=_REGISTER_SECONDS,
            ),
            _labels(host, node, kubectl),
            *_taints(host, node, kubectl),
        ),
        provides=(at("member", host.name),),
        requires=("api", *requires),
    )


def _labels(host: Host, node: str, kubectl: str) -> Change:
    labels = {f"{_ROLE_LABEL}{role}": "" for role in host.roles} | dict(host.labels)
    name = quote(node)
    selector = quote(",".join(f"{key}={value}" for key, value in sorted(labels.items())))
    pairs = " ".join(quote(f"{key}={value}") for key, value in sorted(labels.items()))
    return Command(
        title=f"labels of node {node}",
        run=f"{kubectl} label --overwrite node {name} {pairs}",
        unless=f"{kubectl} get node -l {selector} -o name | grep -Fx node/{name}",
        repeatable=True,
    )


def _taints(host: Host, node: str, kubectl: str) -> tuple[Change, ...]:
    name = quote(node)
    listing = '{range .spec.taints[*]}{.key}={.value}:{.effect}{"\\n"}{end}'
    held = f"{kubectl} get node {name} -o jsonpath={quote(listing)}"
    return tuple(
        Command(
            title=f"taint {taint.argument} of node {node}",
            run=f"{kubectl} taint --overwrite node {name} {quote(taint.argument)}",
            unless=taint_holds(held, taint),
            repeatable=True,
        )
        for taint in map(parse_taint, host.taints)
    )


def taint_holds(held: str, taint: Taint) -> str:
    """Return sh that succeeds when a node's taints, as ``held`` prints them, are as wanted."""
    if not taint.remove:
        return f"{held} | grep -Fxq {quote(taint.argument)}"
    pattern = f"^{re.escape(taint.key)}=.*:{taint.effect or '.*'}$"
    return f"taints=$({held}) && ! printf '%s\\n' \"$taints\" | grep -q {quote(pattern)}"
