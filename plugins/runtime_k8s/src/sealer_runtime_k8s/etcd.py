"""Pieces of sh that ask the etcd of a kubeadm cluster, by the etcdctl beside it in its pod."""

from __future__ import annotations

from sealer.changes import quote
from sealer.kubernetes import persistent
from sealer.model import Cluster, Host, bracketed
from sealer_runtime_k8s.documents import asked, offered
from sealer_runtime_k8s.names import PROGRAMS, node_name

CLIENT_PORT = 2379
PEER_PORT = 2380
_PKI = "/etc/kubernetes/pki/etcd"


def is_stacked(cluster: Cluster) -> bool:
    """Tell whether etcd runs on the masters, and not somewhere else as the user says."""
    kind = "ClusterConfiguration"
    settings = [document(cluster, kind).get("etcd") or {} for document in (offered, asked)]
    return not any("external" in etcd for etcd in settings)


def etcdctl(cluster: Cluster, agent: Host) -> str:
    """Return the words that ask the etcd of a master, as its administrator, from any master."""
    pod = quote(f"etcd-{node_name(cluster, agent)}")
    # Of the two loopback addresses kubeadm has it listen on that of the family of the master's address alone.
    server = quote(f"https://{bracketed(agent.loopback)}:{CLIENT_PORT}")
    return (
        f"{PROGRAMS}/kubectl -n kube-system exec {pod} -c etcd -- etcdctl"
        f" --endpoints={server} --cacert={_PKI}/ca.crt"
        f" --cert={_PKI}/server.crt --key={_PKI}/server.key"
    )


def wait_for_pod(cluster: Cluster, agent: Host) -> str:
    """Return sh that waits until the API server knows the pod of a master's etcd.

    Its kubelet, which runs it from a file, may tell of it a minute after it has joined.
    """
    pod = quote(f"etcd-{node_name(cluster, agent)}")
    return f"""\
known() {{
  found=$({PROGRAMS}/kubectl -n kube-system get pod {pod} --ignore-not-found -o name) || return 1
  [ -z "$found" ] || return 0
  echo "the API server has not heard of the pod "{pod}" yet" >&2
  return 1
}}
{persistent("known", attempts=40)}"""


def has_no_member(cluster: Cluster, agent: Host, host: Host) -> str:
    """Return sh that succeeds when etcd knows no member on a host."""
    return f"""\
members=$({etcdctl(cluster, agent)} member list) || exit 1
! printf '%s\\n' "$members" | grep -Fq {quote(f" {_peer(host)},")}"""


def require_quorum_without(cluster: Cluster, agent: Host, host: Host) -> str:
    """Return sh that fails, and says why, when too few members are healthy to do without a host's.

    None is, for a moment, while they choose a leader: it looks several times.
    """
    ctl = etcdctl(cluster, agent)
    return f"""\
enough() {{
  members=$({ctl} member list) || return 1
  stay=$(printf '%s\\n' "$members" | grep -Fvc {quote(f" {_peer(host)},")} || :)
  health=$({ctl} endpoint health --cluster --command-timeout=5s 2>&1 || :)
  healthy=$(printf '%s\\n' "$health" | grep -Fv {quote(f"{_client(host)} ")} | grep -c ' is healthy' || :)
  needed=$((stay / 2 + 1))
  [ "$healthy" -ge "$needed" ] && return 0
  echo "etcd would lose its quorum: of $stay members that stay $needed must be healthy, $healthy are" >&2
  return 1
}}
{persistent("enough", attempts=5)}"""


def remove_member(cluster: Cluster, agent: Host, host: Host) -> str:
    """Return sh after which etcd knows no member on a host."""
    ctl = etcdctl(cluster, agent)
    return f"""\
without_member() {{
  found=$({ctl} member list) || return 1
  member=$(printf '%s\\n' "$found" | awk -F ', ' -v peer={quote(_peer(host))} '$4 == peer {{ print $1 }}')
  [ -z "$member" ] || {ctl} member remove "$member"
}}
{persistent("without_member")}"""


def _client(host: Host) -> str:
    return f"https://{bracketed(host.address)}:{CLIENT_PORT}"


def _peer(host: Host) -> str:
    return f"https://{bracketed(host.address)}:{PEER_PORT}"
