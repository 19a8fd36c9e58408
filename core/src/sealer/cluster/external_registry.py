"""A registry outside of the cluster in the place of one inside: who may use it, and how it is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sealer.changes import Command, Output, quote
from sealer.cluster.registry_trial import require_answer, try_login
from sealer.clusterfile import PROMPT, ExternalRegistry, SecretReference
from sealer.errors import SealerError, TransportError
from sealer.hosts.secret import FetchSecret
from sealer.image.access import Access
from sealer.model import (
    OPERATOR,
    Check,
    Cluster,
    Finding,
    Host,
    Probe,
    RegistryEndpoint,
    Step,
    Value,
    at,
)
from sealer.providers import Registry
from sealer.secret import Secret

_STEP = at("registry/credentials", OPERATOR)
_USER, _PASSWORD = "registry_user", "registry_password"


@dataclass(frozen=True, slots=True)
class External(Registry):
    """The registry that a Clusterfile names.

    Attributes:
        spec: What the Clusterfile says.
        home: Sealer's home directory, with credentials of ``sealer login`` and authorities in ``certs.d``.
    """

    spec: ExternalRegistry
    home: Path
    name = "external"
    summary = "a registry outside of the cluster"

    def probes(self) -> tuple[Probe, ...]:
        """Return what its check asks."""
        return NameIsKnown(self.spec.domain).probes()

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        """Return that every host finds it by its name."""
        return (NameIsKnown(self.spec.domain),)

    def hosts(self, cluster: Cluster) -> tuple[Host, ...]:
        """Return none: no host serves."""
        return ()

    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        """Return where it is.

        Raises:
            SealerError: The file with its authorities, or that with credentials, can't be read.
        """
        login = self._login()
        return RegistryEndpoint(
            domain=self.spec.domain,
            port=self.spec.port,
            addresses=(),
            username=login[0] if login else "",
            password=Value(step=_STEP, key="password", secret=True) if login else None,
            credentials=Value(step=_STEP, key="basic", secret=True) if login else None,
            certificate_authority=self._authority(),
            path=self.spec.path,
        )

    def serve(self, cluster: Cluster) -> Iterable[Step]:
        """Return the step that yields the credentials, if any are needed; nothing is changed by it.

        Raises:
            SealerError: The file with credentials can't be read.
        """
        login = self._login()
        if login is None:
            return
        user, where = login
        basic = f"printf '%s:%s' \"${_USER}\" \"${_PASSWORD}\" | base64 | tr -d '\\n'"
        outputs = (
            Output(key="password", script=f"printf '%s' \"${_PASSWORD}\"", secret=True),
            Output(key="basic", script=basic, secret=True),
        )
        title = f"credentials of the registry {self.spec.netloc}"
        yield Step(
            id=_STEP,
            title=title,
            host=OPERATOR,
            changes=(Command(title=title, run="true", unless="true", yields=outputs),),
            env={_USER: user},
            secrets={_PASSWORD: where},
        )

    async def require_login(self, fetch: FetchSecret) -> None:
        """Try the credentials, if there are any, before anything is changed.

        Raises:
            TransportError: The registry does not answer, or refuses them.
            SealerError: They can't be had.
        """
        login = self._login()
        if login is None:
            return
        user, where = login
        netloc = self.spec.netloc
        try:
            await try_login(netloc, self._authority(), user, fetch(where))
        except TransportError as error:
            raise TransportError(
                f"the registry {netloc} can't be used as {user}: {error.message}; nothing was changed",
                hint="mend spec.registry.externalRegistry of the Clusterfile, or: sealer login " + netloc,
            ) from error

    async def trouble(self, fetch: FetchSecret) -> str:
        """Return why it can't be used from here, with the credentials that hosts have, or "" when it can."""
        try:
            login, authority = self._login(), self._authority()
            if login is None:
                await require_answer(self.spec.netloc, authority)
            else:
                user, where = login
                await try_login(self.spec.netloc, authority, user, fetch(where))
        except SealerError as error:
            return error.message
        return ""

    def _login(self) -> tuple[str, Secret | str] | None:
        """Return the user, and the password or where it is: from the Clusterfile or ``sealer login``."""
        spec, netloc = self.spec, self.spec.netloc
        if spec.username is not None and spec.password is not None:
            return spec.username, where_secret_is(spec.password, f"password of {spec.username} for {netloc}")
        login = Access(home=self.home).login(netloc)
        return None if login is None else (login.username, f"login:{netloc}")

    def _authority(self) -> str | None:
        """Return the authorities that hosts are to verify it by, or None for those they trust anyway."""
        if self.spec.ca_file is not None:
            return read_authorities(self.spec.ca_file)
        kept = sorted(Access(home=self.home).certificates(self.spec.netloc).glob("*.crt"))
        return "".join(read_authorities(path) for path in kept) or None


class NameIsKnown(Check):
    """Every host can resolve the registry's name, unless the Clusterfile tells hosts what it stands for.

    Args:
        name: The name.
    """

    id = "registry-name"
    title = "name of the registry"

    def __init__(self, name: str) -> None:
        self._name = name
        script = f"getent ahosts {quote(name)} | head -n 1 | grep . || echo unknown"
        self._probe = Probe(name=f"registry/name/{name}", script=script)

    def probes(self) -> tuple[Probe, ...]:
        """Return the question what it resolves to."""
        return (self._probe,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Yield a finding for each host that does not know it."""
        if any(self._name in names for names in cluster.host_aliases.values()):
            return
        for host in cluster.hosts:
            said = host.facts.answers.get(self._probe.name, "").strip()
            if not said:
                yield self.not_checked(host.name, "the host could not answer")
            elif said == "unknown":
                yield self.finding(
                    host.name,
                    found=f"{self._name} can't be resolved",
                    wanted="every host finds the registry by its name",
                    mend="put it into the DNS that the host asks, or into spec.hostAliases",
                )


def where_secret_is(password: Secret | SecretReference, what: str) -> Secret | str:
    """Return a password, or where it is, as ``Step.secrets`` has it; who is asked for it is told ``what``."""
    if isinstance(password, Secret):
        return password
    return f"prompt:{what}" if password == PROMPT else str(password)


def read_authorities(file: str | Path) -> str:
    """Return the PEM text of a file with authorities of a registry.

    Raises:
        SealerError: It can't be read, or holds none.
    """
    path = Path(file).expanduser()
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SealerError(
            "the authorities of the registry can't be read",
            place=str(path),
            hint="name a file with certificates in PEM in the Clusterfile",
        ) from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise SealerError(
            "the file with the authorities of the registry holds no certificate",
            place=str(path),
            hint="name a file with certificates in PEM in the Clusterfile",
        )
    return text if text.endswith("\n") else f"{text}\n"
