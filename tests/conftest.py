"""Order of the whole suite, and the guards that keep tests off the user's own files."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast the machine is says nothing about what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# What is fast and catches most comes first; a real cluster comes last.
ORDER = ("core", "plugins", "interop", "packaging", "apps", "lab")

SLOW = ("slow", "lab", "kubernetes")
PARTS = ("fast", "machines", "kubernetes")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part",
        choices=PARTS,
        help="only what is fast; or takes time or machines; or takes Kubernetes",
    )


def _directory(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def _part(item: pytest.Item) -> str:
    if item.get_closest_marker("kubernetes") is not None:
        return "kubernetes"
    quick = not any(item.get_closest_marker(name) for name in SLOW) and _directory(item) != "packaging"
    return "fast" if quick else "machines"


# What takes long to make is made once: of tests with Kubernetes one process has all with the first of these
# fixtures that one has; of others, all of one of these directories.
SHARED = ("site", "builder", "api")
SHARING = ("lab/changes", "lab/checks", "lab/ssh")

# What takes longest begins first, so that processes end together. Whoever has the one cluster gets nothing
# behind it that the same person does: they remember it.
LONGEST = (
    *("interop/test_push_pull.py", "core/testing/test_conformance.py"),
    *("lab/test_killed.py", "lab/faults/test_power_and_links.py"),
    *("builder", "site", "api"),
)


def _group(item: pytest.Item) -> str:
    """Return the name of what one process runs, which is a file where nothing is shared among several."""
    fixtures = getattr(item, "fixturenames", ())
    if _part(item) == "kubernetes" and ("builder" in fixtures or "api" in fixtures):
        return next(name for name in SHARED if name in fixtures)
    file = item.path.relative_to(Path(__file__).parent)
    directory = file.parent.as_posix()
    return directory if directory in SHARING else file.as_posix()


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.xdist_group(_group(item)))


def _rank(item: pytest.Item) -> tuple[int, int, int]:
    directory, group = _directory(item), _group(item)
    order = ORDER.index(directory) if directory in ORDER else len(ORDER)
    urgent = LONGEST.index(group) if group in LONGEST else len(LONGEST)
    return PARTS.index(_part(item)), urgent, order


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_rank)
    part = config.getoption("--part")
    if part is not None:
        config.hook.pytest_deselected(items=[item for item in items if _part(item) != part])
        items[:] = [item for item in items if _part(item) == part]


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test a home of its own, and none of the user's settings."""
    for name in os.environ:
        if name.startswith("SEALER_") and name not in ("SEALER_ARTIFACTS", "SEALER_CACHE"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / f"home-{next(_numbers)}"  # made by those that need it
    monkeypatch.setenv("SEALER_HOME", str(home))


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """The files of a Kubernetes release: ``$SEALER_ARTIFACTS``, or what scripts/build-kubernetes makes.

    That takes minutes the first time. When it runs already, as scripts/test has it, this waits for it.
    """
    given = os.environ.get("SEALER_ARTIFACTS")
    if given:
        return Path(given)
    script = Path(__file__).parents[1] / "scripts/build-kubernetes"
    done = subprocess.run([script], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.splitlines()[-1])
