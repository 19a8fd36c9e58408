"""Pieces of sh that ask the etcd inside k3s, and save what it holds."""

from __future__ import annotations

import ipaddress

from sealer.changes import quote
from sealer.model import Host
from sealer_runtime_k3s.names import KUBECTL, PROGRAM, SERVER_SECRET, SERVER_TLS

_PEER_PORT = 2380
_STATES = quote(
    '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
)


def peer(host: Host) -> str:
    """Return the address by which other members know that of a host."""
    address = ipaddress.ip_address(host.address)
    return f"https://[{address}]:{_PEER_PORT}" if address.version == 6 else f"https://{address}:{_PEER_PORT}"


def _ask(server: str) -> str:
    """Return the sh command by which a server asks a member, at a URL, which members there are.

    They tell one another at ``/members``, in HTTP 1, with or without a quorum; kubectl is what a host has to
    ask by.
    """
    tls = f"{SERVER_TLS}/etcd"
    own = f"--client-certificate={tls}/peer-server-client.crt --client-key={tls}/peer-server-client.key"
    return (
        f"DISABLE_HTTP2=1 {PROGRAM} kubectl --kubeconfig=/dev/null --request-timeout=10s"
        f" --server={server} --certificate-authority={tls}/peer-ca.crt {own} get --raw /members"
    )


def _count_others(host: Host) -> str:
    """Return sh for a server that counts ``$all`` members of etcd, and ``$others`` that answer beside it."""
    return f"""\
members=$({_ask(peer(host))} 2>/dev/null) || members=
all=0 others=0
for peer in $(printf %s "$members" | tr '"' '\\n' | grep '^https://.*:{_PEER_PORT}$' | sort -u); do
  all=$((all + 1))
  if [ "$peer" != {quote(peer(host))} ] && {_ask('"$peer"')} >/dev/null 2>&1; then others=$((others + 1)); fi
done"""


def can_restart(host: Host) -> str:
    """Return sh for a server that succeeds when etcd keeps its quorum while k3s is restarted there.

    Of one member or two there is none to keep.
    """
    return f"""\
{_count_others(host)}
[ "$all" -ge 1 ] && {{ [ "$all" -le 2 ] || [ "$others" -gt $((all / 2)) ]; }}"""


def why_not_restart(host: Host) -> str:
    """Return sh that prints why k3s must not be restarted."""
    return f"""\
{_count_others(host)}
if [ "$all" -eq 0 ]; then
  echo "etcd does not answer"
else
  echo "etcd would lose its quorum while k3s restarts: of $all members $others others answer"
fi"""


def has_no_member(agent: Host, host: Host) -> str:
    """Return sh for one server that succeeds when etcd answers and knows no member on another host."""
    quoted = quote(f'"{peer(host)}"')
    ask = f"{_ask(peer(agent))} 2>/dev/null"
    return f'members=$({ask}) && [ -n "$members" ] && ! printf %s "$members" | grep -Fq {quoted}'


def require_quorum_without(node: str) -> str:
    """Return sh that fails, and says why, when too few servers are Ready to do without a node's member.

    etcd is inside of k3s, and so is the kubelet that says whether the node is Ready.
    """
    return f"""\
servers=$({KUBECTL} get nodes -l node-role.kubernetes.io/etcd=true -o jsonpath={_STATES})
others=$(printf '%s\\n' "$servers" | awk -v node={quote(node)} 'NF && $1 != node')
stay=$(printf '%s\\n' "$others" | grep -c . || :)
ready=$(printf '%s\\n' "$others" | grep -c ' True$' || :)
needed=$((stay / 2 + 1))
if [ "$ready" -lt "$needed" ]; then
  echo "etcd would lose its quorum: of $stay servers that stay $needed must be Ready, $ready are" >&2
  exit 1
fi"""


def wait_for_no_member(agent: Host, host: Host) -> str:
    """Return sh that waits until k3s has taken the member on a host out of etcd."""
    return f"""\
attempt=0
until {has_no_member(agent, host)}; do
  attempt=$((attempt + 1))
  if [ "$attempt" -ge 30 ]; then echo "k3s has not taken {peer(host)} out of etcd" >&2; exit 1; fi
  sleep 2
done"""


def save(directory: str) -> str:
    """Return sh that keeps what etcd holds in a directory, with the password that opens it.

    ``k3s server --cluster-reset --cluster-reset-restore-path=...`` takes it
    (https://docs.k3s.io/cli/etcd-snapshot).
    """
    kept = quote(directory)
    return f"""\
umask 077
rm -rf {kept}
mkdir -p {kept}
{PROGRAM} etcd-snapshot save --name=sealer --dir={kept}
[ -n "$(ls {kept})" ]
cp {SERVER_SECRET} {kept}/server-secret
: > {kept}/complete"""
