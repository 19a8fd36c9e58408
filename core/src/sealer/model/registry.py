"""The registry that serves a cluster's container images: what is wanted of it, and how hosts reach it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealer.model.value import Value
from sealer.secret import Secret

HTTPS_PORT = 443


def netloc(domain: str, port: int) -> str:
    """Return a registry as names of images begin with it: HTTPS's own port is left out."""
    return domain if port == HTTPS_PORT else f"{domain}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A registry elsewhere that the cluster's registry stands in for.

    Attributes:
        domain: What the names of its images begin with, such as ``docker.io``.
        url: Where it is, such as ``https://registry-1.docker.io``.
        username: Of the account that images are fetched with, or "" where none is needed.
        password: Of that account, or where it is, as ``Step.secrets`` has it; None where none is needed.
        certificate_authority: The PEM text it is verified by besides those authorities that hosts trust
            anyway, or "".
    """

    domain: str
    url: str
    username: str = ""
    password: Secret | str | None = field(default=None, repr=False)
    certificate_authority: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCache:
    """Where hosts get the images of one registry elsewhere, which are fetched for the first that asks.

    It has the images under the very names that they have there, the certificate authority and the credentials
    of the cluster's registry, and no more.

    Attributes:
        upstream: The domain whose images it has, such as ``docker.io``.
        domain: Its name; all hosts resolve it to the same addresses in the same order, so that all ask one.
        port: TCP port; it speaks TLS.
        addresses: The IP addresses that serve it; hosts go on to the next when one is down.
    """

    upstream: str
    domain: str
    port: int
    addresses: tuple[str, ...]

    @property
    def netloc(self) -> str:
        """``domain:port`` as names of images have it."""
        return netloc(self.domain, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """What the user wants of the cluster's registry; None leaves it to the registry.

    Attributes:
        domain: The name that hosts reach it by.
        port: The TCP port it listens on.
        caches: The registries elsewhere whose images it fetches when hosts ask for them, and keeps.
    """

    domain: str | None = None
    port: int | None = None
    caches: tuple[Upstream, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEndpoint:
    """How hosts reach the cluster's registry.

    Attributes:
        domain: Its name, such as ``sea.hub``; hosts resolve it to ``addresses``.
        port: TCP port; it speaks TLS.
        addresses: The IP addresses that serve it, all the same; hosts go on to the next when one is down. A
            registry outside of the cluster has none: hosts know it by its name.
        username: Of the account hosts pull with, or "" where none is needed.
        password: A secret that the registry's own step produces, or None where none is needed.
        credentials: ``username:password`` in base64, as HTTP's Basic scheme and docker's ``auth`` want it;
            a secret of the registry's own step, because the password is not known while planning.
        certificate_authority: The PEM text hosts verify it by: a value of the registry's own step, or known
            already. None where those authorities suffice that hosts trust anyway.
        path: What all repositories in it begin with, such as the name of a project, or "".
        caches: Where images of some domains are found that it lacks.
    """

    domain: str
    port: int
    addresses: tuple[str, ...]
    username: str
    password: Value | None
    credentials: Value | None
    certificate_authority: Value | str | None
    path: str = ""
    caches: tuple[RegistryCache, ...] = ()

    @property
    def is_outside(self) -> bool:
        """Whether it is a registry outside of the cluster."""
        return not self.addresses

    @property
    def netloc(self) -> str:
        """``domain:port`` as names of images have it: HTTPS's own port is left out."""
        return netloc(self.domain, self.port)

    @property
    def location(self) -> str:
        """What the names of images in it begin with: ``netloc`` and the path."""
        return f"{self.netloc}/{self.path}" if self.path else self.netloc

    def below(self, domain: str) -> str:
        """Return what the repositories of another domain's images begin with in it; "" for its own domain.

        It is that domain, a colon in it written as an underscore, behind the path.
        """
        if domain in {self.netloc, f"{self.domain}:{self.port}"}:
            return ""
        return "/".join(part for part in (self.path, domain.replace(":", "_")) if part)

    def cache_of(self, domain: str) -> RegistryCache | None:
        """Return where hosts get the images of a domain that it lacks itself, if there is such a place."""
        return next((cache for cache in self.caches if cache.upstream == domain), None)
