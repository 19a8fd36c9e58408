"""Upgrades by kubeadm: etcd is saved, then hosts come in turn, each drained before and healthy after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sealer.changes import Change, Command, File, Wait, quote, rollback_only
from sealer.kubernetes import (
    GATE_SECONDS,
    host_needs,
    in_turns,
    moved_away,
    require_way,
    takes_pods_again,
)
from sealer.model import Cluster, Host, Step, Upgrade, at
from sealer_runtime_k8s import etcd, fragments
from sealer_runtime_k8s.control_groups import ignored_preflight
from sealer_runtime_k8s.kubeadm import init_configuration
from sealer_runtime_k8s.names import API_PORT, KUBELET_UNIT, PROGRAMS, directory, environment, node_name
from sealer_runtime_k8s.prepare import prepare_step
from sealer_runtime_k8s.removal import drain
from sealer_runtime_k8s.version import KubernetesVersion, image_version

_UPGRADED = "kubernetes-upgraded"
_SAVED = "kubernetes-saved"
_MANIFESTS = "/etc/kubernetes/manifests"
_KUBELET = "/var/lib/kubelet"
_OWN = "instance-config.yaml"
"""What the kubelet of one host has for itself: from 1.34 on kubeadm writes it, with the socket."""
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_SOCKET = "kubeadm.alpha.kubernetes.io/cri-socket"
"""The annotation by which kubeadm knows the container runtime of a node."""


def upgrade_steps(cluster: Cluster, upgrade: Upgrade) -> Iterator[Step]:
    """Yield the steps of an upgrade.

    Raises:
        PlanError: There is no way from the one version to the other, or the settings can't work.
    """
    require_way(image_version(upgrade.previous), image_version(cluster.image), "Kubernetes")
    before: tuple[str, ...] = tuple(at("rootfs", host.name) for host in cluster.hosts)
    if etcd.is_stacked(cluster):
        yield _snapshot_step(cluster, upgrade)
        before = (*before, _SAVED)
    yield from in_turns(
        cluster, upgrade, lambda host, needed: _host_steps(cluster, host, upgrade, needed), requires=before
    )


def _snapshot_step(cluster: Cluster, upgrade: Upgrade) -> Step:
    """Return the step in which the first master keeps a copy of all that etcd holds."""
    host = cluster.first_master
    inside, kept = "/var/lib/etcd/sealer-snapshot.db", f"{directory(cluster)}/etcd-{upgrade.stamp}.db"
    return Step(
        id=at("kubernetes/snapshot", host.name),
        title="save what etcd holds",
        host=host.name,
        changes=(
            Command(
                title=f"copy of etcd in {kept}",
                run=f"umask 077\nmkdir -p {quote(directory(cluster))}\n"
                f"{etcd.wait_for_pod(cluster, host)}\n"
                f"{etcd.etcdctl(cluster, host)} snapshot save {inside}\n"
                f"chmod 600 {inside}\nmv -f {inside} {quote(kept)}",
                creates=kept,
                revert=f"rm -f {inside} {quote(kept)}",
                limit=300,
                repeatable=True,
            ),
        ),
        provides=(_SAVED,),
        env=environment(),
    )


def _host_steps(cluster: Cluster, host: Host, upgrade: Upgrade, before: tuple[str, ...]) -> Iterator[Step]:
    yield _drain_step(cluster, host, upgrade, before)
    yield _upgrade_step(cluster, host, upgrade)
    yield _gate_step(cluster, host, upgrade)


def _drain_step(cluster: Cluster, host: Host, upgrade: Upgrade, before: tuple[str, ...]) -> Step:
    first, name = cluster.first_master, node_name(cluster, host)
    drained = drain(cluster, host, upgrade.drain_seconds)
    move = moved_away(cluster, upgrade, node=name, kubectl=fragments.KUBECTL, drain=drained)
    return Step(
        id=at(f"kubernetes/drain/{host.name}", first.name),
        title=f"move the pods of {name} away",
        host=first.name,
        changes=(
            replace(
                move,
                run=f"{_note_socket(name)}\n{move.run}",
                revert=f"{rollback_only(_put_socket_back(name))}\n{move.revert}",
            ),
        ),
        provides=(at("turn", host.name),),
        requires=before,
        env=environment(),
        retries=0,
        timeout=upgrade.drain_seconds + 120,
    )


def _note_socket(node: str) -> str:
    """Return sh that notes which socket a node's annotation names.

    From 1.34 on kubeadm takes the annotation away (its feature NodeLocalCRISocket), and an older one, to
    which a rollback leads, upgrades no node that lacks it.
    """
    path = quote("{.metadata.annotations." + _SOCKET.replace(".", "\\.") + "}")
    return f"""\
