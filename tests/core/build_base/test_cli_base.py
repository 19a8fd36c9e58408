"""``sealer base`` as it is typed, with a recipe of an installed plugin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealer.cli.program import run
from tests.core.build_base.material import toy_programs, write

PLUGIN = """
from sealer import hookimpl

@hookimpl
def sealer_base_recipes():
    from tests.core.build_base.material import ToyRecipe
    return (ToyRecipe(),)
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin that brings the recipe ``toy``, and use an empty home directory."""
    site = write(
        tmp_path / "site",
        {
            "toy_plugin.py": PLUGIN.encode(),
            "toy_plugin-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1\n",
            "toy_plugin-1.dist-info/entry_points.txt": b"[sealer]\ntoy = toy_plugin\n",
        },
    )
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("SEALER_HOME", str(tmp_path / "home"))


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["base", "list", "-o", "json"]) == 0
    listed = {row["name"]: row["summary"] for row in json.loads(capsys.readouterr().out)}
    assert listed["toy"] == "A toy of a distribution"


def test_an_image_is_built_and_named_on_standard_output_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts = write(tmp_path / "artifacts", toy_programs(images=""))
    assert run(["base", "build", "toy", "--from", str(artifacts), "-t", "team/toy:1"]) == 0
    built = capsys.readouterr().out
    assert built.startswith("docker.io/team/toy:1@sha256:")
    assert run(["inspect", "team/toy:1"]) == 0
    assert f"docker.io/team/toy:1@{json.loads(capsys.readouterr().out)['digest']}\n" == built


def test_several_platforms_get_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifacts = write(tmp_path / "artifacts", toy_programs(images=""))
    words = ["--from", str(artifacts), "--version", "1.2.3", "--platform", "linux/amd64,linux/arm64"]
    assert run(["base", "build", "toy", *words, "-t", "toy:1"]) == 0
    built = capsys.readouterr().out.strip()
    assert run(["manifest", "inspect", "toy:1"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["platform"]["architecture"] for each in listed["manifests"]] == ["amd64", "arm64"]
    assert run(["inspect", "toy:1", "--platform", "linux/arm64"]) == 0
    assert built.startswith("docker.io/library/toy:1@sha256:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which version is not said"),
        (["--from", "x", "--mirror", "https://m.example.com"], "--from DIR downloads nothing"),
        (["--version", "1", "--mirror", "m.example.com"], "m.example.com is not the address of a server"),
    ],
)
def test_options_that_make_no_sense_are_a_usage_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["base", "build", "toy", "-t", "toy:1", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_an_unknown_distribution_is_told_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["base", "build", "nought", "-t", "toy:1", "--version", "1"]) == 1
    assert "toy" in capsys.readouterr().err
