"""Certificates of a kubeadm cluster: where they are, and how all are made anew, whether expired or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sealer.changes import Change, Command, File, Wait, quote
from sealer.model import Cluster, Host, Renewal, Step, at
from sealer_runtime_k8s import fragments
from sealer_runtime_k8s.kubeadm import bootstrap_kubeconfig, init_configuration
from sealer_runtime_k8s.names import KUBELET_KUBECONFIG, KUBELET_UNIT, PROGRAMS, directory, environment
from sealer_runtime_k8s.version import image_version

MASTER_FILES = (
    "/etc/kubernetes/pki/*.crt",
    "/etc/kubernetes/pki/etcd/*.crt",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/super-admin.conf",
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
)
NODE_FILES = ("/var/lib/kubelet/pki/kubelet-client-current.pem", "/var/lib/kubelet/pki/kubelet.crt")

_ISSUED = "kubernetes-certificates"
_RENEWED = "kubernetes-renewed"
_FIRST_WITH_CERTS = 20
"""The minor version whose kubeadm has ``certs`` outside of ``alpha`` (changelog of Kubernetes 1.20)."""


def renewal_steps(cluster: Cluster, renewal: Renewal, token: Step) -> Iterator[Step]:
    """Yield the steps: masters, one after the other if they can, a token, all kubelets side by side.

    Args:
        cluster: The cluster.
        renewal: What is asked for.
        token: The step that makes a join token; kubelets get new certificates by it.
    """
    masters = _all_at_once(cluster, renewal) if renewal.expired else _one_by_one(cluster, renewal)
    yield from masters
    last = cluster.masters if renewal.expired else cluster.masters[-1:]
    yield replace(token, requires=tuple(at(_RENEWED, master.name) for master in last))
    for host in cluster.hosts:
        yield _kubelet_step(cluster, host, renewal, token)


def _one_by_one(cluster: Cluster, renewal: Renewal) -> Iterator[Step]:
    """Yield a step for each master, so that the API answers all the time."""
    before: tuple[str, ...] = ()
    for master in cluster.masters:
        changes = (*_renew(cluster, master, renewal), *_answering(cluster, master, renewal))
        yield _master_step(master, "renew", changes, provides=_RENEWED, requires=before)
        before = (at(_RENEWED, master.name),)


def _all_at_once(cluster: Cluster, renewal: Renewal) -> Iterator[Step]:
    """Yield the steps of masters that may trust one another no more.

    etcd comes to its quorum when most of them have new certificates, and no API server answers before that.
    """
    for master in cluster.masters:
        yield _master_step(master, "renew", _renew(cluster, master, renewal), provides=_ISSUED)
    everywhere = tuple(at(_ISSUED, master.name) for master in cluster.masters)
    for master in cluster.masters:
        changes = _answering(cluster, master, renewal)
        yield _master_step(master, "renewed", changes, provides=_RENEWED, requires=everywhere)


def _master_step(
    host: Host, name: str, changes: Sequence[Change], *, provides: str, requires: tuple[str, ...] = ()
) -> Step:
    return Step(
        id=at(f"kubernetes/{name}", host.name),
        title="renew the certificates of the control plane",
        host=host.name,
        changes=tuple(changes),
        provides=(at(provides, host.name),),
        requires=requires,
        env=environment(),
    )


def _config(cluster: Cluster) -> str:
    return f"{directory(cluster)}/renew.yaml"


def _renew(cluster: Cluster, host: Host, renewal: Renewal) -> Sequence[Change]:
    config = _config(cluster)
    return (
        File(path=config, content=init_configuration(cluster, host), mode=0o600),
        Command(
            title=f"renew the certificates of the control plane, {renewal.stamp}",
            run=_renewing(cluster, config, expired=renewal.expired),
            limit=300,
        ),
    )


def _answering(cluster: Cluster, host: Host, renewal: Renewal) -> Sequence[Change]:
    wait = Wait(
        title=f"the API server answers with new certificates, {renewal.stamp}",
        until=fragments.own_api_answers(host.address),
        why=fragments.WHY_NO_API,
        limit=180,
    )
    if host != cluster.first_master:
        return (wait,)
    upload = f"{PROGRAMS}/kubeadm init phase upload-config kubeadm --config {quote(_config(cluster))}"
    keep = Command(
        title=f"keep the names of the API server, {renewal.stamp}", run=upload, limit=120, repeatable=True
    )
    return (wait, keep)


def _renewing(cluster: Cluster, config: str, *, expired: bool) -> str:
    """Return sh that makes all certificates of a master anew, and has what uses them start again.

    That of the API server is not renewed but issued, with the names that are wanted now; when that fails,
    the old one is put back.
    """
    alpha = "" if image_version(cluster.image).minor >= _FIRST_WITH_CERTS else "alpha "
    kubeadm, pki = f"{PROGRAMS}/kubeadm", "/etc/kubernetes/pki"
    words = "--config " + quote(config)
    revived = f"{_revive_kubelet(words)}\n" if expired else ""
    return f"""\
{kubeadm} {alpha}certs renew all {words}
for end in crt key; do mv -f {pki}/apiserver.$end {pki}/apiserver.$end.before; done
if ! {kubeadm} init phase certs apiserver {words}; then
  for end in crt key; do mv -f {pki}/apiserver.$end.before {pki}/apiserver.$end; done
  exit 1
