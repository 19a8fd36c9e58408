"""What all providers have, and those that plan for hosts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from sealer.model import Check, Cluster, Host, Probe, Traffic


class Provider(ABC):
    """Base of everything a plugin provides.

    Attributes:
        name: Unique among providers of one kind; what labels and Clusterfiles call it.
        summary: One line for ``sealer plugin list``.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""


class HostProvider(Provider):
    """Base of providers that plan for hosts: they may ask questions and check the answers.

    Attributes:
        image_files: Paths of text files in images, such as ``etc/kubeadm.yml``, that it reads while planning:
            ``cluster.image.files`` has those that there are.
        image_programs: Paths of programs, such as ``bin/helm``, that plans depend on whether images have
            them: ``cluster.image.programs`` names those that there are.
    """

    image_files: ClassVar[tuple[str, ...]] = ()
    image_programs: ClassVar[tuple[str, ...]] = ()

    def probes(self) -> tuple[Probe, ...]:
        """Return the questions to ask every host; answers come back in ``host.facts.answers``."""
        return ()

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        """Return the host checks that must pass before anything is changed.

        Which checks there are does not depend on the cluster's facts: they are listed for one without any.
        """
        return ()

    def health(self, cluster: Cluster) -> Iterable[Check]:
        """Return the checks of hosts that are in a running cluster; ``sealer check --post`` makes them.

        Which checks there are does not depend on the cluster's facts. A host that can't be reached has no
        answers; a question for the cluster as a whole is put to every master, because one may be down.
        """
        return ()

    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        """Return which hosts must reach which ports of others; core tries that before it changes anything."""
        return ()

    def certificate_files(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        """Return the files on a host whose certificates people want to know the end of.

        PEM files, kubeconfigs, and the JSON of secrets with a certificate. Absolute paths; ``*`` and ``?``
        mean what they do in sh. Of what else is in the files, keys above all, nothing is read.
        """
        return ()


class HostChecks(HostProvider):
    """Host checks beside those of core and of what is installed, such as the rules of a site."""

    @abstractmethod
    def checks(self, cluster: Cluster) -> Iterable[Check]:
        """Return the checks. See ``Check.needs_image``: without an image ``cluster.image`` is empty."""
