"""The application type ``shell``: scripts that are run one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from sealer.changes import Change, Command, quote
from sealer.model import Application, Cluster
from sealer.providers import AppType

_SUFFIX = ".sh"


class Shell(AppType):
    """Every file is a ``.sh``; they are run by bash in the order of the sources, directories by name."""

    name: ClassVar[str] = "shell"
    summary: ClassVar[str] = "shell scripts, run with bash"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        # A file that two sources bring is one file in the application's directory.
        files = tuple(dict.fromkeys(file for source in sources for file in _files(source)))
        return files if files and all(file.endswith(_SUFFIX) for file in files) else None

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        for file in app.files:
            path = f"{app.directory}/{file}"
            yield Command(title=f"run {file} of {app.name}", run=f"bash {quote(path)}")


def _files(source: Path) -> Iterator[str]:
    """Yield the paths that a source's files have in the application's directory."""
    if not source.is_dir():
        yield source.name
        return
    paths = (path for path in source.rglob("*") if not path.is_dir())
    yield from sorted(path.relative_to(source).as_posix() for path in paths)
