"""Hosts that lose their power or are out of reach, and links that are cut or slow.

It takes a minute until a connection on which nothing answers is given up. So all of this is tried at one
time, on hosts of its own each.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from sealer.testing.lab import Lab, Mode, Node
from sealer.testing.lab.abandoned import name_for_test
from tests.lab import kills
from tests.lab.faults.ground import (
    DELETE,
    MIB,
    NORMALISED,
    Ground,
    claim_systemd,
    make_ground,
    noise,
)
from tests.lab.faults.sequels import GATE, HALFWAY, KUBECTL, LAUNCH, SEQUELS
from tests.lab.faults.table import FAULTS
from tests.lab.operator import Operator, Running
from tests.lab.plain import plain_operator

GATES = {"app": "launch", "leave": "delete"}
"""The gates of stages that have another one's: what is done there is the same."""

PREPARING = threading.Semaphore(2)
"""To learn what an undisturbed run comes to takes all that the machine has."""

STEPS = {
    "prepare": "plain/prepare@",
    "create": "plain/create@",
    "join": "plain/join@",
    "launch": "/commands",
    "app": "/commands",
    "ready": "cluster/ready",
    "upgrade": "plain/upgrade@",
    "forget": "plain/remove/",
    "leave": "take-back@",
    "delete": "take-back@",
}
"""By which step it is known that a stage has begun on its host."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault, and what it befalls.

    Attributes:
        fault: Its name in the table.
        host: The name of the host.
        stage: What is done then; ``before`` is nothing yet, ``rootfs`` the sending of layers.
        mode: What the hosts are.
        place: The name of the host on which it is done, if that is another one.
    """

    fault: str
    host: str
    stage: str
    mode: Mode = "sshd"
    place: str = ""

    def __str__(self) -> str:
        return f"{self.fault}@{self.host}"

    def attempt(self, number: int, directory: Path) -> None:
        """Try it, on hosts of its own."""
        without = "passing" if self.mode == "systemd" else "service,passing"
        gate = GATES.get(self.stage, self.stage)
        env = {"PLAIN_WITHOUT": without, "PLAIN_GATE": GATE, "PLAIN_GATE_AT": gate}
        data = {"data": noise(3 * MIB)} if self.stage == "rootfs" else {"bin/tool": b"tool"}
        with Lab(name_for_test(1010 + number)) as lab:
            with PREPARING:
                ground = make_ground(
                    directory,
                    lab,
                    2,
                    self.mode,
                    layers=[{**data, "bin/kubectl": KUBECTL}],
                    launch=LAUNCH if self.fault in {"power/launch", "power/ready"} else None,
                    env=env,
                    sequel=SEQUELS.get(self.fault),
                )
            node = lab.node(self.host)
            lab.node(self.place or self.host).run(["rm", "-f", GATE])
            if self.stage == "before":
                node.power_off()
            ground.survive(
                FAULTS[self.fault],
                lambda running: self._disturb(lab, node, running),
                mend=lambda: self._mend(lab, node),
                deletion=self.stage == "delete",
            )

    def _disturb(self, lab: Lab, node: Node, running: Running) -> None:
        if self.stage == "before":
            return
        if self.fault == "link/slow":
            for one in lab.nodes:
                one.shape(rate="1mbit", delay="300ms")
            return
        if self.stage == "rootfs":
            node.shape(rate="8mbit")
            running.until("transfer-progress", host=node.address)
        else:
            self._reach(lab, running)
        match self.fault:
            case "link/short":
                node.cut()
                assert running.runs_for(8)
                self._mend(lab, node)
            case "link/long":
                node.cut()
            case "power/rootfs":
                node.power_off()
                self._mend(lab, node)
            case "ssh/upload":
                node.restart_ssh()
                self._mend(lab, node)
            case _:
                node.power_off()
                if self.place:
                    lab.node(self.place).run(["touch", GATE])

    def _reach(self, lab: Lab, running: Running) -> None:
        """Wait until the stage has begun, and a launch stands at its gate."""
        place = lab.node(self.place or self.host)
        event = "step-waiting" if self.stage == "ready" else "step-started"
        running.until(event, step=STEPS[self.stage], host=place.address)
        if self.stage in {"launch", "app"}:
            there = ["sh", "-c", f"until [ -e {HALFWAY} ]; do sleep 0.1; done"]
            place.run(there)

    def _mend(self, lab: Lab, node: Node) -> None:
        for one in lab.nodes:
            one.unshape()
        node.mend()
        node.power_on()
        if self.mode == "systemd":
            node.wait_until_started()
        else:
            claim_systemd(node)
        node.run(["touch", GATE])


