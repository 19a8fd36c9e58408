"""The contracts pass sound providers, find each fault they are there for, and can't be dodged."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from sealer.discovery import CONTRACTS
from sealer.testing import conformance
from sealer.testing.conformance import AppTypeContract, Contract, deviates
from tests.core.testing import faulty

DIRECTORY = Path(faulty.__file__).parent
MODULES = [
    importlib.import_module(f"{faulty.__name__}.{module.name}")
    for module in pkgutil.iter_modules(faulty.__path__)
]
CASES = {name: case for module in MODULES for name, case in vars(module).items() if name.startswith("Test")}
FAULTS = [(name, test) for name, case in CASES.items() for test in getattr(case, "finds", ())]
LINE = re.compile(r"^(PASSED|FAILED|ERROR) \S*?::(\w+)::(\w+)", re.MULTILINE)
SOUND = [name for name, case in CASES.items() if not hasattr(case, "finds")]


def _file(name: str) -> str:
    """Return the file of a class, as pytest is to be given it."""
    return f"{CASES[name].__module__.rpartition('.')[2]}.py"


@cache
def outcomes() -> tuple[str, dict[tuple[str, str], set[str]]]:
    """Run sound providers whole, and of faulty ones what must fail; return what became of each test."""
    whole = [f"{_file(name)}::{name}" for name in SOUND]
    chosen = whole + [f"{_file(name)}::{name}::{test}" for name, test in FAULTS]
    words = ["-q", "-rA", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error", "--noconftest"]
    words += ["-c", os.devnull, "--rootdir", str(DIRECTORY)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--import-mode=importlib", *chosen],
        capture_output=True,
        text=True,
        check=False,
        cwd=DIRECTORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    found: dict[tuple[str, str], set[str]] = {}
    for state, name, test in LINE.findall(done.stdout):
        found.setdefault((name, test), set()).add(state)
    return done.stdout, found


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_provider_passes(name: str) -> None:
    text, found = outcomes()
    states = {test: state for (case, test), state in found.items() if case == name}
    assert states, text[-3000:]
    assert {test for test, state in states.items() if state != {"PASSED"}} == set()
    assert set(states) == {test for test in dir(CASES[name]) if test.startswith("test_")}


@pytest.mark.parametrize(("name", "test"), FAULTS, ids=lambda part: part)
def test_a_fault_is_found(name: str, test: str) -> None:
    text, found = outcomes()
    assert found.get((name, test), set()) & {"FAILED", "ERROR"}, text[-3000:]


def test_failures_say_what_was_compared() -> None:
    text, _ = outcomes()
    assert "assert set() == {'member@" in text


def test_every_test_of_a_contract_has_a_fault_that_it_finds() -> None:
    found = {test for _, test in FAULTS}
    promised = {test for name in SOUND for test in dir(CASES[name]) if test.startswith("test_")}
    assert sorted(promised - found) == []


def test_every_kind_of_provider_has_a_contract() -> None:
    beside = {"BaseImagesContract"}  # of what providers of several kinds may be as well
    classes = {name for name in conformance.__all__ if name.endswith("Contract")} - {"Contract"} - beside
    assert classes == {f"{contract.base.__name__}Contract" for contract in CONTRACTS.values()}


def test_a_test_of_a_contract_can_not_be_replaced_or_dropped_unsaid() -> None:
    with pytest.raises(TypeError, match="say why"):
        type("TestMine", (AppTypeContract,), {"test_samples_are_recognised": lambda self: None})
    with pytest.raises(TypeError, match="say why"):
        type("TestMine", (AppTypeContract,), {"test_samples_are_recognised": None})
    mixin = type("Mixin", (), {"test_samples_are_recognised": lambda self: None})
    with pytest.raises(TypeError, match="say why"):
        type("TestMine", (mixin, AppTypeContract), {})


def test_a_test_may_be_replaced_for_a_reason() -> None:
    @deviates("it recognises by asking a program that has its own tests")
    def other(self: object) -> None: ...

    mine = type("TestMine", (AppTypeContract,), {"test_samples_are_recognised": other})
    assert issubclass(mine, Contract)
    with pytest.raises(ValueError, match="needs a reason"):
        deviates(" ")


def test_a_fixture_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "from sealer.testing.conformance import RegistryContract\nclass TestMine(RegistryContract): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-c", os.devnull, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.returncode == 1
    assert "override the fixture 'provider'" in done.stdout
