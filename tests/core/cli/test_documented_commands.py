"""The commands that README, the pages of docs/, scripts/demo and the examples show are ones that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from sealer.cli.program import root

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "scripts/demo", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/Kubefile")]
)


def shown(page: Path) -> list[str]:
    """Return the command lines of a page: `sealer ...` in code, at a prompt, or in quotes of the demo."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(
        r"""^(?:    |\$ |#   |show |site ['"]|    scripts/demo site )(sealer .*)$""", text, re.MULTILINE
    )
    ends = r"""\s(?:#|>|\|).*|['"]$"""
    return [re.sub(ends, "", line) for line in lines if "..." not in line]


@pytest.mark.parametrize(
    ("page", "line"), [(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in shown(page)]
)
def test_a_command_that_is_shown_exists_with_its_options(page: str, line: str) -> None:
    del page
    words = shlex.split(line)[1:]
    words = words[: words.index("--")] if "--" in words else words  # what follows is another program's
    command: click.Command = root
    context = click.Context(command)
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    while isinstance(command, click.Group):
        while words[0].startswith("-"):
            assert words.pop(0).partition("=")[0] in known
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command, context = found, click.Context(found, parent=context)
    known = {name for param in command.get_params(context) for name in (*param.opts, *param.secondary_opts)}
    options = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    assert options - known == set()


def test_the_pages_show_commands() -> None:
    assert {page.name for page in PAGES if shown(page)} >= {
        "README.md",
        "demo",
        "getting-started.md",
        "kubefile.md",
    }
