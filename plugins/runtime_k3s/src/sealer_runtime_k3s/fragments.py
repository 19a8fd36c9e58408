"""Pieces of sh that the steps of a k3s cluster are made of."""

from __future__ import annotations

from sealer.changes import Change, Wait, quote
from sealer.kubernetes import END_PODS, IN_SHORT, end_containers, occupancy
from sealer_runtime_k3s.names import (
    ADMIN_KUBECONFIG,
    AGENT_UNIT,
    DATA,
    KUBECTL,
    NODE_SECRET,
    PROGRAM,
    REGISTRIES,
    SERVER_SECRET,
    SERVER_TLS,
    SERVER_UNIT,
    SETTINGS,
    SOCKET,
    TOMBSTONE,
    UNITS,
)

STATE_PROBE = occupancy(
    units=(f"{UNITS}/{SERVER_UNIT}", f"{UNITS}/{AGENT_UNIT}"),
    others=("k3s", "k3s-agent", "kubelet", "k0scontroller", "k0sworker", "rke2-server", "rke2-agent"),
    paths=(
        SETTINGS,
        DATA,
        "/etc/kubernetes/manifests/*.yaml",
        "/var/lib/kubelet/config.yaml",
        "/etc/rancher/rke2",
        "/var/lib/k0s",
        "/var/snap/microk8s/current",
    ),
)
"""Prints ``ours CLUSTER``, a line for each sign of another Kubernetes, or ``none``."""


def make_secret(path: str) -> str:
    """Return sh that writes 24 random bytes in hexadecimal to a file for root alone, whole or not at all."""
    return f"""\
umask 077
mkdir -p {quote(SETTINGS)}
head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' > {quote(path)}.new
[ "$(wc -c < {quote(path)}.new)" -eq 48 ]
mv {quote(path)}.new {quote(path)}"""


SERVER_PASSWORD = f"sed 's/.*://' {SERVER_SECRET}"
"""Prints the servers' password, whichever form of a token the file has."""


def join_token(user: str, password: str) -> str:
    """Return sh that prints a token that names the cluster's authority, so that nobody joins another's.

    The form is ``K10<sha256 of the CA>::<user>:<password>`` (https://docs.k3s.io/cli/token).

    Args:
        user: Who joins.
        password: sh that prints its password.
    """
    return (
        f"authority=$(sha256sum {SERVER_TLS}/server-ca.crt | cut -d ' ' -f 1) && "
        f'[ -n "$authority" ] && printf \'K10%s::{user}:%s\\n\' "$authority" "$({password})"'
    )


SERVER_TOKEN = join_token("server", SERVER_PASSWORD)
NODE_TOKEN = join_token("node", f"cat {NODE_SECRET}")

HAS_JOINED_ETCD = f"[ -d {DATA}/server/db/etcd/member/wal ] && [ ! -e {TOMBSTONE} ]"
HAS_AUTHORITY = f"[ -s {SERVER_TLS}/server-ca.key ]"
"""Succeed when a server has come so far that it needs no token any more."""


def keep_token(token: str) -> str:
    """Return sh that keeps a token where a server will read it.

    What the server has of an attempt that was cut off, or of the time before it was taken out, goes.

    Args:
        token: A value that is filled in later, and free of single quotes.
    """
    return f"""\
systemctl stop {SERVER_UNIT} 2>/dev/null || :
rm -rf {DATA}/server
umask 077
mkdir -p {SETTINGS}
printf '%s\\n' '{token}' > {SERVER_SECRET}"""


# k3s checks whoever joins against the words it was started with; those had the authority in them.
KNOWS_PASSWORD = f"! grep -q '^\"*K10' {DATA}/server/cred/passwd"

API_ANSWERS = f"{KUBECTL} get --raw /readyz"
OWN_KUBECTL = f"{PROGRAM} kubectl --kubeconfig {ADMIN_KUBECONFIG}"
"""How kubectl reaches a server's own API server, whatever listens in front of it."""

WHY_NO_API = f"""\
if systemctl is-active -q {SERVER_UNIT}; then
  {API_ANSWERS} 2>&1 | {IN_SHORT}
else
  echo "{SERVER_UNIT} is $(systemctl is-active {SERVER_UNIT})"
fi"""
"""Prints what stands between us and the API server."""


def api_answers(title: str = "the API server answers") -> Change:
    """Return the wait for a server's own API server."""
    return Wait(title=title, until=API_ANSWERS, why=WHY_NO_API, limit=360)


HAS_CERTIFICATE = f"[ -s {DATA}/agent/client-kubelet.crt ]"
"""Succeeds when the kubelet has got its certificate from the cluster."""

WHY_NO_CERTIFICATE = f"""\
echo "the kubelet of k3s has no certificate yet"
journalctl -q -o cat -n 40 -u {AGENT_UNIT} 2>/dev/null | grep -E 'level=(error|fatal)' | tail -n 1"""


def start_anew(unit: str) -> str:
    """Return sh after which k3s runs as its program is by now, if it runs at all."""
    return f"if systemctl is-active -q {unit}; then systemctl restart {unit}; fi"


def is_off(unit: str) -> str:
    """Return sh that succeeds when k3s neither runs nor is about to."""
    return f"case $(systemctl is-active {unit}) in active | *ing) false ;; esac"


def mirrors_are_read(unit: str) -> str:
    """Return sh that succeeds when k3s is off, or has read registries.yaml since it was written."""
    settings = f"{DATA}/agent/etc/containerd/config.toml"
    return f"{is_off(unit)} || [ {settings} -nt {REGISTRIES} ]"


END_CONTAINERS = f"""\
systemctl stop {SERVER_UNIT} {AGENT_UNIT} 2>/dev/null || :
{end_containers(SOCKET)}
{END_PODS}
unmount_below /run/k3s
unmount_below /var/lib/kubelet
unmount_below {DATA}"""
"""Ends all containers of k3s, which outlive it."""
