"""Hosts that are directories, on which a stand-in is told what a distribution would be told."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealer.changes import Change, Command, File, Unit, Wait
from sealer.model import Step, fill
from tests.plugins.kit import REGISTRY

ROOT = Path(__file__).parents[3]
_SYSTEMCTL = "systemctl() { :; }\nset -e\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What stands in for what.

    Attributes:
        stand_in: The module that does.
        program: The path of the program on hosts.
        places: The directories of its files on hosts.
    """

    stand_in: str
    program: str
    places: tuple[str, ...]


class Machines:
    """A directory for each host of a cluster, in which changes that concern a distribution are made."""

    def __init__(self, root: Path, distribution: Distribution, version: str) -> None:
        self._root, self._distribution, self._version = root, distribution, version
        self._values: dict[tuple[str, str], str] = {
            (value.step, value.key): f"{value.key} of the registry"
            for value in (REGISTRY.password, REGISTRY.credentials, REGISTRY.certificate_authority)
        }

    def directory(self, name: str) -> Path:
        """Return what is the root of a host."""
        directory = self._root / name
        if not directory.exists():
            directory.mkdir()
            program = directory / "program"
            words = (sys.executable, "-m", self._distribution.stand_in, self._version)
            program.write_text(
                f"#!/bin/sh\nexport STAND_IN_ROOT={directory} PYTHONPATH={ROOT}\n"
                f'exec {" ".join(map(shlex.quote, words))} "$@"\n'
            )
            program.chmod(0o755)
        return directory

    def make(self, steps: Iterable[Step]) -> None:
        """Make the changes of steps, one after the other."""
        for step in steps:
            for change in step.changes:
                self._make(step, fill(change, self._values))

    def make_all(self, name: str, changes: Iterable[Change]) -> None:
        """Make changes on a host that belong to no step."""
        self.make((Step(id="s", title="s", host=name, changes=tuple(changes)),))

    def _make(self, step: Step, change: Change) -> None:
        name = step.host
        if isinstance(change, File):
            file = self.directory(name) / change.path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(change.content)
        elif isinstance(change, Unit):
            self._start(name, str(change.content))
        elif isinstance(change, Wait):
            self.run(name, change.until)
        elif isinstance(change, Command):
            created = f"[ -e {shlex.quote(change.creates)} ]" if change.creates else "false"
            if self.run(name, change.unless or created, check=False)[0]:
                self.run(name, change.run)
            for output in change.outputs:
                self._values[step.id, output.key] = self.run(name, output.script)[1].strip()

    def _start(self, name: str, unit: str) -> None:
        lines = [line.partition("=")[::2] for line in unit.splitlines()]
        script = ["set -a"]
        for key, value in lines:
            if key == "Environment":
                script.append(value)
            elif key == "EnvironmentFile":
                file = value.removeprefix("-")
                script.append(f"if [ -e {file} ]; then . {file}; fi")
            elif key == "ExecStart":
                script.append(value)
        self.run(name, "\n".join(script))

    def run(self, name: str, script: str, *, check: bool = True) -> tuple[int, str]:
        """Run sh in which the places of the distribution are those of a host."""
        root = self.directory(name)
        for path in self._distribution.places:
            script = script.replace(path, f"{root}{path}")
        script = script.replace(self._distribution.program, f"{root}/program")
        done = subprocess.run(
            ["sh"], input=_SYSTEMCTL + script, capture_output=True, text=True, check=False, timeout=60
        )
        assert not check or done.returncode == 0, f"{name}: {done.stderr}\n{script}"
        return done.returncode, done.stdout

    @property
    def refused(self) -> list[str]:
        """What the stand-in did not take, on any host."""
        return [line for file in self._root.glob("*/refused") for line in file.read_text().splitlines()]

    def told(self, name: str, command: str) -> list[dict[str, Any]]:
        """Return what the stand-in was told on a host, of one of its commands."""
        lines = (self.directory(name) / "told").read_text().splitlines()
        return [told for line in lines if (told := json.loads(line))["command"] == command]
