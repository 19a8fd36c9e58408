"""Reads what is compressed with zstd, by the program of that name: Python has no such thing before 3.14."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sealer.errors import ImageError


@contextmanager
def open_zstd(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that is known to be whole, for reading what it holds from beginning to end.

    Raises:
        ImageError: The program is not installed, or the file holds something else.
    """
    try:
        process = subprocess.Popen(
            ["zstd", "--decompress", "--stdout", "--quiet", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise ImageError(
            "the program zstd is not installed", hint="on Debian and Ubuntu: apt install zstd"
        ) from error
    with process:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        assert process.stderr is not None  # noqa: S101  # it is a pipe
        try:
            yield process.stdout
        finally:
            # Who reads an archive stops at its end, and zstd is cut off then.
            process.stdout.close()
            said = process.stderr.read().decode(errors="replace").strip()
            status = process.wait()
        if status > 0 and "Broken pipe" not in said:
            raise ImageError(f"it can't be unpacked with zstd: {said}", place=str(path))
