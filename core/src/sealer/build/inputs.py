"""What an image is built from: a Kubefile comes to this, and other code of core can say it directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sealer.build.authorised import Authorised
from sealer.build.base_archives import ArchivedImage
from sealer.build.declared import Declared
from sealer.build.entries import Entry
from sealer.build.tree import Mount
from sealer.errors import Place
from sealer.image.reference import Reference
from sealer.image.stored import StoredImage
from sealer.kubefile.instructions import AppSource, Run
from sealer.model import ImageType, Launch, Platform
from sealer.model.image import EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A layer of files taken from directories.

    Attributes:
        mounts: What goes where.
        created_by: What made it, for the image's history.
        inside: What goes where if a command that runs before has made a directory where the one file goes.
    """

    mounts: tuple[Mount, ...]
    created_by: str
    inside: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A layer with what an archive holds.

    Attributes:
        entries: What it holds.
        created_by: What made it, for the image's history.
    """

    entries: tuple[Entry, ...]
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFile:
    """One file of an image.

    Attributes:
        path: In the image, without leading slash.
        content: The bytes, or the file that has them.
        executable: Whether it gets mode 0755 instead of 0644.
    """

    path: str
    content: bytes | Path
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFiles:
    """A layer of files named one by one.

    Attributes:
        files: The files; of two with one path the last is taken.
        created_by: What made it, for the image's history.
    """

    files: tuple[GivenFile, ...]
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A layer with what a command of RUN changes.

    Attributes:
        run: The instruction.
        environment: The environment of the command.
        created_by: What made it, for the image's history.
    """

    run: Run
    environment: Mapping[str, str]
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFiles:
    """A layer with the files of an application.

    Attributes:
        name: The application's name.
        sources: What it is made of.
        created_by: What made it, for the image's history.
        env: Environment of its launch commands.
        cmds: Launch commands that replace those of its type.
        place: Where it was defined.
    """

    name: str
    sources: tuple[AppSource, ...]
    created_by: str
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    cmds: tuple[str, ...] = ()
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How commands of RUN are run, by what the build is asked for.

    Attributes:
        network: Whether they have the machine's network unless they say otherwise.
        secrets: What they may ask for, by id.
    """

    network: bool = False
    secrets: Mapping[str, bytes] = field(default_factory=dict)


Content = Files | GivenFiles | Unpacked | Command | AppFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInput:
    """Everything an image is built from.

    Attributes:
        name: The name it gets in the store; None leaves it for an index, and the caller holds a lease.
        type: Cluster image or application image.
        platform: The platform it is for; its container images are packed for it.
        parent: The image it stands on, or None.
        contents: Its layers in order.
        labels: Labels, over those of the parent.
        annotations: Annotations of the manifest, beside Sealer's own.
        env: Environment, over that of the parent.
        author: Who made it, or "" for the parent's author.
        launch: What runs after installation.
        inherited: Changes to applications of the parent: environment and commands by name.
        container_images: Names of container images to pack beside those that manifests and charts name.
            What the parent carries under such a name is not fetched again.
        authorised: Container images to pack, with credentials of their own.
        archived: Container images to pack from archives.
        available: Container images in archives that are packed when something names them, instead of asking
            a registry.
        ignored_images: Full names of container images that are not packed although something names them.
        packing: Whether container images are looked for and packed at all.
        cached: Whether layers that were made from the same before are taken over.
        lenient: Whether what names container images, and can't be read, is a warning and no error.
        running: How commands are run.
        image_paths: Where further custom resources name images, as ``sealer.manifests.CUSTOM_PATHS``.
        declared: Programs whose versions labels declare; those that the build brings are asked for theirs.
    """

    name: Reference | None
    type: ImageType
    platform: Platform
    parent: StoredImage | None = None
    contents: tuple[Content, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    annotations: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    author: str = ""
    launch: Launch = field(default_factory=Launch)
    inherited: Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]] = field(default_factory=dict)
    container_images: tuple[str, ...] = ()
    authorised: tuple[Authorised, ...] = ()
    archived: tuple[ArchivedImage, ...] = ()
    available: tuple[ArchivedImage, ...] = ()
    ignored_images: frozenset[str] = frozenset()
    packing: bool = True
    cached: bool = True
    lenient: bool = False
    running: RunSettings = field(default_factory=RunSettings)
    image_paths: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    declared: tuple[Declared, ...] = ()
