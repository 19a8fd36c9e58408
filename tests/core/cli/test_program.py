"""The root command: help, global options, and where flags take their defaults from."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sealer import __version__
from sealer.cli import program
from sealer.cli.commands import COMMANDS, Entry
from sealer.cli.program import root, run


def test_help_lists_every_command_under_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert re.search(rf"^{re.escape(entry.group)}:\n(  .*\n)*  {name} ", text, re.MULTILINE), name


def test_listing_images_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    script = (
        "import sys; from sealer.cli.program import run; run(['images']); "
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SEALER_HOME": str(tmp_path)},
    )
    heavy = {"asyncio", "asyncssh", "httpx", "isal", "rich", "sealer.changes", "yaml"}
    assert heavy & set(done.stderr.split()) == set()


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from sealer.cli.program import run; run(['--help']); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    imported = set(done.stderr.split())
    assert "click" in imported
    heavy = {"asyncssh", "asyncio", "cryptography", "httpx", "isal", "packaging", "rich", "yaml"}
    plugins = {name for name in imported if name.startswith("sealer_")}
    assert imported.isdisjoint(heavy), imported & heavy
    assert not plugins


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_the_table_can_be_imported_and_has_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert COMMANDS[name].summary.endswith(".")
    assert run([name, "--help"]) == 0
    help_text = capsys.readouterr().out
    assert help_text.startswith(f"Usage: sealer {name} ")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert run(["version"]) == 0
    assert run(["version", "-o", "json"]) == 0
    first, second, document = capsys.readouterr().out.split("\n", 2)
    assert first == second == f"sealer {__version__}"
    assert json.loads(document)["version"] == __version__


def test_an_unknown_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["versoin"]) == 2
    assert capsys.readouterr().err == (
        "error: No such command 'versoin'. Did you mean version?\nhint: see: sealer --help\n"
    )


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugin"]) == 2
    assert capsys.readouterr().err.startswith("Usage: sealer plugin [OPTIONS] COMMAND")


def test_a_choice_that_is_no_pair_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--plugin", "acme", "version"]) == 2
    assert "'acme' is not NAME=DISTRIBUTION" in capsys.readouterr().err


@click.command()
@click.option("-c", "--color-name", "color", default="red")
@click.option("--dry-run", is_flag=True)
def paint(color: str, dry_run: bool) -> None:
    """Say the colour: a command with flags for these tests."""
    click.echo(f"{color} {dry_run}")


@pytest.fixture
def with_paint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "paint", paint, raising=False)
    monkeypatch.setattr(root, "table", {"paint-it": Entry(program.__name__, "paint", "Test", "Say it.")})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALER_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("with_paint")
def test_a_flag_wins_over_environment_over_file_over_default(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["paint-it"])
    (home / "config.yaml").write_text("paint-it: {color-name: green, dry-run: true}\n")
    run(["paint-it"])
    monkeypatch.setenv("SEALER_PAINT_IT_COLOR_NAME", "blue")
    run(["paint-it"])
    run(["paint-it", "--color-name", "white"])
    assert capsys.readouterr().out == "red False\ngreen True\nblue True\nwhite True\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "config.yaml is no mapping of commands to flags"),
        ("paint-it: red\n", "config.yaml: paint-it is no mapping of flags"),
        ("paint-it: {color: red}\n", "config.yaml: there is no flag of `paint-it` named 'color'"),
        ("paint: {color-name: red}\n", "config.yaml: there is no command 'paint'"),
        ("a: [\n", "config.yaml:2:1: "),
    ],
)
@pytest.mark.usefixtures("with_paint")
def test_a_faulty_configuration_is_named(
    home: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config.yaml").write_text(text)
    assert run(["paint-it"]) in (1, 2)
    assert message in capsys.readouterr().err


def test_no_colour_when_it_is_not_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run(["nonsense"])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
def test_a_terminal_has_colour_unless_the_user_wants_none(no_color: str, colored: bool) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "wb", buffering=0) as terminal:
        subprocess.run(
            [sys.executable, "-m", "sealer", "nonsense"],
            stderr=terminal,
            check=False,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "NO_COLOR": no_color,
                "TERM": "xterm",
            },
        )
        shown = screen.read(4096)
    assert b"No such command 'nonsense'" in shown
    assert (b"\x1b[" in shown) == colored


def test_completion_offers_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SEALER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "sealer plu")
    monkeypatch.setenv("COMP_CWORD", "1")
    run([])
    assert capsys.readouterr().out == "plain,plugin\n"
