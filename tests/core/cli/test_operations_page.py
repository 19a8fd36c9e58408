"""docs/operations.md names commands, options, exit codes and files as the program has them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from sealer import errors
from sealer.cli.program import root
from sealer.errors import SealerError
from sealer.operation.records import ABORTED, DONE, ClusterRecords

PAGE = (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8")
CODE = [*re.findall(r"^    (sealer .*)$", PAGE, re.MULTILINE), *re.findall(r"`(sealer [^`]+)`", PAGE)]
LINES = sorted({line.split("#")[0].strip() for line in CODE} - {"sealer COMMAND --help"})


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and the words after it."""
    command: click.Command = root
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("line", LINES)
def test_a_command_and_its_options_exist(line: str) -> None:
    command, words = command_of(shlex.split(line)[1:])
    words = words[: words.index("--")] if "--" in words else words  # what follows is another program's
    options = {name for part in command.params for name in (*part.opts, *part.secondary_opts)}
    for word in words:
        assert not word.startswith("-") or word in options, f"{command.name} has no option {word}"


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("plan", "--detailed-exitcode"),
        ("plan", "--out"),
        ("run", "--fail-fast"),
        ("run", "--cluster-name"),
        ("delete", "--force"),
        ("delete", "--dry-run"),
        ("reset", "--verify"),
        ("reset", "--data-root"),
    ],
)
def test_an_option_that_stands_alone_exists(name: str, option: str) -> None:
    command, _ = command_of([name])
    assert option in PAGE
    assert option in {name for part in command.params for name in part.opts}


def test_the_exit_codes_are_those_of_the_errors() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    raised = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SealerError)
    }
    assert listed == {0, 7, *raised}


def test_the_files_are_where_the_page_says(tmp_path: Path) -> None:
    records = ClusterRecords(tmp_path, "NAME")
    with records.lock("run"):
        operation = records.begin("run", {})
    paths = {
        operation.directory / "request.json",
        operation.journal,
        operation.log,
        records.directory / "lock",
    }
    for path in paths:
        shown = str(path.relative_to(tmp_path)).replace(operation.id, "ID")
        assert f"`{shown}`" in PAGE
    assert (operation.directory / "request.json").stat().st_mode & 0o077 == 0


def test_the_states_are_those_of_journals() -> None:
    for state in (DONE, ABORTED, "rolled back", "open"):
        assert f"`{state}`" in PAGE