fi
rm -f {pki}/apiserver.crt.before {pki}/apiserver.key.before
{revived}{fragments.restart_static("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")}"""


def _revive_kubelet(words: str) -> str:
    """Return sh that gives a master's kubelet a certificate of the authority that lies beside it.

    A kubelet whose own has ended does not start, and without it nothing starts the control plane
    (https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/).
    Afterwards it gets one by a token, as all others do, which it then keeps fresh by itself.
    """
    return f"""\
mv -f {KUBELET_KUBECONFIG} {KUBELET_KUBECONFIG}.before
if ! {PROGRAMS}/kubeadm init phase kubeconfig kubelet {words}; then
  mv -f {KUBELET_KUBECONFIG}.before {KUBELET_KUBECONFIG}
  exit 1
fi
rm -f {KUBELET_KUBECONFIG}.before
systemctl restart {KUBELET_UNIT}"""


def _kubelet_step(cluster: Cluster, host: Host, renewal: Renewal, token: Step) -> Step:
    kubeconfig = bootstrap_kubeconfig(
        cluster, authority=str(token.value("authority")), token=str(token.value("token"))
    )
    return Step(
        id=at("kubernetes/renew-kubelet", host.name),
        title="renew the certificates of the kubelet",
        host=host.name,
        changes=(
            Command(
                title=f"renew the certificates of the kubelet, {renewal.stamp}",
                run=_renew_kubelet(kubeconfig),
                limit=240,
            ),
        ),
    )


def _renew_kubelet(kubeconfig: str) -> str:
    """Return sh that lets the kubelet ask for new certificates with a token; else the old ones come back."""
    bootstrap, pki = "/etc/kubernetes/bootstrap-kubelet.conf", "/var/lib/kubelet/pki"
    own = f"{KUBELET_KUBECONFIG} {pki}/kubelet-client-current.pem"
    return f"""\
umask 077
trap 'rm -f {bootstrap}' EXIT
trap 'exit 1' HUP INT TERM
printf %s {quote(kubeconfig)} > {bootstrap}
for file in {own}; do
  if [ -e $file ]; then mv -f $file $file.before; fi
done
rm -f {pki}/kubelet.crt {pki}/kubelet.key
systemctl restart {KUBELET_UNIT}
attempt=0
until [ -e {KUBELET_KUBECONFIG} ] && [ -e {pki}/kubelet-client-current.pem ] && [ -e {pki}/kubelet.crt ]; do
  attempt=$((attempt + 1))
  if [ $attempt -ge 120 ]; then
    for file in {own}; do
      if [ -e $file.before ]; then mv -f $file.before $file; fi
    done
    systemctl restart {KUBELET_UNIT}
    echo "the kubelet got no certificate" >&2
    exit 1
  fi
  sleep 1
done
for file in {own}; do rm -f $file.before; done"""
