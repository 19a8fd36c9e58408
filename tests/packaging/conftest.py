"""Fresh virtual environments, and distributions of third parties, built and installed by pip.

What comes from the package index is fetched once and kept as wheels, so that the tests themselves need no
network: every installation runs with ``--no-index``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def project(directory: Path) -> dict[str, Any]:
    """Return the parsed pyproject.toml of a directory."""
    return tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))


def run(*words: str | Path, **environ: str) -> str:
    """Run a program away from the checkout and the tests' environment, and return what it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environ},
    )
    assert done.returncode == 0, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment: pip installs into it from local wheels and directories alone."""

    directory: Path
    wheels: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin/python"

    def pip(self, *words: str | Path) -> str:
        return run(sys.executable, "-m", "pip", "--python", self.python, *words)

    def install(self, *what: str | Path) -> None:
        self.pip("install", "--no-index", "--find-links", self.wheels, "--no-build-isolation", *what)

    def sealer(self, *words: str, **environ: str) -> str:
        return run(self.python, "-m", "sealer", *words, **environ)

    def plugins(self, *words: str, **environ: str) -> list[dict[str, str | None]]:
        rows = json.loads(self.sealer(*words, "plugin", "list", "-o", "json", **environ))
        assert isinstance(rows, list)
        return rows

    def states(self, *words: str, **environ: str) -> dict[str, set[str]]:
        """Return the states of each plugin's rows, by the plugin's name."""
        states: dict[str, set[str]] = {}
        for row in self.plugins(*words, **environ):
            states.setdefault(str(row["plugin"]), set()).add(str(row["state"]))
        return states

    def distributions(self) -> set[str]:
        return {row["name"] for row in json.loads(self.pip("list", "--format", "json"))}

    def clone(self, directory: Path) -> Environment:
        """Return a copy; its scripts still point to the original, ``python -m`` does not."""
        shutil.copytree(self.directory, directory, symlinks=True)
        return Environment(directory, self.wheels)


@pytest.fixture(scope="session")
def wheels() -> Path:
    """Wheels of the build backend and of everything our distributions need, kept from run to run."""
    folders = [ROOT / "core", *(file.parent for file in ROOT.glob("plugins/*/pyproject.toml"))]
    members = [project(folder)["project"] for folder in folders]
    needed = {line for member in members for line in member["dependencies"] if not line.startswith("sealer-")}
    wanted = sorted({*needed, *project(ROOT)["build-system"]["requires"]})
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("SEALER_CACHE") or Path.home() / ".cache/sealer")
    directory = cache / f"wheels-{key}"
    if not directory.exists():
        partial = cache / f"wheels-{key}.{os.getpid()}"
        partial.mkdir(parents=True)
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", partial, *wanted)
        partial.rename(directory)
    return directory


@pytest.fixture(scope="session")
def empty(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the build backend alone."""
    directory = tmp_path_factory.mktemp("empty") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", directory)
    environment = Environment(directory, wheels)
    environment.pip("install", "--no-index", "--find-links", wheels, "hatchling")
    return environment


@pytest.fixture(scope="session")
def whole(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment into which the root was installed, as the README says. Tests that change it clone it."""
    directory = tmp_path_factory.mktemp("whole") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", directory)
    environment = Environment(directory, wheels)
    environment.install("hatchling")
    environment.install(ROOT)
    return environment


@dataclass(frozen=True)
class ThirdParty:
    """Builds the wheels of a stranger who has only the documentation."""

    directory: Path
    builder: Environment

    def wheel(self, name: str, *, plugin: str, module: str, text: str) -> Path:
        """Build a distribution of one module with one plugin, and return its wheel."""
        source = self.directory / name
        source.mkdir()
        (source / f"{module}.py").write_text(text)
        (source / "pyproject.toml").write_text(
            f"""
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"
            [project]
            name = "{name}"
            version = "3.2.1"
            dependencies = ["sealer-core>=0.1,<0.2"]
            [project.entry-points.sealer]
            {plugin} = "{module}"
            [tool.hatch.build.targets.wheel]
            include = ["{module}.py"]
            """
        )
        return self.build(source)

    def build(self, source: Path) -> Path:
        target = self.directory / f"{source.name}-wheel"
        words = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", target)
        self.builder.pip("wheel", *words, source)
        [wheel] = target.iterdir()
        return wheel


@pytest.fixture
def third_party(empty: Environment, tmp_path: Path) -> ThirdParty:
    return ThirdParty(tmp_path, empty)