@dataclass(frozen=True, kw_only=True)
class OutOfReach:
    """A node that can't be reached while the cluster is deleted, or while the node is to leave.

    Attributes:
        leaves: Whether the node alone is to leave.
    """

    leaves: bool

    def __str__(self) -> str:
        return f"out of reach/{'leaving' if self.leaves else 'deletion'}"

    def attempt(self, number: int, directory: Path) -> None:
        """Try it, on hosts of its own."""
        with Lab(name_for_test(1010 + number)) as lab:
            with PREPARING:
                ground = make_ground(directory / "ground", lab, 2)
                ground.operator.sealer(*ground.run_words)
            node = lab.node("n2")
            node.cut()
            if self.leaves:
                _leave(ground, node)
            else:
                _delete(ground, node)
            node.mend()
            node.wait_for_ssh()
            kills.require_equal(ground.after[1:], [node], NORMALISED)
            # Someone without image, plugin and records, who can log in, takes back what is left there.
            stranger = Operator(home=plain_operator(directory / "stranger").home).trusting(lab)
            stranger.sealer("reset", "--hosts", node.address, "--pk", str(lab.key_path), "--yes")
            kills.require_equal(ground.before, lab.nodes, NORMALISED)


def _delete(ground: Ground, node: Node) -> None:
    """See that the node stands in the way of deletion unless that is forced."""
    said = ground.operator.sealer(*DELETE, code=5).stderr
    assert f"take-back@{node.address}: " in said
    assert "without hosts that are gone: sealer delete --all --force my-cluster" in said
    assert ground.installed
    said = ground.operator.sealer(*DELETE, "--force").stderr
    assert f"{node.address} - can't be reached: what was changed there stays, with its journal" in said
    assert f"sealer reset --hosts {node.address} --cluster-name my-cluster" in said
    assert not ground.installed
    kills.require_equal(ground.before[:1], ground.lab.nodes[:1], NORMALISED)


def _leave(ground: Ground, node: Node) -> None:
    """See that the node stays in the cluster unless it is forced out; then take the cluster away."""
    words = ("delete", "-n", node.address, "--yes")
    said = ground.operator.sealer(*words, code=5).stderr
    assert f"take-back@{node.address}: " in said
    assert node.address in ground.operator.sealer("status", "-o", "json").stdout
    without = f"without hosts that are gone: sealer delete -n {node.address} --force my-cluster"
    assert without in said
    said = ground.operator.sealer(*words, "--force").stderr
    assert f"sealer reset --hosts {node.address} --cluster-name my-cluster" in said
    assert node.address not in ground.operator.sealer("status", "-o", "json").stdout
    ground.operator.sealer(*DELETE)
    kills.require_equal(ground.before[:1], ground.lab.nodes[:1], NORMALISED)


CASES: tuple[Case | OutOfReach, ...] = (
    Case(fault="power/before", host="n2", stage="before"),
    Case(fault="power/prepare", host="n1", stage="prepare"),
    Case(fault="power/prepare", host="n2", stage="prepare"),
    Case(fault="power/create", host="n1", stage="create"),
    Case(fault="power/join", host="n2", stage="join", mode="systemd"),
    Case(fault="power/launch", host="n1", stage="launch"),
    Case(fault="power/ready", host="n1", stage="ready"),
    Case(fault="power/app", host="n1", stage="app"),
    Case(fault="power/upgrade", host="n2", stage="upgrade"),
    Case(fault="power/forget", host="n1", stage="forget"),
    Case(fault="power/forgotten", host="n2", stage="forget", place="n1"),
    Case(fault="power/leave", host="n2", stage="leave"),
    Case(fault="power/delete", host="n1", stage="delete"),
    Case(fault="power/rootfs", host="n2", stage="rootfs"),
    Case(fault="link/long", host="n2", stage="prepare"),
    Case(fault="link/short", host="n2", stage="rootfs"),
    Case(fault="ssh/upload", host="n2", stage="rootfs"),
    Case(fault="link/slow", host="n1", stage="all"),
    OutOfReach(leaves=False),
    OutOfReach(leaves=True),
)
