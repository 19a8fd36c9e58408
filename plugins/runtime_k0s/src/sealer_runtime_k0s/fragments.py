"""Pieces of sh that the steps of a k0s cluster are made of."""

from __future__ import annotations

from sealer.changes import Change, Wait, quote
from sealer.kubernetes import END_PODS, IN_SHORT, end_containers, occupancy
from sealer_runtime_k0s.names import (
    CONFIG,
    CONTAINERD_CONFIG,
    CONTROLLER_UNIT,
    DATA,
    JOIN_ENVIRONMENT,
    JOIN_TOKEN,
    KUBECTL,
    PROGRAM,
    RUN,
    SETTINGS,
    SOCKET,
    UNITS,
    WORKER_UNIT,
)
from sealer_runtime_k0s.version import K0sVersion

STATE_PROBE = occupancy(
    units=(f"{UNITS}/{CONTROLLER_UNIT}", f"{UNITS}/{WORKER_UNIT}"),
    others=("k0scontroller", "k0sworker", "kubelet", "k3s", "k3s-agent", "rke2-server", "rke2-agent"),
    paths=(
        SETTINGS,
        DATA,
        "/etc/kubernetes/manifests/*.yaml",
        "/var/lib/kubelet/config.yaml",
        "/etc/rancher/k3s",
        "/etc/rancher/rke2",
        "/var/snap/microk8s/current",
    ),
)
"""Prints ``ours CLUSTER``, a line for each sign of another Kubernetes, or ``none``."""

OOM_PROBE = """\
if sh -c 'echo -999 > /proc/self/oom_score_adj' 2>/dev/null; then echo allowed; else echo refused; fi"""
"""Prints whether processes may be protected from the kernel's out-of-memory killer; only the shell tries."""

API_ANSWERS = f"{KUBECTL} get --raw /readyz"

_LAST_WORDS = (
    "journalctl -q -o cat -n 40 -u {unit} 2>/dev/null | grep -E 'level=(error|fatal)|^Error' | tail -n 1"
)

WHY_NO_API = f"""\
if systemctl is-active -q {CONTROLLER_UNIT}; then
  {API_ANSWERS} 2>&1 | {IN_SHORT}
else
  echo "{CONTROLLER_UNIT} is $(systemctl is-active {CONTROLLER_UNIT})"
fi
{_LAST_WORDS.format(unit=CONTROLLER_UNIT)}"""
"""Prints what stands between us and the API server."""


def api_answers(title: str = "the API server answers") -> Change:
    """Return the wait for a controller's own API server."""
    return Wait(title=title, until=API_ANSWERS, why=WHY_NO_API, limit=360)


IS_REGISTERED = f"[ -s {DATA}/kubelet.conf ]"
"""Succeeds when the kubelet has got its certificate from the cluster."""

HAS_JOINED_ETCD = f"[ -e {DATA}/etcd/member/snap/db ]"
HAS_AUTHORITY = f"[ -s {DATA}/pki/ca.key ] && [ -s {DATA}/pki/sa.key ]"
"""Succeed when a controller has come so far that it needs no token any more."""


def why_not_registered(unit: str) -> str:
    """Return sh that prints why the kubelet of a unit has not come so far."""
    return f"""\
echo "{unit} is $(systemctl is-active {unit}), and its kubelet has no certificate yet"
{_LAST_WORDS.format(unit=unit)}"""


def balancer_listens(port: int) -> str:
    """Return sh that succeeds when something listens on the port of a worker's balancer."""
    listening = f"^ *[0-9]+: [0-9A-F]+:{port:04X} [0-9A-F]+:[0-9A-F]+ 0A "
    return f"cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -Eq '{listening}'"


def why_no_balancer(port: int) -> str:
    """Return sh that prints why nothing listens there, with what the kubelet says of the balancer's pod."""
    # The kubelet's words come quoted inside of k0s' own.
    pod = "grep 'Error syncing pod' | grep 'kube-system/nllb' | tail -n 1"
    words = r"""sed 's/.* err=[\\"]*//; s/[\\"]* pod=.*//; s/[\\"]//g'"""
    return f"""\
if [ -e {RUN}/nllb/kubeconfig.yaml ]; then
  echo "the balancer does not listen on port {port}"
else
  echo "k0s has no balancer here; if it ran before one was asked for: systemctl restart {WORKER_UNIT}"
fi
journalctl -q -o cat -n 2000 -u {WORKER_UNIT} 2>/dev/null | {pod} | {words}"""


