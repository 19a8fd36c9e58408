"""Hosts for faults: what an undisturbed run makes of them is known, and every fault must end like that."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sealer.model import Launch
from sealer.testing.lab import DEFAULT_IGNORED, Ignored, Lab, Mode, Node, Snapshot, snapshot
from tests.lab import kills
from tests.lab.faults.sequels import MakeSequel
from tests.lab.faults.table import Fault, Outcome
from tests.lab.operator import CLUSTER, DATA, Operator, Running
from tests.lab.plain import IMAGE, make_plain_image, plain_operator
from tests.lab.plain_runtime import COMMANDS

MIB = 1 << 20

# A token is another one each time; the journal names the operation.
NORMALISED = Ignored(
    trees=DEFAULT_IGNORED.trees,
    contents=(*DEFAULT_IGNORED.contents, "/var/lib/plain/token", "/etc/plain/token", f"{DATA}/journal"),
)

DELETE = ("delete", "--all", "--yes")

LAYERS: Sequence[Mapping[str, bytes]] = ({"bin/tool": b"tool"}, {"etc/hello": b"hello"})


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Some hosts without a cluster.

    Attributes:
        lab: The hosts. The first becomes the master, the others nodes.
        operator: Who runs.
        flags: Further words of a run.
        before: What was on each host before anything.
        after: What undisturbed commands make of each.
        events: How many events the run had.
        further: The commands behind the run; the last one is disturbed.
        settled: The words of ``plan`` that describe the cluster then, or none for those of the run.
        leaving: The names of hosts that are no longer in the cluster then.
        remembered: What the operator remembers of the cluster then.
    """

    lab: Lab
    operator: Operator
    flags: tuple[str, ...]
    before: tuple[Snapshot, ...] = ()
    after: tuple[Snapshot, ...] = ()
    events: int = field(default=0)
    further: tuple[tuple[str, ...], ...] = ()
    settled: tuple[str, ...] = ()
    leaving: frozenset[str] = frozenset()
    remembered: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_words(self) -> tuple[str, ...]:
        """The words of the command that makes the cluster."""
        master, *nodes = (node.name for node in self.lab.nodes)
        return ("run", IMAGE, *self.operator.host_flags(masters=[master], nodes=nodes), *self.flags)

    @property
    def installed(self) -> bool:
        """Whether the operator knows of a cluster, or has one to take away still."""
        return self.state.exists() or self.operator.has_open_operation

    @property
    def state(self) -> Path:
        """What the operator remembers of the cluster."""
        return self.operator.sealer_home / "clusters" / CLUSTER / "cluster.json"

    def recall(self) -> Mapping[str, Any]:
        """Return what the operator remembers of the cluster, but for facts such as the room on disks."""
        content: dict[str, Any] = json.loads(self.state.read_text())
        return {name: found for name, found in content.items() if name != "facts"}

    def look(self) -> tuple[Snapshot, ...]:
        """Take down what is on the hosts."""
        return tuple(snapshot(node, ignored=NORMALISED) for node in self.lab.nodes)

    def survive(
        self,
        fault: Fault,
        disturb: Callable[[Running], None],
        *,
        mend: Callable[[], None] = lambda: None,
        deletion: bool = False,
        forgetful: bool = False,
        further: Sequence[str] = (),
    ) -> str:
        """Run or delete the cluster while something goes wrong, and see that all comes as the table says.

        Args:
            fault: Its row of the table.
            disturb: Lets it go wrong; a program that shall be killed is killed by it.
            mend: Puts it right; called once the command has ended.
            deletion: Whether it is about taking the cluster away, and not about making it.
            forgetful: Whether what was done may be done again, because what says so is lost.
            further: Words of the disturbed command alone.

        Returns:
            What the disturbed command said.
        """
        commands = [self.run_words, *self.further, *([DELETE] if deletion else [])]
        *made, words = commands
        for one in made:
            self.operator.sealer(*one)
        with self.operator.start(*words, *further) as running:
            disturb(running)
            said = running.finish(code=-9 if fault.code is None else fault.code)
        require_said(fault, said)
        if fault.outcome is Outcome.REFUSED:
            assert not self.operator.has_open_operation
        mend()
        kept = kills.marks(self.lab)
        if fault.outcome is Outcome.REFUSED:
            kills.require_equal(self.before, self.lab.nodes, NORMALISED)
            self.operator.sealer(*words)
        elif fault.outcome is Outcome.RESUMED:
            assert self.operator.has_open_operation
            self.operator.sealer("resume")
        if deletion:
            kills.require_equal(self.before, self.lab.nodes, NORMALISED)
        else:
            if forgetful:
                # What is forgotten of a step that had ended is not resumed: the next run does it again.
                self.operator.sealer(*self.run_words)
            self.require_whole(kept, forgetful=forgetful)
            self.delete()
        return said

    def survive_deletion(
        self, fault: Fault, disturb: Callable[[], None], *, mend: Callable[[], None] = lambda: None
    ) -> str:
        """Delete a cluster after something went wrong, as ``survive``; return what was said."""
        self.operator.sealer(*self.run_words)
        disturb()
        assert fault.code is not None
        said = self.operator.sealer(*DELETE, code=fault.code).stderr
        require_said(fault, said)
        mend()
        if fault.outcome is Outcome.RESUMED:
            self.operator.sealer("resume")
        kills.require_equal(self.before, self.lab.nodes, NORMALISED)
        return said

    def clear(self) -> None:
        """Leave no cluster behind, though a test failed."""
        if self.operator.has_open_operation:
            self.operator.sealer("operations", "abort", "--yes")
        self.operator.forget_cluster()
        left = [
            node.address
            for node in self.lab.nodes
            if node.run(["test", "-d", DATA], check=False).returncode == 0
        ]
        if left:
            key = ("--pk", str(self.lab.key_path))
            self.operator.sealer("reset", "--hosts", ",".join(left), *key, "--yes")

    def require_whole(self, kept: kills.Marks, *, forgetful: bool = False) -> None:
        """See that the cluster is as an undisturbed run makes it.

        Args:
            kept: What was done on the hosts before: none of it may have been done again.
            forgetful: Whether it may, because what says that it was done is lost.
        """
        if forgetful:
            for node in self.lab.nodes:
                # Each command adds a line whenever it runs.
                node.run(["sh", "-c", f"once=$(awk '!seen[$0]++' {COMMANDS}); echo \"$once\" > {COMMANDS}"])
        else:
            staying = {host: done for host, done in kept.items() if host not in self.leaving}
            kills.require_kept(staying, kills.marks(self.lab))
            kills.require_once(self.operator, may_repeat=token_is_needed)
        kills.require_equal(self.after, self.lab.nodes, NORMALISED)
        assert self.recall() == self.remembered
        words = self.settled or self.run_words[1:]
        done = self.operator.sealer("plan", *words, "--detailed-exitcode")
        assert done.stdout == "nothing to do\n"

    def delete(self) -> None:
        """Take the cluster away, and see that nothing of it is left."""
        self.operator.sealer(*DELETE)
        kills.require_equal(self.before, self.lab.nodes, NORMALISED)


