"""Run local programs for providers, which declare and never start processes themselves.

A program that this machine lacks is taken from the image that is built, and run apart from the machine: what
an image brings is not trusted.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from sealer.build.sandbox import Bind, Sandbox, run
from sealer.errors import ImageError, ProgramMissing

_TIME_LIMIT = 300.0
_LAST_WORDS = 12


class Tools:
    """Runs programs of this machine, or else of the image; a ``sealer.providers.ToolRunner``.

    Args:
        find: Returns a program of the image as a file, or None when it has none for this machine.
        workspace: The directory that has everything the programs are given.
    """

    def __init__(self, find: Callable[[str], Path | None], workspace: Path) -> None:
        self._find = find
        self._workspace = workspace
        self._found: dict[str, Path | None] = {}

    def __call__(self, words: Sequence[str], *, stdin: bytes = b"") -> bytes:
        """Return what a program prints.

        Raises:
            ProgramMissing: It is neither on this machine nor in the image.
            ImageError: It failed, or did not end in five minutes.
        """
        try:
            return run_tool(words, stdin=stdin)
        except ProgramMissing:
            program = words[0]
            if program not in self._found:
                self._found[program] = self._find(program)
            found = self._found[program]
            if found is None or stdin:
                raise
        return asyncio.run(self.isolated(found, words))

    async def isolated(self, program: Path, words: Sequence[str]) -> bytes:
        """Return what a program of the image prints, run apart from the machine.

        Args:
            program: The program; it must need no file beside itself.
            words: What it is called, and its arguments.

        Raises:
            ImageError: It can't be run, failed, or did not end in five minutes.
        """
        root = self._workspace / "tools"
        for directory in ("proc", "dev", "tmp", str(self._workspace).lstrip("/")):
            (root / directory).mkdir(parents=True, exist_ok=True)
        (root / "program").touch()
        sandbox = Sandbox(
            root=root,
            environment={"HOME": "/tmp", "TMPDIR": "/tmp"},  # noqa: S108  # it is the program's own
            binds=(
                Bind(source=self._workspace, target=str(self._workspace).lstrip("/")),
                Bind(source=program, target="program"),
            ),
            temporaries=("tmp",),
            secrets={},
            read_only=True,
        )
        output: list[bytes] = []
        try:
            await asyncio.wait_for(
                run(sandbox, ("/program", *words[1:]), said=lambda line: None, output=output), _TIME_LIMIT
            )
        except ImageError as error:
            raise ImageError(f"{words[0]} of the image: {error.message}", hint=error.hint) from error
        except TimeoutError as error:
            raise ImageError(f"{words[0]} did not end within {_TIME_LIMIT:.0f} seconds") from error
        return b"".join(output)


def run_tool(words: Sequence[str], *, stdin: bytes = b"") -> bytes:
    """Return what a program of this machine prints; see ``sealer.providers.ToolRunner``.

    Raises:
        ProgramMissing: There is none.
        ImageError: It failed, or did not end in five minutes.
    """
    program = words[0]
    try:
        done = subprocess.run(list(words), input=stdin, capture_output=True, check=False, timeout=_TIME_LIMIT)
    except FileNotFoundError as error:
        hint = f"install {program} on this machine, put it on PATH, or copy it into the image's bin/"
        raise ProgramMissing(f"the program {program} is not installed", hint=hint) from error
    except subprocess.TimeoutExpired as error:
        raise ImageError(
            f"{program} did not end within {_TIME_LIMIT:.0f} seconds",
            hint=f"run {program} by hand to see what it waits for",
        ) from error
    except OSError as error:
        raise ImageError(
            f"{program} can't be run: {error.strerror}",
            hint=f"run {program} by hand; it must be for this machine",
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-_LAST_WORDS:]
        raise ImageError(f"{program} failed: " + ("\n".join(said) or f"it ended with {done.returncode}"))
    return done.stdout
