"""The certificates on the hosts of a cluster: which there are and until when, and making them anew."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from sealer.changes import quote
from sealer.cluster.install import Prepared, prepare_again
from sealer.cluster.kinds import Kind
from sealer.cluster.request import Request, noted, request_of
from sealer.cluster.session import Connections, Context, reach, require_all
from sealer.cluster.state import require_state
from sealer.errors import HostError, PlanError
from sealer.events import Message
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import Host, Renewal
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan, make_plan
from sealer.operation.records import ClusterRecords, Operation
from sealer.providers import SupportsCertificates

RENEW = "renew"
"""The verb of operations that make certificates anew."""

NAMES = "CertSANs"
"""The variable of a cluster's environment that lists further names in the API server's certificate."""


_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that was found.

    Attributes:
        host: Where.
        file: In which file.
        subject: Whose it is.
        names: The names and addresses it is for.
        authority: Whether it signs others.
        begins: When it begins to count.
        ends: When it ends.
    """

    host: str
    file: str
    subject: str
    names: tuple[str, ...]
    authority: bool
    begins: datetime
    ends: datetime


async def certificates(context: Context, records: ClusterRecords) -> tuple[Certificate, ...]:
    """Look at the certificates on all hosts of a cluster; hosts that can't be reached are named in warnings.

    Raises:
        SealerError: Nothing is known of the cluster.
    """
    request = require_state(records)
    prepared = prepare_again(context, request)
    async with reach(context, request.clusterfile.cluster, Redactor()) as connections:
        for host, found in connections.items():
            if isinstance(found, HostError):
                context.events(Message(text=str(found), host=host, warning=True))
        return await look_at_certificates(context, prepared, connections)


async def look_at_certificates(
    context: Context, prepared: Prepared, connections: Connections
) -> tuple[Certificate, ...]:
    """Look at the certificates on all hosts that can be reached."""
    answers = await asyncio.gather(
        *(
            _look(context, prepared, host, found)
            for host in prepared.cluster.hosts
            if not isinstance(found := connections[host.name], HostError)
        )
    )
    return tuple(found for answer in answers for found in answer)


async def _look(
    context: Context, prepared: Prepared, host: Host, connection: Connection
) -> tuple[Certificate, ...]:
    patterns = [
        pattern
        for provider in prepared.parts.host_providers
        for pattern in provider.certificate_files(prepared.cluster, host)
    ]
    try:
        result = await connection.run_script(listing_script(patterns), timeout=60)
    except HostError as error:
        context.events(Message(text=str(error), host=host.name, warning=True))
        return ()
    return tuple(read_listing(host.name, result.stdout))


def listing_script(patterns: Sequence[str]) -> str:
    """Return sh that prints ``file PATH`` and the certificates in it for each file that there is; no keys.

    Files are PEM, kubeconfigs, or the JSON of a secret with a certificate.
    """
    words = " ".join(_glob(pattern) for pattern in patterns)
    return f"""\
for file in {words}; do
  [ -f "$file" ] || continue
  echo "file $file"
  sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$file"
  echo
  sed -n 's/^ *client-certificate-data: */data /p' "$file"
  echo
  sed -n 's/.*"tls\\.crt": *"\\([^"]*\\)".*/data \\1/p' "$file"
  echo
done"""


def _glob(pattern: str) -> str:
    """Return a pattern as a word of sh in which ``*`` and ``?`` mean something, and nothing else."""
    return "".join(
        part if part in ("*", "?") else quote(part) for part in re.split(r"([*?])", pattern) if part
    )


def read_listing(host: str, text: str) -> Iterator[Certificate]:
    """Read what the script printed: the first certificate of each file, which is its owner's."""
    for part in re.split(r"^file ", text, flags=re.MULTILINE)[1:]:
        file, _, content = part.partition("\n")
        data = re.search(r"^data (\S+)$", content, flags=re.MULTILINE)
        try:
            pem = base64.b64decode(data[1]).decode() if data else content
            match = _PEM.search(pem)
            if match is not None:
                yield _certificate(host, file, _parsed(match[0]))
        except (ValueError, binascii.Error):
            continue


def _parsed(pem: str) -> x509.Certificate:
    # Some distributions give their authorities the serial number 0, which the library warns about.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_pem_x509_certificate(pem.encode())


