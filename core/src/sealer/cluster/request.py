"""What an operation was asked to do, with what was observed: all that its plan is made from.

It is written down when the operation begins, so that resuming makes the same plan. It holds no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sealer.cluster.launch_choice import LaunchChoice
from sealer.clusterfile import Clusterfile, parse_clusterfile
from sealer.clusterfile.render import render_clusterfile
from sealer.errors import SealerError
from sealer.model import Facts, Platform

NO_FACTS: Mapping[str, Facts] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """An image as it was resolved.

    Attributes:
        reference: Its name, as the user wrote it.
        digests: The manifest digest chosen for each host, by address.
        name: Its full name in the store; a digest may have several, and clusters keep this one.
        domains: The registry domains that its container images are of.
    """

    reference: str
    digests: Mapping[str, str]
    name: str = ""
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A cluster that Sealer did not make.

    Attributes:
        kubeconfig: The paths of kubeconfigs, as the variable ``KUBECONFIG`` has them.
        context: The name of the context in them.
    """

    kubeconfig: str
    context: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a cluster is to be, and what is to be done to it.

    Attributes:
        clusterfile: The hosts and settings, complete.
        image: The cluster image.
        facts: What was observed on the hosts before anything was changed, by address.
        choice: What to launch.
        application: An application image to put on the cluster, when that is what was asked for.
        foreign: Which cluster it is, when Sealer did not make it; its one host is the operator's machine.
        removals: The records of applications to take away, when that is what was asked for.
        stored: The application images whose container images the cluster's registries have.
    """

    clusterfile: Clusterfile
    image: ImageChoice
    facts: Mapping[str, Facts] = field(default_factory=lambda: NO_FACTS)
    choice: LaunchChoice = field(default_factory=LaunchChoice)
    application: ImageChoice | None = None
    foreign: Foreign | None = None
    removals: tuple[str, ...] = ()
    stored: tuple[ImageChoice, ...] = ()

    @property
    def and_stored(self) -> Request:
        """The same, with its application image among those that the registries have, and no more to do."""
        rest = replace(self, application=None)
        if self.application is None:
            return rest
        others = tuple(choice for choice in self.stored if choice.digests != self.application.digests)
        return replace(rest, stored=(*others, self.application))

    @property
    def stored_domains(self) -> tuple[str, ...]:
        """The registry domains whose names the cluster's registries serve for application images."""
        return tuple(sorted({domain for choice in self.stored for domain in choice.domains}))

    @property
    def is_installed(self) -> bool:
        """Whether it is about an image on hosts; else the hosts were only named, or mended."""
        return bool(self.image.digests)

    @classmethod
    def of_hosts(cls, clusterfile: Clusterfile) -> Request:
        """Return a request that names hosts and nothing else, for taking things back."""
        return cls(clusterfile=clusterfile, image=ImageChoice(reference="", digests={}))

    def without_hosts(self, addresses: frozenset[str]) -> Request:
        """Return the same without some hosts."""
        spec = self.clusterfile.cluster
        hosts = tuple(host for host in spec.hosts if host.address not in addresses)
        kept = {host.address for host in hosts}
        digests = {host: digest for host, digest in self.image.digests.items() if host in kept}
        return replace(
            self,
            clusterfile=replace(self.clusterfile, cluster=replace(spec, hosts=hosts)),
            image=replace(self.image, digests=digests),
            facts={host: facts for host, facts in self.facts.items() if host in kept},
        )

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data for a JSON file."""
        return {
            "clusterfile": render_clusterfile(self.clusterfile),
            "image": _plain_choice(self.image),
            "facts": {address: _plain_facts(facts) for address, facts in self.facts.items()},
            "choice": self.choice.to_plain(),
            "application": None if self.application is None else _plain_choice(self.application),
            "foreign": None if self.foreign is None else asdict(self.foreign),
            "removals": list(self.removals),
            "stored": [_plain_choice(choice) for choice in self.stored],
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], source: str) -> Request:
        """Read what ``to_plain`` wrote.

        Raises:
            SealerError: It is damaged; the message names ``source``.
        """
        try:
            application = data["application"]
            return cls(
                clusterfile=parse_clusterfile(data["clusterfile"], source, {}),
                image=_choice(data["image"]),
                facts={address: _facts(facts) for address, facts in data["facts"].items()},
                choice=LaunchChoice.from_plain(data["choice"]),
                application=None if application is None else _choice(application),
                foreign=None if data["foreign"] is None else Foreign(**data["foreign"]),
                removals=tuple(data["removals"]),
                stored=tuple(_choice(choice) for choice in data["stored"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SealerError("the record is damaged", place=source) from error


def _plain_choice(choice: ImageChoice) -> dict[str, Any]:
    return asdict(choice) | {"digests": dict(choice.digests), "domains": list(choice.domains)}


def _choice(data: Mapping[str, Any]) -> ImageChoice:
    return ImageChoice(**{**data, "domains": tuple(data["domains"])})


def _plain_facts(facts: Facts) -> dict[str, Any]:
    plain = {name: getattr(facts, name) for name in facts.__dataclass_fields__}
    return plain | {"platform": asdict(facts.platform), "answers": dict(facts.answers)}


def _facts(data: Mapping[str, Any]) -> Facts:
    return Facts(**{**data, "platform": Platform(**data["platform"])})
