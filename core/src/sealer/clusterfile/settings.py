"""What the documents Application, Config and Plugin of a Clusterfile say, as typed values."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from sealer.clusterfile.model import EMPTY, ClusterSpec, Document, SecretReference
from sealer.clusterfile.plugin_documents import PluginSpec
from sealer.errors import Place


class Strategy(enum.StrEnum):
    """What becomes of a file that is there already."""

    OVERWRITE = "overwrite"
    MERGE = "merge"


class Processor(enum.StrEnum):
    """A step in which the data of a ``Config`` become the content of a file."""

    VALUE = "value"
    TO_JSON = "toJson"
    TO_BASE64 = "toBase64"
    TO_SECRET = "toSecret"  # noqa: S105 - the name of a processor


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFile:
    """A file of an application that is replaced, or merged with what it is in the image.

    Attributes:
        path: Relative to the application's directory.
        strategy: What becomes of the image's file.
        data: The content, or where it is to be had.
    """

    path: str
    strategy: Strategy = Strategy.OVERWRITE
    data: str | SecretReference = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """What the user wants of one application.

    Attributes:
        name: The application.
        env: Environment of its commands and templates.
        files: Files that are changed.
        cmds: Commands that launch it; None leaves that to the image.
        namespace: Where it goes.
        release: What it is called there.
        values: Values for its chart, as YAML.
    """

    name: str
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    files: tuple[AppFile, ...] = ()
    cmds: tuple[str, ...] | None = None
    namespace: str = ""
    release: str = ""
    values: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSpec:
    """A document of kind ``Application``.

    Attributes:
        name: Of the document.
        cmds: The launch commands, replacing those of the image.
        launch_apps: The applications to launch, replacing those of the image.
        configs: What is wanted of single applications.
        place: Where it begins, for messages.
    """

    name: str
    cmds: tuple[str, ...] | None = None
    launch_apps: tuple[str, ...] | None = None
    configs: tuple[AppConfig, ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSpec:
    """A document of kind ``Config``: a file of the image, or of an application of it, with other content.

    Attributes:
        name: Of the document.
        path: Relative to the image's root, or to the application's directory.
        data: YAML or any text, or where it is to be had.
        strategy: What becomes of the image's file.
        process: What the data go through.
        app_name: The application, or "" for the image's root.
        place: Where it begins, for messages.
    """

    name: str
    path: str
    data: str | SecretReference = ""
    strategy: Strategy = Strategy.OVERWRITE
    process: tuple[Processor, ...] = ()
    app_name: str = ""
    place: Place | None = field(default=None, compare=False, repr=False)


Settings = ApplicationSpec | ConfigSpec | PluginSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusterfile:
    """All documents of a Clusterfile.

    Attributes:
        cluster: The one ``Cluster``.
        documents: Those that are handed to the cluster runtime.
        settings: What is said of applications and files, in order.
    """

    cluster: ClusterSpec
    documents: tuple[Document, ...] = ()
    settings: tuple[Settings, ...] = ()

    @property
    def applications(self) -> tuple[ApplicationSpec, ...]:
        """The documents of kind ``Application``."""
        return tuple(one for one in self.settings if isinstance(one, ApplicationSpec))

    @property
    def configs(self) -> tuple[ConfigSpec, ...]:
        """The documents of kind ``Config``."""
        return tuple(one for one in self.settings if isinstance(one, ConfigSpec))

    @property
    def plugins(self) -> tuple[PluginSpec, ...]:
        """The documents of kind ``Plugin``."""
        return tuple(one for one in self.settings if isinstance(one, PluginSpec))

    @property
    def launch_apps(self) -> tuple[str, ...] | None:
        """The applications to launch instead of the image's; what an ``Application`` says comes first."""
        said = [one.launch_apps for one in self.applications if one.launch_apps is not None]
        return said[-1] if said else self.cluster.app_names

    @property
    def launch_cmds(self) -> tuple[str, ...] | None:
        """The commands to launch instead of the image's; what an ``Application`` says comes first."""
        said = [one.cmds for one in self.applications if one.cmds is not None]
        return said[-1] if said else self.cluster.cmds
