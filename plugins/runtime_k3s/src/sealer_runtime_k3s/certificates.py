"""Certificates of a k3s cluster: where they are, and how all are made anew, whether expired or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sealer.changes import Change, Command, File, Wait
from sealer.kubernetes import IN_SHORT
from sealer.model import Cluster, Host, Renewal, Step, at
from sealer_runtime_k3s import fragments
from sealer_runtime_k3s.config import configuration
from sealer_runtime_k3s.names import CONFIG, DATA, KUBECONFIG, KUBECTL, PROGRAM, SERVER_TLS, unit
from sealer_runtime_k3s.version import K3sVersion, image_version

_ISSUED = "k3s-certificates"
_RENEWED = "k3s-renewed"

# What listens in front of the API server keeps its certificate in a file, and for all servers in a secret.
_LISTENER = f"{SERVER_TLS}/dynamic-cert.json"
_FORGET_SHARED = "-n kube-system delete secret k3s-serving --ignore-not-found --request-timeout=20s"

_MASTER_FILES = (f"{SERVER_TLS}/*.crt", f"{SERVER_TLS}/etcd/*.crt", _LISTENER, KUBECONFIG)
_NODE_FILES = (f"{DATA}/agent/*.crt",)

# k3s makes what is missing when it starts; authorities and the keys that others have to know stay.
_REMOVE = f"""\
for certificate in {SERVER_TLS}/*.crt {SERVER_TLS}/etcd/*.crt {DATA}/agent/*.crt; do
  case $certificate in
    *-ca.crt) ;;
    *) rm -f "$certificate" "${{certificate%.crt}}.key" ;;
  esac
done
rm -f {_LISTENER}"""


def certificate_files(host: Host) -> tuple[str, ...]:
    """Return the files on a host that have certificates in them."""
    return (*_MASTER_FILES, *_NODE_FILES) if host.is_master else _NODE_FILES


def renewal_steps(cluster: Cluster, renewal: Renewal) -> Iterator[Step]:
    """Yield the steps: servers, one after the other if they can, then all agents side by side.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    version = image_version(cluster.image)
    if renewal.expired:
        yield from _all_at_once(cluster, version, renewal)
    else:
        yield from _one_by_one(cluster, version, renewal)
    everywhere = tuple(at(_RENEWED, master.name) for master in cluster.masters)
    for host in cluster.nodes:
        changes = (_renew(version, host, renewal, first=""), _certificate_wait(renewal))
        yield _step("renew", host, changes, provides=_RENEWED, requires=everywhere)


def _one_by_one(cluster: Cluster, version: K3sVersion, renewal: Renewal) -> Iterator[Step]:
    """Yield a step for each server, so that the API answers all the time."""
    first = "" if version.rotates_certificates else f"{KUBECTL} {_FORGET_SHARED}"
    before: tuple[str, ...] = ()
    for host in cluster.masters:
        changes = (
            _configuration(cluster, host),
            _renew(version, host, renewal, first=first),
            fragments.api_answers(f"the API server answers with new certificates, {renewal.stamp}"),
            _certificate_wait(renewal),
        )
        yield _step("renew", host, changes, provides=_RENEWED, requires=before)
        before = (at(_RENEWED, host.name),)


def _all_at_once(cluster: Cluster, version: K3sVersion, renewal: Renewal) -> Iterator[Step]:
    """Yield the steps of servers that may trust one another no more.

    etcd comes to its quorum when most of them have new certificates, and no API server answers before that.
    """
    for host in cluster.masters:
        issued = (_configuration(cluster, host), _renew(version, host, renewal, first=""))
        yield _step("renew", host, issued, provides=_ISSUED)
    before = tuple(at(_ISSUED, host.name) for host in cluster.masters)
    for host in cluster.masters:
        listener = () if version.rotates_certificates else _renew_listener(host, renewal)
        answers = fragments.api_answers(f"the API server answers with new certificates, {renewal.stamp}")
        changes = (*listener, answers, _certificate_wait(renewal))
        yield _step("renewed", host, changes, provides=_RENEWED, requires=before)
        before = (at(_RENEWED, host.name),)


def _step(
    name: str, host: Host, changes: Sequence[Change], *, provides: str, requires: tuple[str, ...] = ()
) -> Step:
    return Step(
        id=at(f"k3s/{name}", host.name),
        title="renew the certificates of the " + ("control plane" if host.is_master else "kubelet"),
        host=host.name,
        changes=tuple(changes),
        provides=(at(provides, host.name),),
        requires=requires,
        timeout=1800,
    )


def _configuration(cluster: Cluster, host: Host) -> Change:
    """Return the file that says which names the certificates are for."""
    return File(path=CONFIG, content=configuration(cluster, host), mode=0o600)


def _renew(version: K3sVersion, host: Host, renewal: Renewal, *, first: str) -> Change:
    remove = f"{PROGRAM} certificate rotate" if version.rotates_certificates else _REMOVE
    lines = [first] if first else []
    # Whether it comes up is waited for, where people see the reason.
    lines += [f"systemctl stop {unit(host)}", remove, f"systemctl start --no-block {unit(host)}"]
    return Command(title=f"renew all certificates, {renewal.stamp}", run="\n".join(lines), limit=240)


def _renew_listener(host: Host, renewal: Renewal) -> tuple[Change, ...]:
    """Return the changes after which what listens in front of the API server has a new certificate.

    k3s takes the one that the secret keeps, though it has expired (https://github.com/k3s-io/k3s/issues/5163).
    """
    kubectl = fragments.OWN_KUBECTL
    return (
        Wait(
            title=f"the API server itself answers, {renewal.stamp}",
            until=f"{kubectl} get --raw /readyz",
            why=f"{kubectl} get --raw /readyz 2>&1 | {IN_SHORT}",
            # k3s ends when its API server isn't healthy within a minute, and begins anew.
            limit=900,
        ),
        Command(
            title=f"renew what listens in front of the API server, {renewal.stamp}",
            run=f"{kubectl} {_FORGET_SHARED}\nsystemctl stop {unit(host)}\nrm -f {_LISTENER}\n"
            f"systemctl start --no-block {unit(host)}",
            limit=240,
        ),
    )


def _certificate_wait(renewal: Renewal) -> Change:
    return Wait(
        title=f"the kubelet has a new certificate, {renewal.stamp}",
        until=fragments.HAS_CERTIFICATE,
        why=fragments.WHY_NO_CERTIFICATE,
        limit=300,
    )