if [ ! -e "$entry/socket" ]; then
  {fragments.KUBECTL} get node {quote(node)} -o jsonpath={path} > "$entry/socket.new"
  mv "$entry/socket.new" "$entry/socket"
fi"""


def _put_socket_back(node: str) -> str:
    """Return sh that gives a node the annotation that was noted."""
    annotate = f"{fragments.KUBECTL} --request-timeout=10s annotate --overwrite node {quote(node)}"
    return f"""\
if [ -s "$entry/socket" ]; then
  {annotate} {_SOCKET}="$(cat "$entry/socket")" || :
fi"""


def _upgrade_step(cluster: Cluster, host: Host, upgrade: Upgrade) -> Step:
    version = image_version(cluster.image)
    kept, mark = f"{directory(cluster)}/before-{upgrade.stamp}", f"{directory(cluster)}/upgraded-{version}"
    is_first = host == cluster.first_master
    config = f"{directory(cluster)}/init.yaml"
    changes: list[Change] = [
        # Undone last, when the programs of before are there again.
        Command(
            title=f"files before {version}, {upgrade.stamp}",
            run=_keep(kept, with_addons=is_first),
            creates=f"{kept}/complete",
            revert=f"rm -rf {quote(kept)}\nsystemctl daemon-reload\nsystemctl restart {KUBELET_UNIT}",
        ),
        *prepare_step(cluster, host).changes,
    ]
    if is_first:
        changes.append(File(path=config, content=init_configuration(cluster), mode=0o600))
    changes.append(
        Command(
            title=f"upgrade to {version}",
            run=f"{_kubeadm(cluster, host, config if is_first else '')}\n"
            f"systemctl daemon-reload\nsystemctl restart {KUBELET_UNIT}\nsync\n: > {quote(mark)}",
            unless=_is_upgraded(host, version, mark),
            revert=f"rm -f {quote(mark)}\n{rollback_only(_put_back(host, kept, with_addons=is_first))}",
            limit=900,
        )
    )
    if host.is_master:
        changes.append(
            Wait(
                title=f"the API server of {version} answers",
                until=f"{fragments.own_api_answers(host.address)} && {_serves(host, version)}",
                why=fragments.WHY_NO_API,
                limit=300,
            )
        )
    return Step(
        id=at("kubernetes/upgrade", host.name),
        title=f"upgrade to {version}",
        host=host.name,
        changes=tuple(changes),
        provides=(at(_UPGRADED, host.name),),
        requires=host_needs(cluster, host, at("turn", host.name)),
        env=environment() if host.is_master else {},
        timeout=1500,
    )


def _kubeadm(cluster: Cluster, host: Host, config: str) -> str:
    """Return sh that lets kubeadm do its part; ``config`` is given for the first master."""
    kubeadm, ignored = f"{PROGRAMS}/kubeadm", ignored_preflight(cluster, host)
    if not config:
        return f"{kubeadm} upgrade node{_ignoring(ignored)}"
    # Its own gate is a job that must be through in 15 seconds; the cluster's is ours.
    return f"""\
{kubeadm} init phase upload-config kubeadm --config {quote(config)}
{kubeadm} upgrade apply {image_version(cluster.image)} --yes{_ignoring(("CreateJob", *ignored))}"""


def _ignoring(checks: tuple[str, ...]) -> str:
    return f" --ignore-preflight-errors={','.join(checks)}" if checks else ""


def _is_upgraded(host: Host, version: KubernetesVersion, mark: str) -> str:
    checks = [f"[ -e {quote(mark)} ]"]
    tag = str(version).replace("+", "_")
    if host.is_master:
        checks += [f"grep -q 'image: .*:{tag}$' {_MANIFESTS}/{name}.yaml" for name in _CONTROL_PLANE]
    return " && ".join(checks)


def _serves(host: Host, version: KubernetesVersion) -> str:
    """Return sh that succeeds when the API server of a master is of a version."""
    address = f"[{host.address}]" if ":" in host.address else host.address
    ask = f"{fragments.KUBECTL} --request-timeout=10s --server=https://{address}:{API_PORT}"
    return f"{ask} get --raw /version | grep -Fq {quote(str(version))}"


def _keep(kept: str, *, with_addons: bool) -> str:
    """Return sh that keeps what kubeadm is about to change."""
    lines = [
        "umask 077",
        f"rm -rf {quote(kept)}",
        f"mkdir -p {quote(kept)}",
        f"if [ -d {_MANIFESTS} ]; then cp -a {_MANIFESTS} {quote(kept)}/manifests; fi",
        f"cp -a {_KUBELET}/config.yaml {_KUBELET}/kubeadm-flags.env {quote(kept)}/",
        f"if [ -e {_KUBELET}/{_OWN} ]; then cp -a {_KUBELET}/{_OWN} {quote(kept)}/; fi",
    ]
    if with_addons:
        lines.append(keep_addons(fragments.KUBECTL, f"{kept}/addons.yaml"))
    return "\n".join([*lines, f": > {quote(kept)}/complete"])


def _put_back(host: Host, kept: str, *, with_addons: bool) -> str:
    """Return sh that puts it back. etcd stays as new as it is: an older one may not read what it wrote."""
    lines = [f"[ -e {quote(kept)}/complete ] || exit 0"]
    paths = {name: f"{_KUBELET}/{name}" for name in ("config.yaml", "kubeadm-flags.env")}
    if host.is_master:
        paths |= {f"manifests/{name}.yaml": f"{_MANIFESTS}/{name}.yaml" for name in _CONTROL_PLANE}
    lines += [f"cp -a {quote(kept)}/{name} {path}" for name, path in paths.items()]
    own = f"{quote(kept)}/{_OWN}"
    lines.append(f"if [ -e {own} ]; then cp -a {own} {_KUBELET}/{_OWN}; else rm -f {_KUBELET}/{_OWN}; fi")
    if with_addons:
        # etcd may choose another leader while the API servers of all masters start again.
        lines.append(
            f"""\
