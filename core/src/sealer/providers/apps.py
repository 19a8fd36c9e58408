"""Types of applications, and the programs they may have run for them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from sealer.changes.base import Change
from sealer.errors import ImageError
from sealer.model import Application, Cluster
from sealer.providers.base import Provider


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
        renames_images: Whether ``launch`` puts other names in the place of those in ``app.settings.images``.
    """

    renders: ClassVar[bool] = False
    renames_images: ClassVar[bool] = False

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
