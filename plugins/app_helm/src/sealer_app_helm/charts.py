"""Recognise charts by what they hold, as directories and as archives."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path
from typing import IO, cast

CHART_FILE = "Chart.yaml"

_ARCHIVES = (".tgz", ".tar.gz")
# `helm package` puts it first; an archive made by hand is looked into this far, in bytes of its content.
_LOOK_UNTIL = 16 << 20


class _Beginning:
    """The first bytes of a stream: whatever an archive claims to hold, no more of it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = _LOOK_UNTIL

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def is_chart(path: Path) -> bool:
    """Tell whether a path is a chart: a directory with a ``Chart.yaml``, or an archive of one."""
    if path.is_dir():
        return (path / CHART_FILE).is_file()
    return path.name.endswith(_ARCHIVES) and path.is_file() and _holds_chart(path)


def _holds_chart(path: Path) -> bool:
    try:
        with (
            gzip.open(path) as stream,
            # All that tarfile asks of it is to be read from.
            tarfile.open(
                fileobj=cast("IO[bytes]", _Beginning(cast("IO[bytes]", stream))), mode="r|"
            ) as archive,
        ):
            for member in archive:
                directory, _, name = member.name.removeprefix("./").partition("/")
                if directory and name == CHART_FILE and member.isreg():
                    return True
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        return False
    return False
