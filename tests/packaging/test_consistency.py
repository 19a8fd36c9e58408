"""What is written down in several places says the same in all of them."""

from __future__ import annotations

import re

import pytest

from sealer import __version__

from .conftest import ROOT, project

MEMBERS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
PLUGINS = MEMBERS[1:]
FOLDERS = [str(member.relative_to(ROOT)) for member in MEMBERS]


def test_the_root_lists_core_and_every_plugin_and_nothing_else() -> None:
    listed = project(ROOT)["project"]["dependencies"]
    assert listed == [f"{project(ROOT / path)['project']['name']} @ {{root:uri}}/{path}" for path in FOLDERS]


def test_the_development_requirements_list_core_and_every_plugin() -> None:
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    editable = [line.removeprefix("-e ./") for line in lines if line.startswith("-e ")]
    assert editable == ["core[testing]", *FOLDERS[1:]]


def test_pytest_and_mypy_see_the_sources_of_all() -> None:
    tool = project(ROOT)["tool"]
    sources = [f"{path}/src" for path in FOLDERS]
    assert tool["pytest"]["ini_options"]["pythonpath"] == sources
    assert tool["mypy"]["mypy_path"] == sources


def test_all_versions_are_equal() -> None:
    versions = {path: project(ROOT / path)["project"]["version"] for path in [".", *FOLDERS]}
    assert set(versions.values()) == {__version__}


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_members_agree_on_python_licence_and_backend(member: object) -> None:
    root, own = project(ROOT), project(ROOT / str(member))
    assert own["build-system"] == root["build-system"]
    for key in ("requires-python", "license"):
        assert own["project"][key] == root["project"][key]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_is_named_after_its_folder_throughout(plugin: object) -> None:
    directory = ROOT / str(plugin)
    metadata = project(directory)["project"]
    package = f"sealer_{directory.name}"
    assert metadata["name"] == package.replace("_", "-")
    assert metadata["entry-points"]["sealer"] == {directory.name: package}
    assert (directory / "src" / package / "py.typed").exists()


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_needs_this_minor_version_of_core(plugin: object) -> None:
    major, minor, _ = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", __version__).groups()  # type: ignore[union-attr]  # it matches
    needed = project(ROOT / str(plugin))["project"]["dependencies"]
    assert f"sealer-core>={major}.{minor},<{major}.{int(minor) + 1}" in needed


def test_root_and_core_offer_the_same_command() -> None:
    assert project(ROOT)["project"]["scripts"] == project(ROOT / "core")["project"]["scripts"]
