"""Certificates of a k0s cluster: where they are, and how all are made anew, whether expired or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sealer.changes import Change, Command, File, Wait
from sealer.model import Cluster, Host, Renewal, Step, at
from sealer_runtime_k0s import fragments
from sealer_runtime_k0s.config import configuration, is_worker
from sealer_runtime_k0s.names import CONFIG, CONTROLLER_UNIT, DATA, WORKER_UNIT
from sealer_runtime_k0s.waits import balanced, registered

_RENEWED = "k0s-renewed"
_MASTER_FILES = (f"{DATA}/pki/*.crt", f"{DATA}/pki/etcd/*.crt", f"{DATA}/pki/*.conf")
# Kubelets of k0s serve with what the cluster signed, or with kubelet.crt where a worker profile says so.
_NODE_FILES = tuple(
    f"{DATA}/kubelet/pki/{name}"
    for name in ("kubelet-client-current.pem", "kubelet-server-current.pem", "kubelet.crt")
)
_KUBELET = f"{DATA}/kubelet.conf {DATA}/kubelet-bootstrap.conf"

# k0s makes what is missing when it starts; authorities stay. Without its files a kubelet asks for new ones.
_RENEW_CONTROLLER = f"""\
systemctl stop {CONTROLLER_UNIT}
for certificate in {DATA}/pki/*.crt {DATA}/pki/etcd/*.crt; do
  case $certificate in
    */ca.crt | */front-proxy-ca.crt) ;;
    *) rm -f "$certificate" "${{certificate%.crt}}.key" "${{certificate%.crt}}.conf" ;;
  esac
done
rm -f {_KUBELET} {DATA}/kubelet/pki/kubelet*
systemctl start {CONTROLLER_UNIT}"""


def certificate_files(cluster: Cluster, host: Host) -> tuple[str, ...]:
    """Return the files on a host that have certificates in them."""
    own = _MASTER_FILES if host.is_master else ()
    return (*own, *_NODE_FILES) if is_worker(cluster, host) else own


def renewal_steps(cluster: Cluster, renewal: Renewal, token: Step) -> Iterator[Step]:
    """Yield the steps: controllers one after the other, then a token, then all workers side by side.

    Args:
        cluster: The cluster.
        renewal: What is asked for.
        token: The step that makes a token for workers; their kubelets get new certificates by it.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    before: tuple[str, ...] = ()
    for master in cluster.masters:
        yield _controller_step(cluster, master, renewal, before)
        before = (at(_RENEWED, master.name),)
    if cluster.nodes:
        yield replace(token, requires=before)
    for host in cluster.nodes:
        yield _worker_step(cluster, host, renewal, token)


def _controller_step(cluster: Cluster, host: Host, renewal: Renewal, before: tuple[str, ...]) -> Step:
    changes: list[Change] = [
        File(path=CONFIG, content=configuration(cluster, host), mode=0o600),
        Command(
            title=f"renew the certificates of the control plane, {renewal.stamp}",
            run=_RENEW_CONTROLLER,
            limit=240,
        ),
        Wait(
            title=f"the API server answers with new certificates, {renewal.stamp}",
            until=fragments.API_ANSWERS,
            why=fragments.WHY_NO_API,
            limit=300,
        ),
    ]
    if is_worker(cluster, host):
        changes.append(registered(host, f", {renewal.stamp}"))
    return Step(
        id=at("k0s/renew", host.name),
        title="renew the certificates of the control plane",
        host=host.name,
        changes=tuple(changes),
        provides=(at(_RENEWED, host.name),),
        requires=before,
    )


def _worker_step(cluster: Cluster, host: Host, renewal: Renewal, token: Step) -> Step:
    keep = fragments.keep_token(str(token.value("token")), controller=False)
    return Step(
        id=at("k0s/renew", host.name),
        title="renew the certificates of the kubelet",
        host=host.name,
        changes=(
            Command(
                title=f"renew the certificates of the kubelet, {renewal.stamp}",
                run=f"{keep}\nsystemctl stop {WORKER_UNIT}\nrm -f {_KUBELET} {DATA}/kubelet/pki/kubelet*\n"
                f"systemctl start {WORKER_UNIT}",
                limit=240,
            ),
            registered(host, f", {renewal.stamp}"),
            *balanced(cluster, host, f", {renewal.stamp}"),
        ),
    )
