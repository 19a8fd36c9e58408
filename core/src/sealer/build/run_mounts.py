"""What a command of RUN sees beside the image: mounts of the context, caches, secrets, and the resolver."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from sealer.build.applications import materialise
from sealer.build.context import Directory
from sealer.build.inputs import Command, RunSettings
from sealer.build.rootfs import Rootfs
from sealer.build.sandbox import PATH, Bind, Sandbox
from sealer.build.tree import Mount
from sealer.errors import ImageError, SourceError, SourceErrors
from sealer.kubefile.instructions import MountKind, Run, RunMount

CACHES = "cache/run"
"""Where the caches of commands are, below Sealer's home directory."""

_RESOLVER = ("etc/resolv.conf", "etc/hosts")
_SYSTEM = ("proc", "dev")
_SCRIPT = "run/.sealer-script"


class GivenMounts:
    """What the machine gives to commands.

    Args:
        context: The build context, or None.
        workspace: A directory for copies of parts of the context.
        home: Sealer's home directory, which has the caches.
    """

    def __init__(self, context: Directory | None, workspace: Path, home: Path) -> None:
        self._context = context
        self._workspace = workspace
        self._home = home
        self._number = 0

    def kept(self, mount: RunMount) -> Path:
        """Return the directory of a cache, which all builds of this home share."""
        name = hashlib.sha256(mount.source.encode()).hexdigest()[:32]
        path = self._home / CACHES / name
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def content_of(self, mount: RunMount) -> str:
        """Return a digest of what is mounted of the context."""
        digest = hashlib.sha256()
        directory = self.materialised(mount)
        for path in sorted([directory, *directory.rglob("*")]):
            digest.update(os.fsencode(path.relative_to(directory.parent)) + b"\0")
            if path.is_symlink():
                digest.update(os.fsencode(path.readlink()))
            elif path.is_file():
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def materialised(self, mount: RunMount) -> Path:
        """Return a copy of what is mounted of the context: what is ignored is not in it."""
        if self._context is None:
            raise SourceErrors([SourceError("there is no build context", place=mount.place)])
        self._number += 1
        target = self._workspace / f"bind-{self._number}"
        item = self._context.find(mount.source)
        if item is None:
            message = f"the build context has no {mount.source}"
            raise SourceErrors([SourceError(message, place=mount.place)])
        name = "" if item.is_directory else item.name
        materialise([Mount(directory=self._context, item=item, target=name)], target)
        return target / name if name else target


class RunMounts:
    """Mounts for one command.

    Args:
        rootfs: The root that it runs in; mount points are made there.
        given: What the machine gives.
        settings: What the build gives.

    Attributes:
        made: The mount points that were made, the deepest of each first.
    """

    def __init__(self, rootfs: Rootfs, given: GivenMounts, settings: RunSettings) -> None:
        self.made: list[str] = []
        self._rootfs = rootfs
        self._given = given
        self._settings = settings
        self._binds: list[Bind] = []
        self._temporaries: list[str] = []
        self._files: dict[str, bytes] = {}
        self._environment: dict[str, str] = {}

    def sandbox(self, command: Command) -> tuple[Sandbox, tuple[str, ...]]:
        """Return what a command runs in, and its words.

        Raises:
            SourceErrors: A secret is not given, or the context lacks what is mounted.
            ImageError: The image has something else where a mount goes.
        """
        for path in _SYSTEM:
            if self._point(path) != path:
                raise ImageError(f"/{path} of the image is a link: commands can't be run in it")
        self._environment = {"PATH": PATH, "HOME": "/root", **command.environment}
        run = command.run
        network = self._settings.network if run.network is None else run.network == "host"
        for path in _RESOLVER if network else ():
            if Path("/", path).is_file():
                self._binds.append(
                    Bind(source=Path("/", path).resolve(), target=self._point(path, file=True))
                )
        for mount in run.mounts:
            self._take(mount)
        words = self._words(run)
        sandbox = Sandbox(
            root=self._rootfs.root,
            environment=self._environment,
            network=network,
            binds=tuple(self._binds),
            temporaries=tuple(self._temporaries),
            secrets=self._files,
        )
        return sandbox, words

    def _take(self, mount: RunMount) -> None:
        match mount.kind:
            case MountKind.TMPFS:
                self._temporaries.append(self._point(mount.target))
            case MountKind.CACHE:
                source = self._given.kept(mount)
                self._binds.append(Bind(source=source, target=self._point(mount.target), writable=True))
            case MountKind.BIND:
                source = self._given.materialised(mount)
                target = self._point(mount.target, file=not source.is_dir())
                self._binds.append(Bind(source=source, target=target))
            case MountKind.SECRET:
                self._take_secret(mount)

    def _take_secret(self, mount: RunMount) -> None:
        secret = self._settings.secrets.get(mount.source)
        if secret is None:
            if mount.required:
                hint = f"give it with --secret id={mount.source},src=FILE"
                message = f"the secret {mount.source} is not given"
                raise SourceErrors([SourceError(message, place=mount.place, hint=hint)])
            return
        if mount.target:
            self._files[self._point(mount.target, file=True)] = secret
        if mount.env:
            self._environment[mount.env] = secret.decode(errors="surrogateescape")

    def _words(self, run: Run) -> tuple[str, ...]:
        if not run.script:
            return run.command
        interpreter = run.script.partition("\n")[0].removeprefix("#!").strip().split(maxsplit=1)
        if not interpreter:
            raise ImageError("the script's first line names no interpreter")
        self._files[self._point(_SCRIPT, file=True)] = run.script.encode()
        return (*interpreter, f"/{_SCRIPT}")

    def _point(self, path: str, *, file: bool = False) -> str:
        there, made = self._rootfs.mount_point(path, file=file)
        self.made[:0] = made
        return there
