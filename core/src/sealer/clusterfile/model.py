"""What a Clusterfile says, as typed values.

Places are kept for later messages and take no part in comparison: Clusterfiles that say the same are equal.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

from sealer.errors import Place
from sealer.model import DEFAULT_DATA_ROOT, MASTER
from sealer.model.registry import netloc
from sealer.secret import Secret

EMPTY: Mapping[str, str] = MappingProxyType({})

DEFAULT_NAME = "my-cluster"
"""The name of a cluster that is described by flags alone."""

CLUSTER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A DNS label: the name is also that of a directory on hosts."""

CLUSTER_API_VERSION = "sealer.io/v2"


class SecretScheme(enum.StrEnum):
    """Where the text of a secret is to be had."""

    ENV = "env"
    FILE = "file"
    CMD = "cmd"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """Where a secret is kept, such as ``env:NAME``; ``str`` gives the form that Clusterfiles have.

    Attributes:
        scheme: What kind of place.
        argument: The variable, the path or the command; "" for ``prompt``, which asks the user.
    """

    scheme: SecretScheme
    argument: str = ""

    def __str__(self) -> str:
        return str(self.scheme) if self.scheme is SecretScheme.PROMPT else f"{self.scheme}:{self.argument}"


PROMPT = SecretReference(scheme=SecretScheme.PROMPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSpec:
    """How to log in to a host, as far as it is said; what is None or empty is not said.

    Attributes:
        user: Who logs in.
        password: Of the user (``passwd``, ``passwdFrom``).
        private_key: The path of a key file (``pk``).
        passphrase: Of the key file (``pkPasswd``, ``pkPasswdFrom``).
        sudo_password: What sudo asks for, when it isn't the password (``sudoPasswd``, ``sudoPasswdFrom``).
        port: TCP port of sshd.
        fingerprints: Host keys must have one of them, ``SHA256:…`` (``hostKeyFingerprints``).
        known_hosts: The path of a file in OpenSSH's format (``knownHosts``).
        identities_only: Whether the key of ``pk`` is the only one to be shown (``identitiesOnly``).
        jump: The jump hosts on the way, in order (``jump``); none at all is said by an empty tuple.
    """

    user: str | None = None
    password: Secret | SecretReference | None = None
    private_key: str | None = None
    passphrase: Secret | SecretReference | None = None
    sudo_password: Secret | SecretReference | None = None
    port: int | None = None
    fingerprints: tuple[str, ...] = ()
    known_hosts: str | None = None
    identities_only: bool | None = None
    jump: tuple[JumpSpec, ...] | None = None

    def over(self, base: SshSpec) -> SshSpec:
        """Return these settings, and those of ``base`` where these say nothing."""
        return SshSpec(
            **{f.name: getattr(self if self._says(f.name) else base, f.name) for f in fields(self)}
        )

    def _says(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None and value != "" and (value != () or name == "jump")


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpSpec:
    """A jump host, as far as it is said how to log in to it.

    Attributes:
        address: An IP address in its canonical form, or a host name.
        ssh: Its settings, without jump hosts of its own.
    """

    address: str
    ssh: SshSpec = field(default_factory=SshSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """One host, with one address.

    Attributes:
        address: An IP address in its canonical form, or a host name.
        roles: At least one: ``master``, ``node``, or roles of the user's own.
        ssh: What differs from the cluster's ``ssh``.
        env: Environment of this host, over the cluster's.
        labels: Kubernetes labels.
        taints: As ``kubectl taint`` takes them: ``key=value:Effect``; a ``-`` at the end removes one.
        place: Where it was written: in a file, or the flag.
    """

    address: str
    roles: tuple[str, ...]
    ssh: SshSpec = field(default_factory=SshSpec)
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    taints: tuple[str, ...] = ()
    place: Place | str | None = field(default=None, compare=False, repr=False)

    @property
    def is_master(self) -> bool:
        """Whether the control plane runs here."""
        return MASTER in self.roles


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAlias:
    """Names that every host resolves to an address."""

    ip: str
    hostnames: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedRegistry:
    """A registry elsewhere whose images the one inside the cluster fetches for hosts, and keeps.

    Attributes:
        domain: What the names of its images begin with, such as ``docker.io``.
        url: Where it is.
        username: Who fetches, or None when everybody may.
        password: Of that user (``password``, ``passwordFrom``).
        ca_file: The path of a file with the authorities it is verified by (``caFile``), besides those that
            machines trust anyway.
    """

    domain: str
    url: str
    username: str | None = None
    password: Secret | SecretReference | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRegistry:
    """What the user says of the registry inside the cluster; None leaves it to the registry."""

    domain: str | None = None
    port: int | None = None
    caches: tuple[CachedRegistry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRegistry:
    """A registry outside of the cluster that is to serve the container images.

    Attributes:
        domain: A host name or an IP address.
        port: TCP port; it speaks TLS.
        path: What all repositories in it begin with, such as the name of a project, or "".
        username: Who pushes and pulls, or None for what ``sealer login`` learned, if it did.
        password: Of that user (``password``, ``passwordFrom``).
        ca_file: The path of a file with the authorities it is verified by (``caFile``), or None for those
            that machines trust anyway, and the operator's own.
    """

    domain: str
    port: int
    path: str = ""
    username: str | None = None
    password: Secret | SecretReference | None = None
    ca_file: str | None = None

    @property
    def netloc(self) -> str:
        """Domain and port as names of images have them."""
        return netloc(self.domain, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """A cluster as the user describes it, in a Clusterfile or by flags.

    Attributes:
        name: A DNS label; also a directory name on hosts.
        image: The cluster image, or None when it is named elsewhere.
        hosts: In the user's order.
        ssh: Log-in settings of all hosts; ``ssh_of`` merges them with a host's own.
        env: Environment, over that of the image.
        app_names: The applications to launch, replacing those of the image; None keeps the image's.
        cmds: The launch commands, replacing those of the image; None keeps the image's.
        data_root: An absolute path on hosts.
        container_runtime: The name of the container runtime, or None for the image's.
        registry: The registry inside the cluster.
        external: The registry outside of it that takes its place, or None.
        host_aliases: Entries for /etc/hosts.
        place: Where it begins, for messages.
    """

    name: str = DEFAULT_NAME
    image: str | None = None
    hosts: tuple[HostSpec, ...] = ()
    ssh: SshSpec = field(default_factory=SshSpec)
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    app_names: tuple[str, ...] | None = None
    cmds: tuple[str, ...] | None = None
    data_root: str = DEFAULT_DATA_ROOT
    container_runtime: str | None = None
    registry: LocalRegistry = field(default_factory=LocalRegistry)
    external: ExternalRegistry | None = None
    host_aliases: tuple[HostAlias, ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)

    @property
    def masters(self) -> tuple[HostSpec, ...]:
        """The hosts of the control plane, in order."""
        return tuple(host for host in self.hosts if host.is_master)

    @property
    def nodes(self) -> tuple[HostSpec, ...]:
        """The hosts that are no masters, in order."""
        return tuple(host for host in self.hosts if not host.is_master)

    @property
    def data(self) -> str:
        """The cluster's own directory on hosts."""
        return f"{self.data_root}/{self.name}"

    def ssh_of(self, host: HostSpec) -> SshSpec:
        """Return how to log in to a host: its own settings over the cluster's."""
        return host.ssh.over(self.ssh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that is not Sealer's own, handed to the cluster runtime as it is.

    Attributes:
        api_version: Such as ``example.org/v1``.
        kind: Such as ``ClusterConfiguration``.
        data: The whole document as plain data: dicts with text keys, lists, texts, numbers, booleans, None.
        place: Where it begins, for messages.
    """

    api_version: str
    kind: str
    data: Mapping[str, object]
    place: Place | None = field(default=None, compare=False, repr=False)
