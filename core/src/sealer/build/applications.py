"""Applications while an image is built: their files brought together, their types recognised."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sealer.build.artifacts import SCHEME, fetch_artifacts
from sealer.build.context import Directory, FileOpener, Item
from sealer.build.copying import find_sources
from sealer.build.inputs import AppFiles
from sealer.build.tree import Mount, walk
from sealer.errors import ImageError, PluginError, SealerError, SourceError, SourceErrors
from sealer.events import EventSink, discard
from sealer.image.transport import Transport
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import LocalSource, RemoteSource
from sealer.model import APPS_DIRECTORY, Application
from sealer.providers import AppType

_COPY_CHUNK = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedApp:
    """An application with its files at hand.

    Attributes:
        application: What the image says about it.
        mounts: Its files, at their paths in the image.
        sources: A copy of each source, for providers to look at.
        directory: A copy of its directory in the image, for providers to look at.
        created_by: What made it, with the digests of remote files, for the image's history.
    """

    application: Application
    mounts: tuple[Mount, ...]
    sources: tuple[Path, ...]
    directory: Path
    created_by: str


class AppStage:
    """Brings applications together below a directory.

    Args:
        root: An empty directory.
        types: The application types by name.
        resources: Closes what is opened here.
        home: Sealer's home directory, with credentials for registries.
        skip_tls_verify: Whether servers of remote files may show any certificate.
        sink: Is told about downloads.
    """

    def __init__(
        self,
        root: Path,
        types: Mapping[str, AppType],
        resources: ExitStack,
        *,
        home: Path,
        skip_tls_verify: bool = False,
        sink: EventSink = discard,
    ) -> None:
        self._home = home
        self._root = root
        self._types = types
        self._resources = resources
        self._skip_tls_verify = skip_tls_verify
        self._sink = sink

    async def stage(self, apps: Sequence[AppFiles], context: Directory | None) -> tuple[StagedApp, ...]:
        """Fetch, copy and recognise applications.

        Raises:
            SourceErrors: Sources are missing, or applications have neither a type nor commands.
            PluginError: An application type fails, or several claim one application.
        """
        remote: dict[Path, RemoteSource] = {}
        for app in apps:
            for number, source in enumerate(app.sources):
                if isinstance(source, RemoteSource):
                    directory = self._root / app.name / f"remote-{number}"
                    directory.mkdir(parents=True)
                    remote[directory / source.file_name] = source
        digests = await self._download(remote) if remote else {}
        staged: list[StagedApp] = []
        problems: list[SourceError] = []
        for app in apps:
            try:
                staged.append(self._stage(app, context, digests))
            except SourceErrors as errors:
                problems.extend(errors.problems)
            except SourceError as error:
                problems.append(error)
        if problems:
            raise SourceErrors(problems)
        return tuple(staged)

    async def _download(self, remote: Mapping[Path, RemoteSource]) -> Mapping[Path, str]:
        # The HTTP library takes longer to import than most builds take.
        from sealer.build.remote import Downloads, download  # noqa: PLC0415  # see above

        artifacts = {path: source for path, source in remote.items() if source.url.startswith(SCHEME)}
        plain = {path: source for path, source in remote.items() if path not in artifacts}
        transport = Transport(self._home, skip_tls_verify=self._skip_tls_verify, sink=self._sink)
        settings = Downloads(skip_tls_verify=self._skip_tls_verify, sink=self._sink)
        return {**await download(plain, settings), **await fetch_artifacts(artifacts, transport)}

    def _stage(self, app: AppFiles, context: Directory | None, digests: Mapping[Path, str]) -> StagedApp:
        root = self._root / app.name
        target = f"{APPS_DIRECTORY}/{app.name}"
        mounts: list[Mount] = []
        sources: list[Path] = []
        described: list[str] = [app.created_by]
        for number, source in enumerate(app.sources):
            if isinstance(source, RemoteSource):
                directory = self._open(root / f"remote-{number}")
                digest = digests[directory.root / source.file_name]
                described.append(f"{source.url.partition('?')[0]}#{digest.replace(':', '=')}")
                item = directory.find(source.file_name)
                taken = [(source.file_name, item)] if item else []
            else:
                described.append(f"local://{source.path}")
                directory, taken = _local(source, context)
            for name, item in taken:
                own = target if item.is_directory else f"{target}/{name}"
                mounts.append(Mount(directory=directory, item=item, target=own))
                copy = root / f"source-{number}" / (name or app.name)
                whole = Mount(directory=directory, item=item, target="" if item.is_directory else name)
                materialise([whole], copy if item.is_directory else copy.parent)
                sources.append(copy)
        files = root / "files"
        materialise(mounts, files)
        return StagedApp(
            application=self._recognise(app, sources),
            mounts=tuple(mounts),
            sources=tuple(sources),
            directory=files / target,
            created_by=" ".join(described),
        )

    def _open(self, path: Path) -> Directory:
        return self._resources.enter_context(Directory(path))

    def _recognise(self, app: AppFiles, sources: Sequence[Path]) -> Application:
        found = recognise(self._types, sources, app.name)
        if found is None and not app.cmds:
            known = ", ".join(self._types) or "none is installed"
            message = f"the type of application {app.name} is not recognised"
            hint = (
                f"say how to launch it with APPCMDS {app.name} [...], or give it files of one type: {known}"
            )
            raise SourceError(message, place=app.place, hint=hint)
        name, files = found or ("", ())
        return Application(name=app.name, type=name, files=files, env=app.env, cmds=app.cmds)


def recognise(
    types: Mapping[str, AppType], sources: Sequence[Path], app: str
) -> tuple[str, tuple[str, ...]] | None:
    """Return the name of the type that sources are of and the files to launch, or None.

    Raises:
        PluginError: A type fails, or several claim the sources.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, kind in types.items():
        files = asked(name, lambda kind=kind: kind.detect(sources))  # type: ignore[misc]  # bound now
        if files is not None:
            found[name] = tuple(files)
    if len(found) > 1:
        raise PluginError(
            f"application {app} is claimed by the types {' and '.join(found)}",
            hint="disable one of the plugins with --disable-plugin, or split the application",
        )
    return next(iter(found.items()), None)


