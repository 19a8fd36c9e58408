"""Installing and removing, whole, slim and extended, by pip into fresh environments."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sealer import __version__

from .conftest import ROOT, Environment, ThirdParty, run

BUILT_IN = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")}

APP = """
from sealer import hookimpl
from sealer.providers import AppType


class Acme(AppType):
    name = "acme"
    summary = "Made by a third party"

    def detect(self, sources):
        return None

    def launch(self, cluster, app):
        return ()


@hookimpl
def sealer_app_types():
    yield Acme()
"""


def test_the_root_installs_the_command_and_every_plugin(whole: Environment) -> None:
    command = whole.directory / "bin/sealer"
    assert run(command, "--version") == f"sealer {__version__}\n"
    rows = whole.plugins()
    assert {row["plugin"] for row in rows} == BUILT_IN
    assert {(row["version"], row["state"], row["error"]) for row in rows} == {(__version__, "loaded", None)}
    assert all(row["distribution"] == f"sealer-{str(row['plugin']).replace('_', '-')}" for row in rows)
    assert all(row["name"] and row["kind"] for row in rows)
    table = run(command, "plugin", "list")
    assert table.startswith("NAME ")
    assert len(table.splitlines()) == 1 + len(rows)


def test_what_is_installed_is_complete(whole: Environment) -> None:
    """Scripts and type markers beside the modules have to come along."""
    [site] = whole.directory.glob("lib/python*/site-packages")
    missing = [
        str(file.relative_to(ROOT))
        for source in (ROOT / "core/src", *ROOT.glob("plugins/*/src"))
        for file in source.rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not (site / file.relative_to(source)).is_file()
    ]
    assert missing == []


def test_installing_leaves_nothing_in_the_checkout(whole: Environment) -> None:
    assert whole.directory.exists()
    left = [path for name in ("build", "dist", "*.egg-info") for path in ROOT.glob(f"**/src/{name}")]
    left += [path for name in ("build", "dist", "*.egg-info") for path in ROOT.glob(name)]
    assert left == []


def test_uninstalling_a_plugin_removes_just_that(whole: Environment, tmp_path: Path) -> None:
    environment = whole.clone(tmp_path / "venv")
    before = environment.distributions()
    environment.pip("uninstall", "--yes", "sealer-runtime-k8s")
    assert before - environment.distributions() == {"sealer-runtime-k8s"}
    assert environment.states() == {name: {"loaded"} for name in BUILT_IN - {"runtime_k8s"}}
    assert "Usage: sealer" in environment.sealer("--help")


def test_a_slim_installation_has_core_and_what_was_named(empty: Environment, tmp_path: Path) -> None:
    environment = empty.clone(tmp_path / "venv")
    environment.install(ROOT / "core", ROOT / "plugins/runtime_k8s")
    ours = {name for name in environment.distributions() if name.startswith("sealer")}
    assert ours == {"sealer-core", "sealer-runtime-k8s"}
    assert environment.states() == {"runtime_k8s": {"loaded"}}
    assert run(environment.directory / "bin/sealer", "--version") == f"sealer {__version__}\n"
    environment.pip("check")


def test_a_third_partys_wheel_is_found(whole: Environment, third_party: ThirdParty, tmp_path: Path) -> None:
    environment = whole.clone(tmp_path / "venv")
    environment.install(third_party.wheel("acme-apps", plugin="app_acme", module="acme_apps", text=APP))
    [row] = [row for row in environment.plugins() if row["plugin"] == "app_acme"]
    assert row == {
        "name": "acme",
        "kind": "application type",
        "summary": "Made by a third party",
        "plugin": "app_acme",
        "distribution": "acme-apps",
        "version": "3.2.1",
        "state": "loaded",
        "error": None,
    }
    disabled = environment.states(SEALER_DISABLE_PLUGINS="app_acme,app_shell")
    assert disabled["app_acme"] == disabled["app_shell"] == {"disabled"}
    assert environment.states("--disable-plugin", "app_acme")["app_acme"] == {"disabled"}


def test_a_broken_plugin_takes_nothing_down(
    whole: Environment, third_party: ThirdParty, tmp_path: Path
) -> None:
    environment = whole.clone(tmp_path / "venv")
    text = "import a_library_that_is_not_there"
    environment.install(third_party.wheel("acme-apps", plugin="app_acme", module="acme_apps", text=text))
    done = subprocess.run(
        [environment.python, "-m", "sealer", "plugin", "list"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    reason = "ModuleNotFoundError: No module named 'a_library_that_is_not_there'"
    assert done.stderr == f"warning: acme-apps (plugin app_acme) is broken and left out: {reason}\n"
    [row] = [line for line in done.stdout.splitlines() if "acme-apps" in line]
    assert "broken" in row
    assert row.endswith(reason)
    assert environment.states() == {name: {"loaded"} for name in BUILT_IN} | {"app_acme": {"broken"}}


def test_two_distributions_that_claim_one_name_are_named_and_one_can_be_chosen(
    whole: Environment, third_party: ThirdParty, tmp_path: Path
) -> None:
    environment = whole.clone(tmp_path / "venv")
    for name, module in (("acme-apps", "acme_apps"), ("rival-apps", "rival_apps")):
        environment.install(third_party.wheel(name, plugin="app_acme", module=module, text=APP))
    rows = [row for row in environment.plugins() if row["plugin"] == "app_acme" and row["name"]]
    assert {(row["distribution"], row["state"]) for row in rows} == {
        ("acme-apps", "contested"),
        ("rival-apps", "contested"),
    }
    assert all("acme-apps" in str(row["error"]) and "rival-apps" in str(row["error"]) for row in rows)
    rows = [
        row for row in environment.plugins("--plugin", "app_acme=rival-apps") if row["plugin"] == "app_acme"
    ]
    assert {(row["distribution"], row["state"]) for row in rows} == {
        ("acme-apps", "disabled"),
        ("rival-apps", "loaded"),
    }
