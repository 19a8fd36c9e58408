"""What an operation was asked to do, with what was observed: all that its plan is made from.

It is written down when the operation begins, so that resuming makes the same plan. It holds no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from sealer.cluster.decoding import decode
from sealer.cluster.delivery import STAY, Delivery
from sealer.cluster.launch_choice import LaunchChoice
from sealer.clusterfile import Clusterfile, parse_clusterfile
from sealer.clusterfile.render import render_clusterfile
from sealer.errors import RecordDamaged, SealerError
from sealer.model import Facts
from sealer.operation.records import REQUEST_FILE, Operation

NO_FACTS: Mapping[str, Facts] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """An image as it was resolved.

    Attributes:
        reference: Its name, as the user wrote it.
        digests: The manifest digest chosen for each host, by address.
        name: Its full name in the store; a digest may have several, and clusters keep this one.
        served: The names of its container images.
        platforms: The manifest digest for each platform of the nodes of a cluster that Sealer did not make,
            when container images are brought there.
    """

    reference: str
    digests: Mapping[str, str]
    name: str = ""
    served: tuple[str, ...] = ()
    platforms: Mapping[str, str] = field(default_factory=dict)


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
class Growth:
    """That hosts join a cluster that runs.

    Attributes:
        hosts: Their addresses.
        stamp: Different for each time that hosts join: what is done then is done each time.
    """

    hosts: tuple[str, ...]
    stamp: str


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
        delivery: Where its container images go, when Sealer did not make the cluster.
        removals: The records of applications to take away, when that is what was asked for.
        stored: The application images whose container images the cluster's registries have.
        growth: Which hosts join, when the cluster ran before.
    """

    clusterfile: Clusterfile
    image: ImageChoice
    facts: Mapping[str, Facts] = field(default_factory=lambda: NO_FACTS)
    choice: LaunchChoice = field(default_factory=LaunchChoice)
    application: ImageChoice | None = None
    foreign: Foreign | None = None
    delivery: Delivery = STAY
    removals: tuple[str, ...] = ()
    stored: tuple[ImageChoice, ...] = ()
    growth: Growth | None = None

    @property
    def and_stored(self) -> Request:
        """The same, with its application image among those that the registries have, and no more to do."""
        rest = replace(self, application=None)
        if self.application is None:
            return rest
        others = tuple(choice for choice in self.stored if choice.digests != self.application.digests)
        return replace(rest, stored=(*others, self.application))

    @property
    def stored_images(self) -> tuple[str, ...]:
        """The names of the container images that the cluster's registries serve for application images."""
        return tuple(sorted({name for choice in self.stored for name in choice.served}))

    @property
    def subject(self) -> str:
        """The name of the image that an operation is about, or "" when it is about none."""
        return "" if self.removals else (self.application or self.image).reference

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
            "image": plain_choice(self.image),
            "facts": {address: _plain_facts(facts) for address, facts in self.facts.items()},
            "choice": self.choice.to_plain(),
            "application": None if self.application is None else plain_choice(self.application),
            "foreign": None if self.foreign is None else asdict(self.foreign),
            "delivery": asdict(self.delivery),
            "removals": list(self.removals),
            "stored": [plain_choice(choice) for choice in self.stored],
            "growth": None if self.growth is None else asdict(self.growth),
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], source: str) -> Request:
        """Read what ``to_plain`` wrote.

        Raises:
            RecordDamaged: It is damaged; the message names ``source``.
        """
        try:
            found = decode(_Kept, {key: data[key] for key in _KEPT})
            clusterfile = parse_clusterfile(found.clusterfile, source, {})
        except (KeyError, TypeError, ValueError, SealerError) as error:
            raise RecordDamaged("the record is damaged", place=source) from error
        kept = {key: getattr(found, key) for key in _KEPT if key != "clusterfile"}
        request = cls(clusterfile=clusterfile, **kept)
        hosts = {host.address for host in clusterfile.cluster.hosts}
        if request.is_installed and not hosts <= request.image.digests.keys() & request.facts.keys():
            raise RecordDamaged("the record is damaged: what it says of hosts is not whole", place=source)
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A request as a record has it: the same, but for the Clusterfile, which is its text."""

    clusterfile: str
    image: ImageChoice
    facts: Mapping[str, Facts]
    choice: LaunchChoice
    application: ImageChoice | None
    foreign: Foreign | None
    delivery: Delivery
    removals: tuple[str, ...]
    stored: tuple[ImageChoice, ...]
    growth: Growth | None


_KEPT = tuple(one.name for one in fields(_Kept))


def request_of(operation: Operation) -> Request:
    """Return what an operation was asked to do.

    Raises:
        RecordDamaged: Its record is damaged; the hint says how to do without it.
    """
    try:
        return Request.from_plain(operation.request, str(operation.directory / REQUEST_FILE))
    except RecordDamaged as error:
        error.hint = operation.way_out
        raise


def state_before(operation: Operation) -> Request | None:
    """Return what was remembered of the cluster before an operation, or None when it was not known.

    Raises:
        RecordDamaged: Its record is damaged; the hint says how to do without it.
    """
    try:
        before = operation.before
        place = str(operation.directory / REQUEST_FILE)
        return None if before is None else Request.from_plain(before, place)
    except RecordDamaged as error:
        error.hint = operation.way_out
        raise


_Noted = TypeVar("_Noted")


def noted(operation: Operation, kind: type[_Noted]) -> _Noted:
    """Return what else the record of an operation says, as a dataclass whose fields are called as there.

    Raises:
        RecordDamaged: It is damaged; the hint says how to do without it.
    """
    names = get_type_hints(kind)
    try:
        return decode(kind, {name: text for name, text in operation.request.items() if name in names})
    except (TypeError, ValueError) as error:
        place = str(operation.directory / REQUEST_FILE)
        raise RecordDamaged("the record is damaged", place=place, hint=operation.way_out) from error


def plain_choice(choice: ImageChoice) -> dict[str, Any]:
    """Return an image as plain data for a record."""
    plain = {
        "digests": dict(choice.digests),
        "served": list(choice.served),
        "platforms": dict(choice.platforms),
    }
    return asdict(choice) | plain


def _plain_facts(facts: Facts) -> dict[str, Any]:
    plain = {name: getattr(facts, name) for name in facts.__dataclass_fields__}
    return plain | {"platform": asdict(facts.platform), "answers": dict(facts.answers)}
