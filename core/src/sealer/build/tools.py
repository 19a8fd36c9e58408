"""Run local programs for providers, which declare and never start processes themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from sealer.errors import ImageError

_TIME_LIMIT = 300.0
_LAST_WORDS = 12


def run_tool(words: Sequence[str], *, stdin: bytes = b"") -> bytes:
    """Return what a program prints; see ``sealer.providers.ToolRunner``.

    Raises:
        ImageError: It is missing, failed, or did not end in five minutes.
    """
    program = words[0]
    try:
        done = subprocess.run(list(words), input=stdin, capture_output=True, check=False, timeout=_TIME_LIMIT)
    except FileNotFoundError as error:
        hint = f"install {program} on this machine, or put it on PATH"
        raise ImageError(f"the program {program} is not installed", hint=hint) from error
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"{program} did not end within {_TIME_LIMIT:.0f} seconds") from error
    except OSError as error:
        raise ImageError(f"{program} can't be run: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-_LAST_WORDS:]
        raise ImageError(f"{program} failed: " + ("\n".join(said) or f"it ended with {done.returncode}"))
    return done.stdout