def make_ground(
    directory: Path,
    lab: Lab,
    count: int,
    mode: Mode = "sshd",
    *,
    layers: Sequence[Mapping[str, bytes]] = LAYERS,
    launch: Launch | None = None,
    env: Mapping[str, str] | None = None,
    disk_size: int | None = None,
    sequel: MakeSequel | None = None,
) -> Ground:
    """Start hosts, and learn what an undisturbed run makes of them, with what comes behind it.

    Args:
        directory: For the operator.
        lab: Without nodes.
        count: How many hosts.
        mode: Whether they are whole systems, or have no more than an SSH server, which is faster. The latter
            get a cluster without a service, and say that they have systemd, without which none is installed.
        layers: The files of the image.
        launch: What the image launches.
        env: Of the cluster, for ``plain_runtime``.
        disk_size: Bytes of the disk of each, if it is to be small.
        sequel: Makes what comes behind the run.
    """
    nodes = lab.up(count, mode, disk_size=disk_size)
    settings = dict(env or {})
    if mode == "sshd":
        settings.setdefault("PLAIN_WITHOUT", "service")
        for node in nodes:
            claim_systemd(node)
    flags = tuple(word for name, text in settings.items() for word in ("-e", f"{name}={text}"))
    for node in nodes if "PLAIN_GATE" in settings else ():
        node.run(["touch", settings["PLAIN_GATE"]])
    operator = plain_operator(directory).trusting(lab)
    make_plain_image(operator, layers=layers, launch=launch)
    ground = Ground(lab=lab, operator=operator, flags=flags)
    if sequel is not None:
        found = sequel(operator, flags)
        ground = replace(ground, further=found.commands, settled=found.settled, leaving=found.leaving)
    before = ground.look()
    with operator.start(*ground.run_words) as running:
        events = sum(1 for _ in running.events())
        running.finish()
    for words in ground.further:
        operator.sealer(*words)
    after, remembered = ground.look(), ground.recall()
    operator.sealer(*DELETE)
    kills.require_equal(before, lab.nodes, NORMALISED)
    return replace(ground, before=before, after=after, events=events, remembered=remembered)


def require_said(fault: Fault, said: str) -> None:
    """See that a command said what it must, and how to go on."""
    assert fault.says in said, said
    if fault.outcome is Outcome.RESUMED and fault.code is not None:
        assert f"sealer resume {CLUSTER}" in said, said


def noise(size: int) -> bytes:
    """Return bytes that no compression makes fewer."""
    return random.Random(size).randbytes(size)


def claim_systemd(node: Node) -> None:
    """Let a node that has only an SSH server pass for one with systemd."""
    node.run(["mkdir", "-p", "/run/systemd/system"])


def token_is_needed(step: str, done: frozenset[str]) -> bool:
    """Tell whether the step makes the token, and a host has not joined with it yet."""
    return step.startswith("plain/create@") and not any(other.startswith("plain/join@") for other in done)
