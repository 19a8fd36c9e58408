"""The application type ``shell``: scripts that are run one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from sealer.changes import Change, Command, quote
from sealer.errors import ImageError
from sealer.manifests import LIST_NAME
from sealer.model import Application, Cluster
from sealer.providers import AppType

_SUFFIX = ".sh"
UPGRADE = "upgrade.sh"
UNINSTALL = "uninstall.sh"


class Shell(AppType):
    """Every file is a ``.sh``; they are run by bash in the order of the sources, directories by name.

    ``upgrade.sh`` and ``uninstall.sh`` are not among those that are run to launch it: they are for what they
    are called after.
    """

    name: ClassVar[str] = "shell"
    summary: ClassVar[str] = "shell scripts, run with bash"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        # A file that two sources bring is one file in the application's directory.
        files = tuple(dict.fromkeys(file for source in sources for file in _files(source)))
        if not files or not all(file.endswith(_SUFFIX) for file in files):
            return None
        return files if any(map(_is_launched, files)) else None

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        for file in filter(_is_launched, app.files):
            yield _run(app, file)

    def upgrade(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        scripts = [file for file in app.files if _name(file) == UPGRADE]
        for file in scripts or filter(_is_launched, app.files):
            yield _run(app, file)

    def uninstall(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        scripts = [file for file in app.files if _name(file) == UNINSTALL]
        if not scripts:
            raise ImageError(
                f"application {app.name} is made of scripts, and none of them is called {UNINSTALL}",
                hint=f"give it one in the Kubefile: APP {app.name} local://install.sh local://{UNINSTALL}",
            )
        for file in scripts:
            yield _run(app, file)


def _run(app: Application, file: str) -> Command:
    path = f"{app.directory}/{file}"
    return Command(title=f"run {file} of {app.name}", run=f"bash {quote(path)}")


def _name(file: str) -> str:
    return file.rpartition("/")[2]


def _is_launched(file: str) -> bool:
    return _name(file) not in (UPGRADE, UNINSTALL)


def _files(source: Path) -> Iterator[str]:
    """Yield the paths that a source's files have in the application's directory."""
    if not source.is_dir():
        if source.name != LIST_NAME:
            yield source.name
        return
    # The list of container images is for the build, and nothing to run.
    paths = (path for path in source.rglob("*") if not path.is_dir() and path.name != LIST_NAME)
    yield from sorted(path.relative_to(source).as_posix() for path in paths)