def new_token(version: K0sVersion, role: str) -> str:
    """Return sh that prints a token with which hosts can join for an hour."""
    return f"{PROGRAM} token create{config_flag(version)} --role={role} --expiry=1h"


def start_anew(unit: str) -> str:
    """Return sh after which k0s runs what its program unpacks, and nothing newer, if it runs at all."""
    return f"""\
runs=
if systemctl is-active -q {unit}; then runs=yes; systemctl stop {unit}; fi
rm -f {DATA}/bin/*
if [ -n "$runs" ]; then systemctl start {unit}; fi"""


def config_flag(version: K0sVersion) -> str:
    """Return the argument by which commands know what the controller was told, with a blank before it."""
    return f" --config={CONFIG}" if version.names_its_config else ""


def keep_token(token: str, *, controller: bool) -> str:
    """Return sh that keeps a token where k0s will read it.

    What a controller has got of an attempt that was cut off goes: k0s would take it for a sign that it has
    joined, and begin a cluster of its own.

    Args:
        token: A value that is filled in later, and free of single quotes.
        controller: Whether the host is to be a controller.
    """
    write = f"umask 077\nmkdir -p {SETTINGS}\nprintf '%s\\n' '{token}' > {JOIN_TOKEN}"
    if not controller:
        return write
    fresh = f"systemctl stop {CONTROLLER_UNIT} 2>/dev/null || :\nrm -rf {DATA}/pki {DATA}/etcd"
    return f"{fresh}\n{write}\nprintf '%s\\n' 'JOIN=--token-file={JOIN_TOKEN}' > {JOIN_ENVIRONMENT}"


# k0s starts containerd again by itself when it has ended; containers outlive it.
RESTART_CONTAINERD = f"""\
kill -TERM "$(cat {RUN}/containerd.pid)"
attempt=0
until [ {RUN}/containerd.pid -nt {CONTAINERD_CONFIG} ]; do
  attempt=$((attempt + 1))
  if [ $attempt -ge 45 ]; then echo "k0s has not started containerd again" >&2; exit 1; fi
  sleep 1
done"""
CONTAINERD_HAS_READ = (
    f"[ ! -e {RUN}/containerd.pid ] || [ {RUN}/containerd.pid -nt {CONTAINERD_CONFIG} ] || "
    f"! systemctl is-active -q {CONTROLLER_UNIT} {WORKER_UNIT}"
)
"""Succeeds when k0s is off, or its containerd has started since its file was written."""


# A k0s that writes it leaves a file alone that it has not written: ours of an earlier k0s, after an upgrade.
FILE_IS_NOT_OURS = f"! grep -qx '# Written by Sealer.' {CONTAINERD_CONFIG}"
PUT_FILE_ASIDE = f"mv -f {CONTAINERD_CONFIG} {CONTAINERD_CONFIG}.earlier"
PUT_FILE_BACK = f"""\
if [ -e {CONTAINERD_CONFIG}.earlier ]; then mv -f {CONTAINERD_CONFIG}.earlier {CONTAINERD_CONFIG}; fi"""


def link_images(source: str) -> str:
    """Return sh that makes the archives in a directory those that k0s imports."""
    return f"""\
mkdir -p {DATA}/images
for archive in {quote(source)}/*; do
  if [ -f "$archive" ]; then ln -sfn "$archive" {DATA}/images/; fi
done"""


def images_are_linked(source: str) -> str:
    """Return sh that succeeds when each archive in a directory is among those that k0s imports."""
    return f"""\
for archive in {quote(source)}/*; do
  if [ -f "$archive" ] && [ ! {DATA}/images/"${{archive##*/}}" -ef "$archive" ]; then exit 1; fi
done"""


# What k0s starts is told by where it lies. It is still there when k0s itself was killed.
END_CONTAINERS = f"""\
systemctl stop {CONTROLLER_UNIT} {WORKER_UNIT} 2>/dev/null || :
{end_containers(SOCKET)}
{END_PODS}
for attempt in 1 2 3 4 5; do
  found=
  for program in /proc/[0-9]*/exe; do
    case $(readlink "$program" 2>/dev/null) in
      {DATA}/bin/*) program=${{program#/proc/}}; found="$found ${{program%/exe}}" ;;
    esac
  done
  [ -n "$found" ] || break
  # Process ids are words.
  # shellcheck disable=SC2086
  kill -KILL $found 2>/dev/null || :
  sleep 1
done
unmount_below {RUN}
unmount_below /var/lib/kubelet
unmount_below {DATA}"""
"""Ends all containers of k0s, which outlive it, and what k0s itself is made of."""