def _certificate(host: str, file: str, found: x509.Certificate) -> Certificate:
    return Certificate(
        host=host,
        file=file,
        subject=found.subject.rfc4514_string(),
        names=_names(found),
        authority=_is_authority(found),
        begins=found.not_valid_before_utc,
        ends=found.not_valid_after_utc,
    )


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _is_authority(found: x509.Certificate) -> bool:
    try:
        return found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


async def renew(context: Context, records: ClusterRecords, names: Sequence[str] = ()) -> Summary:
    """Make all certificates of a cluster anew, also expired ones.

    Args:
        context: What a verb needs from outside.
        records: Of the cluster.
        names: Further names and addresses for the API server's certificate; they are remembered.

    Raises:
        PlanError: The cluster's runtime can't do it.
        HostsFailed: Something could not be done; the operation can be resumed.
    """
    redactor = Redactor()
    with records.lock(RENEW):
        before = require_state(records)
        request = with_names(before, names)
        prepared = prepare_again(context, request)
        renewer(prepared)
        records.require_none_open()
        async with reach(context, request.clusterfile.cluster, redactor) as connections:
            require_all(connections)
            renewal = await new_renewal(context, prepared, connections)
            plain = {**request.to_plain(), **asdict(renewal)}
            operation = records.begin(RENEW, plain, before=before.to_plain())
            return await RENEWING.carry_on(context, records, operation, connections, redactor)


async def new_renewal(context: Context, prepared: Prepared, connections: Connections) -> Renewal:
    """Return what there is to renew; no other renewal is equal to it.

    Raises:
        PlanError: An authority has ended, whose certificates nobody would trust.
    """
    now = datetime.now(UTC)
    ended = [
        found for found in await look_at_certificates(context, prepared, connections) if found.ends <= now
    ]
    for found in ended:
        if found.authority:
            raise PlanError(
                f"the certificate authority {found.file} has ended: what it signs is trusted by nobody",
                place=found.host,
                hint="a new authority is a new cluster: sealer delete --all, and sealer run",
            )
    return Renewal(stamp=time.strftime("%Y%m%d%H%M%S", time.gmtime()), expired=bool(ended))


def with_names(request: Request, names: Sequence[str]) -> Request:
    """Return what is remembered of a cluster with further names for its API server."""
    spec = request.clusterfile.cluster
    known = [name for name in spec.env.get(NAMES, "").split(",") if name]
    wanted = ",".join(dict.fromkeys((*known, *names)))
    if not names or wanted == spec.env.get(NAMES):
        return request
    cluster = replace(spec, env={**spec.env, NAMES: wanted})
    return replace(request, clusterfile=replace(request.clusterfile, cluster=cluster))


def renewer(prepared: Prepared) -> SupportsCertificates:
    """Return what makes a cluster's certificates anew.

    Raises:
        PlanError: The cluster's runtime can't do it.
    """
    runtime = prepared.parts.runtime
    if not isinstance(runtime, SupportsCertificates):
        raise PlanError(
            f"clusters of {runtime.name} can't be given new certificates by Sealer",
            hint="use the distribution's own means",
        )
    return runtime


def renewal_plan(prepared: Prepared, renewal: Renewal) -> Plan:
    """Return the plan of a renewal.

    Raises:
        PlanError: The cluster's runtime can't do it.
    """
    return make_plan(tuple(renewer(prepared).renew(prepared.cluster, renewal)))


def plan_of_renewal(context: Context, operation: Operation) -> Plan:
    """Return the plan of an operation on record.

    Raises:
        SealerError: Its record is damaged, or a plugin is missing.
    """
    return renewal_plan(prepare_again(context, request_of(operation)), noted(operation, Renewal))


RENEWING = Kind(verb=RENEW, plan=plan_of_renewal)


def to_plain(found: Certificate, now: datetime) -> Mapping[str, Any]:
    """Return a certificate as plain data, with the days it has left."""
    return {
        "host": found.host,
        "file": found.file,
        "subject": found.subject,
        "names": list(found.names),
        "authority": found.authority,
        "begins": found.begins.isoformat(),
        "ends": found.ends.isoformat(),
        "days": (found.ends - now).days,
    }