attempt=0
until {fragments.own_api_answers(host.address)} >/dev/null 2>&1 &&
  {put_addons_back(fragments.KUBECTL, f"{kept}/addons.yaml")}; do
  attempt=$((attempt + 1))
  if [ $attempt -ge 60 ]; then exit 1; fi
  sleep 2
done"""
        )
    return "\n".join(lines)


_ADDONS = "cm/kubeadm-config ds/kube-proxy deploy/coredns cm/coredns cm/kube-proxy"


def keep_addons(kubectl: str, path: str) -> str:
    """Return sh that writes what kubeadm keeps in the cluster into a file, without what tells versions apart.

    Args:
        kubectl: The words that call kubectl as the administrator.
        path: Of the file.
    """
    own = "/^ *(resourceVersion|uid|creationTimestamp|generation|selfLink):/d"
    get = f"{kubectl} -n kube-system get"
    return f"""\
settings=$({get} cm -o name | grep '/kubelet-config' || :)
# These names are words.
{get} {_ADDONS} $settings --ignore-not-found -o yaml | sed -E '{own}' > {quote(path)}"""


def put_addons_back(kubectl: str, path: str) -> str:
    """Return the sh command that makes the cluster hold what the file holds, whatever it holds by now."""
    return f"{kubectl} replace -f {quote(path)}"


def _gate_step(cluster: Cluster, host: Host, upgrade: Upgrade) -> Step:
    """Return the step after which a host takes pods again: its node and the system's pods on it are ready."""
    first, name, version = cluster.first_master, node_name(cluster, host), image_version(cluster.image)
    kubectl = f"{fragments.KUBECTL} --request-timeout=10s"
    info = quote('{.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type=="Ready")].status}')
    state = f"{kubectl} get node {quote(name)} -o jsonpath={info}"
    # Of static pods, whose names end with the node's, the kubelet says a minute late that they are ready.
    unready = (
        '$3 == "Terminating" || $3 == "Completed" { next } '
        '$3 == "Running" && substr($1, length($1) - length(node)) == "-" node { next } '
        '{ split($2, ready, "/"); if (ready[1] != ready[2]) print $1, $3 }'
    )
    listing = f"{kubectl} -n kube-system get pods --field-selector spec.nodeName={quote(name)} --no-headers"
    pods = f"{listing} | awk -v node={quote(name)} {quote(unready)}"
    return Step(
        id=at(f"kubernetes/healthy/{host.name}", first.name),
        title=f"{name} is healthy with {version}",
        host=first.name,
        changes=(
            Wait(
                title=f"{name} is Ready with {version}",
                until=f'[ "$({state})" = {quote(f"{version} True")} ] && pods=$({pods}) && [ -z "$pods" ]',
                why=f"{state}; echo; {pods}",
                limit=GATE_SECONDS,
            ),
            takes_pods_again(node=name, kubectl=fragments.KUBECTL),
        ),
        provides=(at("member", host.name),),
        requires=(at(_UPGRADED, host.name),),
        env=environment(),
        timeout=GATE_SECONDS + 120,
    )
