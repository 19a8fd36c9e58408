"""The instructions of a Kubefile as values, each with its place in the file."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sealer.errors import Place
from sealer.kubefile.arguments import Pair, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Base of all instructions: ``place`` is that of the instruction's word."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class From(Instruction):
    """FROM: the parent image, or None for scratch. ``platform`` is ``os/architecture[/variant]``."""

    image: Word | None
    platform: Word | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The numeric owner of files in an image."""

    user: int
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSource:
    """``local://path``: a file or directory of the build context; ``path`` is relative to it."""

    path: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSource:
    """``http://``, ``https://`` or ``oci://``: a file that is fetched while building.

    Attributes:
        url: Without the fragment.
        file_name: The name it gets in the application's directory.
        digest: ``sha256:<hex>`` that its content must have, or None.
    """

    url: str
    file_name: str
    digest: str | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineFile:
    """A heredoc of COPY or ADD: a file with its name and content."""

    name: str
    content: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Instruction):
    """COPY: files of the build context into the image.

    Attributes:
        sources: Paths or globs relative to the build context.
        inline: Files whose content is in the Kubefile.
        destination: As written: a final slash says that it is a directory.
        owner: From ``--chown``.
        mode: From ``--chmod``: permission bits for files and directories alike.
        text: The instruction without its continuations, for the image's history.
    """

    sources: tuple[Word, ...]
    inline: tuple[InlineFile, ...] = ()
    destination: Word
    owner: Owner | None = None
    mode: int | None = None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Copy):
    """ADD: as COPY, and files that are fetched, and archives that are unpacked.

    Attributes:
        remote: Files that are fetched while building.
        unpack: Whether archives are unpacked; None means those of the context, not those that are fetched.
        digest: ``sha256:<hex>`` that the one source must have, or None.
    """

    remote: tuple[RemoteSource, ...] = ()
    unpack: bool | None = None
    digest: str | None = None


class MountKind(enum.StrEnum):
    """What RUN mounts."""

    SECRET = "secret"  # noqa: S105  # it names a kind of mount
    TMPFS = "tmpfs"
    BIND = "bind"
    CACHE = "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMount:
    """Something that a command of RUN sees and that does not become part of the image.

    Attributes:
        kind: What it is.
        target: Where it is seen, without leading slash.
        source: The id of a secret or cache, or a path of the build context.
        required: Whether a secret must be given.
        env: The variable that gets a secret instead of a file, or "".
        place: Where it is asked for.
    """

    kind: MountKind
    target: str
    source: str = ""
    required: bool = False
    env: str = ""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Instruction):
    """RUN: a command that changes the image.

    Attributes:
        command: The program and its arguments; that of the shell form begins with ``/bin/sh``.
        script: A script with an interpreter of its own, which is run instead, or "".
        network: ``none``, ``host`` or None for what the build says.
        mounts: What it sees beside the image.
        text: The instruction without its continuations, for the image's history.
    """

    command: tuple[str, ...]
    script: str = ""
    network: str | None = None
    mounts: tuple[RunMount, ...] = ()
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(Instruction):
    """ARG: arguments of the build, each with its value or None; ``place`` of one before FROM is there too."""

    values: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer(Instruction):
    """MAINTAINER: who made the image. Deprecated."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Instruction):
    """LABEL: labels of the image."""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(Instruction):
    """ENV: the default environment of clusters and applications made from the image."""

    pairs: tuple[Pair, ...]


class AppKind(enum.StrEnum):
    """The instruction that defined an application."""

    APP = "APP"
    CNI = "CNI"
    CSI = "CSI"

    @property
    def label(self) -> str | None:
        """The prefix of the label that names applications of this kind, or None."""
        return None if self is AppKind.APP else f"cluster.alpha.sealer.io/kube-{self.lower()}-"


AppSource = LocalSource | RemoteSource


@dataclass(frozen=True, slots=True, kw_only=True)
class App(Instruction):
    """APP, CNI or CSI: an application and what it is made of."""

    kind: AppKind
    name: Word
    sources: tuple[AppSource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppEnv(Instruction):
    """APPENV: the environment of one application."""

    app: Word
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCommands(Instruction):
    """APPCMDS: the command line that launches one application, run in its directory."""

    app: Word
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeVersion(Instruction):
    """KUBEVERSION: the range of Kubernetes versions that the image's applications support."""

    versions: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchApps(Instruction):
    """LAUNCH: the applications to start, in order."""

    names: tuple[Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands(Instruction):
    """CMDS: raw commands to run in the image's root, instead of launching applications."""

    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Instruction):
    """CMD: one raw command, beside those of other CMD. Deprecated in favour of CMDS."""

    command: str


Content = Copy | Run | Arg | Env | App
"""What makes layers, in the order of the file, and what the commands among it see."""
