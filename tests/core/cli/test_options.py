"""What all commands have in common: help for everything, the same words, one error for what is wrong."""

from __future__ import annotations

from collections import defaultdict

import click
import pytest

from sealer.cli.program import run

from .commands import ALL

# These mean the same wherever they stand.
SHARED = {
    *("--accept-new", "--concurrency", "--upload-concurrency", "--fail-fast", "--progress", "--yes"),
    *("--cluster", "--ignore", "--user", "--passwd-from", "--pk", "--port", "--jump", "--set", "--values"),
}


def options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_explained_in_sentences(name: str) -> None:
    assert ALL[name].help
    for option in options(ALL[name]):
        assert option.help, option.opts
        assert option.help.partition("  [")[0].endswith("."), option.opts


def test_what_means_the_same_is_told_in_the_same_words() -> None:
    texts: dict[str, set[str]] = defaultdict(set)
    for command in ALL.values():
        for option in options(command):
            for name in SHARED & set(option.opts):
                texts[name].add(str(option.help))
    assert {name: found for name, found in texts.items() if len(found) > 1} == {}
    assert texts.keys() == SHARED


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_option_is_one_error_that_names_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["x"] if ALL[name].context_settings.get("ignore_unknown_options") else []
    assert run([*name.split(), *words, "--no-such-thing"]) == 2
    error, *rest = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert "--no-such-thing" in error
    assert rest == [f"hint: see: sealer {name} --help"]
