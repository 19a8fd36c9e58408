"""Shells to hold scripts against: whether they can be parsed, and what they do."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SHELLS: tuple[tuple[str, ...], ...] = (("dash",), ("bash", "--posix"), ("busybox", "sh"))
"""The shells that hosts have as ``sh``: of Debian and Ubuntu, of Red Hat's family, of Alpine."""

_TIME_LIMIT = 60.0

# One process for all scripts of a shell, which tells the numbers of those that the shell can't parse.
_PARSE_ALL = """\
directory=$1
shift
for script in "$directory"/*; do
  "$@" -n "$script" >/dev/null 2>"$directory.said" || echo "${script##*/} $(head -n 1 "$directory.said")"
done
"""


def present_shells() -> tuple[tuple[str, ...], ...]:
    """Return those of ``SHELLS`` that this machine has; ``sh`` when it has none of them."""
    return tuple(shell for shell in SHELLS if shutil.which(shell[0])) or (("sh",),)


def syntax_errors(scripts: Mapping[str, str]) -> list[str]:
    """Let every shell of this machine parse scripts, and return what is wrong with them.

    Args:
        scripts: By a name that messages use.

    Returns:
        A line for each script and shell: the script's name, the shell, and what it says.
    """
    names: dict[str, list[str]] = {}
    for name, text in scripts.items():
        names.setdefault(text, []).append(name)
    new = sorted(names.keys() - _complaints.keys())
    if new:
        _complaints.update(_parse(new))
    return [
        f"{', '.join(named)}: {shell} can't parse it: {complaint}"
        for text, named in sorted(names.items())
        for shell, complaint in _complaints[text]
    ]


_complaints: dict[str, tuple[tuple[str, str], ...]] = {}
"""Of each text that was parsed, the shells that can't parse it and what they say; most come many times."""


def _parse(texts: Sequence[str]) -> Mapping[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {text: [] for text in texts}
    with tempfile.TemporaryDirectory(prefix="sealer-shells-") as parent:
        directory = Path(parent, "scripts")
        directory.mkdir()
        for number, text in enumerate(texts):
            directory.joinpath(str(number)).write_text(text, encoding="utf-8")
        for shell in present_shells():
            words = ["sh", "-c", _PARSE_ALL, "parse", str(directory), *shell]
            said = subprocess.run(words, capture_output=True, text=True, check=True)
            for line in said.stdout.splitlines():
                place, _, complaint = line.partition(" ")
                found[texts[int(place)]].append((shell[0], complaint))
    return {text: tuple(complaints) for text, complaints in found.items()}


def run_script(
    shell: Sequence[str], script: str, directory: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a script as a host would: on standard input, in a clean environment.

    Args:
        shell: One of ``SHELLS``.
        script: The script.
        directory: Where it runs; also its home and its place for temporary files.
        environ: Further variables.

    Raises:
        subprocess.TimeoutExpired: It did not end within a minute.
    """
    return subprocess.run(
        [*shell, "-s"],
        input=script,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd=directory,
        timeout=_TIME_LIMIT,
        env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
            "HOME": str(directory),
            "TMPDIR": str(directory),
            **environ,
        },
    )
