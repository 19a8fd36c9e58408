"""The operator of a lab: someone with a home directory, who types ``sealer`` commands."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from sealer.testing.lab import Lab

CLUSTER = "my-cluster"
"""What a cluster is called that nobody named."""

DATA = f"/var/lib/sealer/{CLUSTER}"
"""Its directory on hosts."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Someone who runs the program.

    Attributes:
        home: The home directory; the program's own is ``.sealer`` in it.
        lab: Where the commands are typed, or None for this machine itself.
        plugins: Directories with further plugins.
        variables: Further environment variables.
    """

    home: Path
    lab: Lab | None = None
    plugins: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def trusting(self, lab: Lab) -> Self:
        """Return the same person on a lab's operator side, knowing the true keys of all its nodes."""
        ssh = self.home / ".ssh"
        ssh.mkdir(mode=0o700, parents=True, exist_ok=True)
        (ssh / "known_hosts").write_bytes(lab.known_hosts_path.read_bytes())
        return replace(self, lab=lab)

    @property
    def sealer_home(self) -> Path:
        """Where the program keeps its files."""
        return self.home / ".sealer"

    def sealer(self, *words: str, code: int = 0, timeout: float = 900, stdin: str = "") -> Done:
        """Run the program to its end, and see that it ends with an exit code."""
        done = subprocess.run(
            self.command("sealer", *words),
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
            timeout=timeout,
        )
        assert done.returncode == code, _told(words, done.returncode, done.stdout, done.stderr)
        return done

    def run(self, *words: str, timeout: float = 60, **variables: str) -> str:
        """Run another program, and return what it prints."""
        environment = {**self.environment, **variables}
        done = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=timeout,
        )
        assert done.returncode == 0, _told(words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    @contextmanager
    def start(self, *words: str) -> Iterator[Running]:
        """Start the program with its progress as JSON; it is killed in the end, if it still runs."""
        with subprocess.Popen(
            self.command("sealer", *words, "--progress", "json"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        ) as process:
            running = Running(process)
            try:
                yield running
            finally:
                running.kill()

    def command(self, *words: str) -> list[str]:
        """Return the argument list that runs a program where the operator is."""
        program = [sys.executable, "-m", "sealer"] if words[0] == "sealer" else [words[0]]
        argv = [*program, *words[1:]]
        return argv if self.lab is None else self.lab.operator_command(argv)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the operator's programs."""
        own = {name: text for name, text in os.environ.items() if not name.startswith(("SEALER_", "SSH_"))}
        paths = os.pathsep.join([*map(str, self.plugins), *sys.path])
        homes = {"HOME": str(self.home), "SEALER_HOME": str(self.sealer_home)}
        return {**own, **homes, "PYTHONPATH": paths, "NO_COLOR": "1", **self.variables}

    def forget_cluster(self) -> None:
        """Take the cluster away, if there is one."""
        if (self.sealer_home / "clusters" / CLUSTER / "cluster.json").exists():
            self.sealer("delete", "--all", "--yes")

    def host_flags(self, *, masters: Sequence[str] = ("n1",), nodes: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the flags that name hosts of the lab, and the key that opens them."""
        assert self.lab is not None
        groups = [",".join(self.lab.node(name).address for name in names) for names in (masters, nodes)]
        flags = ("-m", groups[0], *(("-n", groups[1]) if nodes else ()))
        return (*flags, "--pk", str(self.lab.key_path))

    def operations(self) -> tuple[Path, ...]:
        """Return the directories of the cluster's operations, oldest first."""
        parent = self.sealer_home / "clusters" / CLUSTER / "operations"
        return tuple(sorted(path for path in parent.glob("*") if path.name[0] != "."))

    @property
    def has_open_operation(self) -> bool:
        """Whether the newest operation is not over."""
        return bool(self.operations()) and not any(r["event"] == "finished" for r in self.journal())

    def journal(self) -> tuple[Mapping[str, Any], ...]:
        """Return the records of the newest operation's journal, but for a torn last one."""
        file = self.operations()[-1] / "journal.jsonl"
        whole = file.read_text() if file.exists() else ""
        return tuple(json.loads(line) for line in whole.splitlines(keepends=True) if line.endswith("\n"))


class Running:
    """The program while it runs; what it says is read all the time, so that it never waits for a reader.

    Args:
        process: Its process, with its progress on a pipe.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def process(self) -> int:
        """The number of its process."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def events(self) -> Iterator[Mapping[str, Any]]:
        """Yield what happens, as it happens, to the end of the program."""
        while (line := self._lines.get()) is not None:
            self._said.append(line)
            if line.startswith("{"):
                yield json.loads(line)
        self._lines.put(None)  # for whoever asks again

    def until(self, event: str, **fields: str) -> Mapping[str, Any]:
        """Wait for an event whose fields contain these texts, and return it."""
        for found in self.events():
            if found["event"] == event and all(text in found[name] for name, text in fields.items()):
                return found
        raise AssertionError(f"no {event} {fields} came:\n{''.join(self._said)}")

    def finish(self, *, code: int = 0) -> str:
        """Wait for its end, see that it ends with an exit code, and return what it said beside events."""
        ended = self.ended()
        assert ended == code, _told(["sealer"], ended, "", "".join(self._said))
        return "".join(line for line in self._said if not line.startswith("{"))

    def ended(self) -> int:
        """Wait for its end, and return its exit code, negative for a signal."""
        for _ in self.events():
            pass
        return self._process.wait()

    def runs_for(self, seconds: float) -> bool:
        """Let it run for a while; say whether it still does."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> bool:
        """Kill it as a power cut would; say whether it was still running."""
        still = self._process.poll() is None
        self._process.kill()
        self._process.wait()
        self._reader.join()
        return still


def _told(words: Sequence[str], code: int, stdout: str, stderr: str) -> str:
    return f"{' '.join(words)} ended with {code}:\n{stdout[-4000:]}\n{stderr[-8000:]}"