def asked(name: str, question: Callable[[], T]) -> T:
    """Ask an application type, and say which one it was when it fails.

    Raises:
        PluginError: It raised what it should not.
    """
    try:
        return question()
    except SealerError:
        raise
    except Exception as error:
        raise PluginError(f"the application type {name} failed: {type(error).__name__}: {error}") from error


def materialise(mounts: Iterable[Mount], target: Path) -> None:
    """Write what mounts bring to an image into a directory, but for links that would lead out of it.

    Raises:
        ImageError: Something can't be read or written.
    """
    links: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileOpener() as opener:
            for entry in walk(mounts):
                path = target / entry.path
                if entry.item.is_directory:
                    path.mkdir()
                elif entry.item.link:
                    path.symlink_to(entry.item.link)
                    links.append(path)
                else:
                    with (
                        entry.open(opener) as descriptor,
                        open(descriptor, "rb", closefd=False) as source,
                        path.open("wb") as file,
                    ):
                        shutil.copyfileobj(source, file, _COPY_CHUNK)
                    path.chmod(entry.permissions)
    except OSError as error:
        raise ImageError(f"files can't be copied: {error.strerror}", place=str(target)) from error
    root = os.path.realpath(target)
    for link in links:
        if not os.path.realpath(link).startswith(f"{root}/"):
            link.unlink()


def _local(source: LocalSource, context: Directory | None) -> tuple[Directory, list[tuple[str, Item]]]:
    if context is None:
        raise SourceError("there is no build context", place=source.place)
    return context, find_sources(context, Word(text=source.path, place=source.place))
