"""The abstract classes of what plugins provide.

A provider declares; it never drives. It holds no state, opens no connection and loops over no host's
shell: it takes the read-only ``Cluster`` and returns steps, changes, checks and probes as data. From that
it gets parallelism, dry-run, journal, resume, removal and progress for nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from sealer.changes.base import Change
from sealer.errors import ImageError
from sealer.model import (
    Application,
    Check,
    Cluster,
    ContainerRuntimeSettings,
    Departure,
    Host,
    Platform,
    Probe,
    RegistryEndpoint,
    Renewal,
    Step,
    Task,
    Traffic,
    Upgrade,
)
from sealer.model.image import EMPTY


class Provider(ABC):
    """Base of everything a plugin provides.

    Attributes:
        name: Unique among providers of one kind; what labels and Clusterfiles call it.
        summary: One line for ``sealer plugin list``.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""


class HostProvider(Provider):
    """Base of providers that plan for hosts: they may ask questions and check the answers."""

    def probes(self) -> tuple[Probe, ...]:
        """Return the questions to ask every host; answers come back in ``host.facts.answers``."""
        return ()

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        """Return the host checks that must pass before anything is changed.

        Which checks there are does not depend on the cluster's facts: they are listed for one without any.
        """
        return ()

    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        """Return which hosts must reach which ports of others; core tries that before it changes anything."""
        return ()

    def certificate_files(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        """Return the files on a host whose certificates people want to know the end of.

        PEM files, and kubeconfigs with certificates in them. Absolute paths; ``*`` and ``?`` mean what
        they do in sh. Of what else is in the files, keys above all, nothing is read.
        """
        return ()


class SupportsCertificates(ABC):
    """What a cluster runtime is besides when it can make the cluster's certificates anew."""

    @abstractmethod
    def renew(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        """Return the steps after which all certificates are new, and all that use them have read them.

        They have to work when certificates have expired, so that no API server answers. Names that the
        cluster's settings ask for, but old certificates lack, come in.
        """


class SupportsUpgrade(ABC):
    """What a cluster runtime is besides when it can take a cluster from one version to another."""

    @abstractmethod
    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        """Return the steps that take a running cluster to the version of ``cluster.image``.

        They provide ``turn@<host>`` for each host when its container runtime may be replaced, and
        ``member@<host>`` once the host is healthy with the new version. A host's steps come after those of
        masters before it, and nodes after the batch before theirs: what is not healthy stops the rest. They
        require the host's ``rootfs``, ``container-runtime`` and ``registry-access``, where it has them.

        Raises:
            PlanError: There is no way from the one version to the other.
        """


class HostChecks(HostProvider):
    """Host checks beside those of core and of what is installed, such as the rules of a site."""

    @abstractmethod
    def checks(self, cluster: Cluster) -> Iterable[Check]:
        """Return the checks. See ``Check.needs_image``: without an image ``cluster.image`` is empty."""


class ClusterRuntime(HostProvider):
    """A Kubernetes distribution: how a cluster of it is made, grown and shrunk.

    Attributes:
        image_files: Paths of text files in images, such as ``etc/kubeadm.yml``, that it reads while planning:
            ``cluster.image.files`` has those that there are.
    """

    image_files: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def create(self, cluster: Cluster) -> Iterable[Step]:
        """Return the steps that start the first master.

        Together they provide ``api`` and ``member@<first master>``, and leave a ``kubectl`` in the image's
        ``bin/`` or on the host's PATH.
        """

    @abstractmethod
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        """Return the steps that make each of ``hosts`` a member: they provide ``member@<host>``.

        They require ``api`` (and what else they need), never each other, unless the distribution can't
        take members in parallel.
        """

    @abstractmethod
    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        """Return the steps after which the cluster does without some hosts: they provide ``removed@<host>``.

        They are made on hosts that stay and can be reached: drain, forget the member, and let the others
        know no more of a master that leaves, which may be the first. What was changed on those that leave is
        taken back by core afterwards.

        Raises:
            PlanError: The cluster can't do without them: its store would lose its quorum, for example.
        """

    def mirrors(
        self, cluster: Cluster, host: Host, registry: RegistryEndpoint, domains: Sequence[str]
    ) -> Iterable[Change]:
        """Return what ``ContainerRuntime.mirrors`` does, when the distribution has its own container runtime.

        It is asked when the image names no container runtime, also before the distribution runs on the host,
        and again for the domains of each application image: mirrors that the host has already stay.
        """
        return ()

    @abstractmethod
    def kubeconfig_path(self, cluster: Cluster) -> str:
        """Return the path, on the first master, of the administrator's kubeconfig."""


class ContainerRuntime(HostProvider):
    """A container runtime, such as containerd, that a cluster runtime talks to through a socket."""

    @abstractmethod
    def settings(self, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        """Return the socket and cgroup driver it will have on these hosts."""

    @abstractmethod
    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        """Return the steps that bring it up on a host: they provide ``container-runtime@<host>``."""

    @abstractmethod
    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        """Return the changes that let names of these registry domains be pulled from the cluster's own.

        Container images of a domain are found in the cluster's registry below ``<domain>/``, a colon in
        the domain written as an underscore. The changes take effect without restarting the runtime.
        """


class Registry(HostProvider):
    """The registry inside a cluster that serves the image's container images."""

    @abstractmethod
    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        """Return where it will be reached, and the values that its step produces."""

    @abstractmethod
    def serve(self, cluster: Cluster) -> Iterable[Step]:
        """Return the steps that start it: they provide ``registry@<host>`` for each of ``hosts``."""

    @abstractmethod
    def hosts(self, cluster: Cluster) -> tuple[Host, ...]:
        """Return the hosts that serve and get the image's ``registry/`` tree; clients turn to any of them."""


class ToolRunner(Protocol):
    """Runs a local program for a provider, as ``helm template``; the words are passed unquoted."""

    def __call__(self, words: Sequence[str], *, stdin: bytes = b"") -> bytes:
        """Return the program's standard output.

        Raises:
            ProgramMissing: The program is neither on this machine nor in the image.
            ImageError: It failed; the message has its last words.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two scripts that print manifests as YAML and change nothing; core masks secrets and compares.

    Attributes:
        live: sh that prints the application's objects as they are; it may print nothing.
        wanted: sh that prints them as launching would make them.
    """

    live: str
    wanted: str


class AppType(Provider):
    """A kind of application: how it is recognised and searched at build, and launched at run.

    Attributes:
        renders: Whether a program makes the manifests of what lies in a directory. Such directories below the
            image's ``manifests/`` are given to ``images`` too; the files of others are manifests themselves.
    """

    renders: ClassVar[bool] = False

    @abstractmethod
    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        """Recognise an application by what its APP instruction names.

        Args:
            sources: The files and directories as they are on disk, in the instruction's order. Each one
                ends up in the application's directory: a file under its name, a directory's content
                at the top.

        Returns:
            The files to launch, relative to the application's directory, or None when the sources are
            not of this type.
        """

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        """Return the container images that the application in ``directory`` uses.

        ``sealer.manifests`` finds those in manifests, with their places.

        Args:
            directory: The application's directory, as it will be in the image.
            files: What ``detect`` has returned.
            run: Runs programs, such as one that renders templates.

        Raises:
            ImageError: Something that should be readable is not; the message names file and line.
        """
        return ()

    def takes_values(self) -> bool:
        """Whether ``app.settings.values`` mean something to applications of this type."""
        return False

    @abstractmethod
    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        """Return the changes that start the application, made on the first master.

        Commands run in the image's root on the host, with kubectl and the image's ``bin/`` on PATH and
        the administrator's KUBECONFIG. Core makes the namespace of ``app.settings`` before, and waits until
        ``objects`` are ready afterwards.
        """

    def upgrade(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        """Return the changes that turn an earlier version, which is running, into this one."""
        return self.launch(cluster, app)

    def uninstall(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        """Return the changes after which the cluster does without the application.

        Raises:
            ImageError: It can't be taken away by its type, which is so unless the type says how.
        """
        raise ImageError(
            f"application {app.name} is of type {self.name}, which Sealer can't take away",
            hint="take it away by hand, and then: sealer app uninstall --forget",
        )

    def objects(self, cluster: Cluster, app: Application) -> str:
        """Return sh that lists the objects of the application, or "" when they are not known.

        There is a line for each: ``KIND`` or ``KIND.GROUP``, its namespace or ``-``, its name; as
        ``Deployment.apps demo web``. From it come the status, and the wait for what was launched.
        ``sealer.changes.kept_objects`` lists those that ``Objects`` has applied.
        """
        return ""

    def comparison(self, cluster: Cluster, app: Application) -> Comparison | None:
        """Return what shows how launching would change the cluster, or None when that can't be known."""
        return None


class Vocabulary(Provider):
    """Names that builds meet beside those core knows: labels, and custom resources that name images."""

    def label_keys(self) -> Mapping[str, str]:
        """Return reserved label keys, those under ``sealer.io``, each with what it says about an image.

        A star at the end of a key stands for any rest. A key that nobody knows is warned of at build.
        """
        return {}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """Return where custom resources name container images: paths by API group and kind.

        A path is field names with dots between; ``*`` stands for every item of a list, as in
        ``spec.steps.*.image``. Pod templates are found anywhere and need no path.
        """
        return {}


class TaskType(Provider):
    """A type of the document ``Plugin`` in Clusterfiles: something done to hosts, or to the cluster."""

    @abstractmethod
    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        """Return what is done on one host; for phases that are not of hosts it is the first master, once.

        Commands run in the image's root, with kubectl and the image's ``bin/`` on PATH and KUBECONFIG set. At
        phases of cleaning they are kept on the host and run when it is cleaned: of these, commands alone
        count.

        Raises:
            ValueError: Nothing can be made of ``task.data``; the message says why.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A file of a base image that comes from an upstream release.

    Attributes:
        name: What it is called below a directory of artifacts, in downloads and in messages: ``kubelet``.
        path: Where it goes in the rootfs, such as ``bin/kubelet``.
        version_arguments: Arguments that make the program print its version, or () when it isn't asked.
        version_pattern: A regular expression whose only group is the version in what it printed.
        carries_version: Whether its version must be that of the distribution.
        optional: Whether a release, or a directory of artifacts, may lack it.
        executable: Whether it is a program: it gets mode 0755, and must be one for the platform.
    """

    name: str
    path: str
    version_arguments: tuple[str, ...] = ()
    version_pattern: str = ""
    carries_version: bool = False
    optional: bool = False
    executable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that upstream publishes: one component itself, or a tar archive that holds some.

    Attributes:
        url: Its address, with https.
        checksum: ``sha256:<hex>``, or the address of a text that holds the hexadecimal digest, alone or
            beside file names as ``sha256sum`` prints it.
        version: The version of what is in it.
        component: The name of the component that the file is, or "" when it is an archive.
        members: When it is a tar archive: component names by member name.
    """

    url: str
    checksum: str
    version: str
    component: str = ""
    members: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramQuery:
    """A question that a program of the release can answer, such as which container images it needs.

    Core runs the program, on its own platform, with an empty environment and no input; the answer is its
    standard output.
    """

    component: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuery:
    """A question that a text file of the release answers; when an optional one is missing: nothing."""

    component: str


class BaseRecipe(Provider):
    """How a base image of a distribution is made from its upstream release, or from files at hand.

    ``name`` is what ``sealer base build NAME`` takes; equal to the cluster runtime's name. A recipe only
    declares: core downloads, looks files up, runs programs, compares versions and pulls container images.
    """

    @abstractmethod
    def canonical_version(self, version: str) -> str:
        """Return a version the way the distribution's programs print it: ``v1.33.1`` for ``1.33.1``.

        Raises:
            ImageError: It is not a version of the distribution.
        """

    @abstractmethod
    def components(self, platform: Platform) -> tuple[Component, ...]:
        """Return the files of the rootfs that come from a release, whatever its version.

        Raises:
            ImageError: There are none for the platform.
        """

    @abstractmethod
    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        """Return where upstream publishes the components that belong to a version.

        Raises:
            ImageError: The version can't be built this way; the message says from which one on it can.
        """

    def image_query(self, version: str) -> ProgramQuery | FileQuery | None:
        """Return the question whose answer ``container_images`` reads, or None when none is needed."""
        return None

    @abstractmethod
    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        """Return the names of the container images the distribution needs.

        Args:
            version: The version of the distribution.
            platform: The platform the image is built for.
            answer: What the program of ``image_query`` printed, or its file says, or "".

        Raises:
            ImageError: The answer can't be read.
        """

    @abstractmethod
    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        """Return the labels of the image.

        Args:
            version: The version of the distribution.
            versions: The version of each component that is asked for it, by name.
        """

    def files(self, version: str, platform: Platform) -> Mapping[str, str]:
        """Return further text files of the rootfs by path, such as ``etc/kubeadm.yml``."""
        return {}
