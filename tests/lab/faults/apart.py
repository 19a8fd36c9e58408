"""Hosts that lose their power, and links that are cut or slow.

It takes a minute until a connection on which nothing answers is given up. So all of this is tried at one
time, on hosts of its own each, while the other faults have their turn.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from sealer.testing.lab import Lab, Node
from sealer.testing.lab.abandoned import name_for_test
from tests.lab.faults.ground import MIB, claim_systemd, make_ground, noise
from tests.lab.faults.table import FAULTS
from tests.lab.operator import Running

GATE = "/tmp/plain-gate"
"""A file that a script waits for until its host is in trouble; on hosts that are on again nobody waits."""

PREPARING = threading.Semaphore(2)
"""To learn what an undisturbed run comes to takes all that the machine has."""

STEPS = {
    "prepare": "plain/prepare@",
    "create": "plain/create@",
    "join": "plain/join@",
    "delete": "take-back@",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault, and what it befalls.

    Attributes:
        fault: Its name in the table.
        host: The name of the host.
        stage: What is done on the host then; ``rootfs`` is the sending of layers.
    """

    fault: str
    host: str
    stage: str

    def attempt(self, number: int, directory: Path) -> None:
        """Try it, on hosts of its own."""
        env = {"PLAIN_WITHOUT": "service,passing", "PLAIN_GATE": GATE, "PLAIN_GATE_AT": self.stage}
        layers = [{"data": noise(3 * MIB)}] if self.stage == "rootfs" else [{"bin/tool": b"tool"}]
        with Lab(name_for_test(1010 + number)) as lab:
            with PREPARING:
                ground = make_ground(directory, lab, 2, layers=layers, env=env)
            node = lab.node(self.host)
            node.run(["rm", "-f", GATE])
            ground.survive(
                FAULTS[self.fault],
                lambda running: self._disturb(lab, node, running),
                mend=lambda: self._mend(lab, node),
                deletion=self.stage == "delete",
            )

    def _disturb(self, lab: Lab, node: Node, running: Running) -> None:
        if self.fault == "link/slow":
            for one in lab.nodes:
                one.shape(rate="1mbit", delay="300ms")
            return
        if self.stage == "rootfs":
            node.shape(rate="8mbit")
            running.until("transfer-progress", host=node.address)
        else:
            running.until("step-started", step=f"{STEPS[self.stage]}{node.address}")
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

    def _mend(self, lab: Lab, node: Node) -> None:
        for one in lab.nodes:
            one.unshape()
        node.mend()
        node.power_on()
        claim_systemd(node)
        node.run(["touch", GATE])


CASES = (
    Case(fault="power/prepare", host="n1", stage="prepare"),
    Case(fault="power/prepare", host="n2", stage="prepare"),
    Case(fault="power/create", host="n1", stage="create"),
    Case(fault="power/join", host="n2", stage="join"),
    Case(fault="power/delete", host="n1", stage="delete"),
    Case(fault="power/rootfs", host="n2", stage="rootfs"),
    Case(fault="link/long", host="n2", stage="prepare"),
    Case(fault="link/short", host="n2", stage="rootfs"),
    Case(fault="ssh/upload", host="n2", stage="rootfs"),
    Case(fault="link/slow", host="n1", stage="all"),
)
