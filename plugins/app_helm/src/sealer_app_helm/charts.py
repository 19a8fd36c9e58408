"""Recognise charts by what they hold, as directories and as archives."""

from __future__ import annotations

import tarfile
from pathlib import Path

CHART_FILE = "Chart.yaml"

_ARCHIVES = (".tgz", ".tar.gz")
# `helm package` puts it first; an archive made by hand is looked into this far, in bytes of its content.
_LOOK_UNTIL = 64 << 20


def is_chart(path: Path) -> bool:
    """Tell whether a path is a chart: a directory with a ``Chart.yaml``, or an archive of one."""
    if path.is_dir():
        return (path / CHART_FILE).is_file()
    return path.name.endswith(_ARCHIVES) and path.is_file() and _holds_chart(path)


def _holds_chart(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                directory, _, name = member.name.removeprefix("./").partition("/")
                if directory and name == CHART_FILE and member.isreg():
                    return True
                if member.offset > _LOOK_UNTIL:
                    return False
    except (tarfile.TarError, OSError, EOFError):
        return False
    return False
