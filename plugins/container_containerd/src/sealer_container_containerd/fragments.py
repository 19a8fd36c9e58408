"""Pieces of sh that containerd's steps are made of."""

from __future__ import annotations

from sealer.changes import quote
from sealer_container_containerd.config import MARK, MIRRORS, PROGRAMS, SOCKET, UNIT_PATH


def told(script: str) -> str:
    """Return sh that prints what a script prints, or ``none`` when that is nothing: an answer in any case."""
    return f'found=$({script}\n) || exit 1\necho "${{found:-none}}"'


STATE_PROBE = told(f"""\
cluster=$(sed -n {quote(f"1s/^{MARK}//p")} {UNIT_PATH} 2>/dev/null) || :
if [ -n "$cluster" ]; then
  echo "ours $cluster"
else
  for unit in containerd docker crio; do
    if systemctl is-active -q "$unit" 2>/dev/null; then echo "active $unit"; fi
  done
  if [ -e /var/lib/containerd/io.containerd.metadata.v1.bolt ]; then echo "state /var/lib/containerd"; fi
fi""")
"""Prints ``ours CLUSTER``, a line for each sign of another container runtime, or ``none``."""

OOM_PROBE = """\
if sh -c 'echo -999 > /proc/self/oom_score_adj' 2>/dev/null; then echo allowed; else echo refused; fi"""
"""Prints whether processes may be protected from the kernel's out-of-memory killer; only the shell tries."""

OVERLAY_PROBE = """\
if grep -qw overlay /proc/filesystems || modprobe -nq overlay 2>/dev/null; then echo yes; else echo no; fi"""
"""Prints whether the kernel has the overlay file system."""

CRI_ANSWERS = f"""\
{PROGRAMS}/ctr --address {SOCKET} plugins ls |
  awk '$1 == "io.containerd.grpc.v1" && $2 == "cri" && $NF == "ok" {{ found = 1 }} END {{ exit !found }}'"""
"""Succeeds when containerd answers on its socket and its Kubernetes part has been loaded."""

WHY_NO_CRI = f"""\
echo "the unit is $(systemctl is-active containerd.service)"
{PROGRAMS}/ctr --address {SOCKET} --timeout 5s plugins ls --detailed id==cri 2>&1 |
  grep -i 'error' | head -n 3"""
"""Prints what systemd and containerd say of why it does not answer."""

SOCKET_ANSWERS = f"ctr --address {SOCKET} --timeout 5s version"
"""Succeeds when a containerd that is not ours answers on the socket; its programs are on the PATH."""

WHY_NO_SOCKET = """\
echo "the unit is $(systemctl is-active containerd.service)"
journalctl -q --no-pager -o cat -n 3 -u containerd.service 2>/dev/null"""
"""Prints what systemd and containerd say of why it does not answer."""


def settle(cgroup_driver: str) -> str:
    """Return sh that has a containerd that is not ours find registries where they are described.

    It fails, and says why, when kubelets and containerd would not go together.
    """
    return f"""\
config=$(containerd config dump)
driver=cgroupfs
if printf '%s\\n' "$config" | grep -q 'SystemdCgroup = true'; then driver=systemd; fi
if [ $driver != {cgroup_driver} ]; then
  echo "kubelets are told the cgroup driver {cgroup_driver}, and the containerd of the image's script" \\
    "uses $driver: say CgroupDriver=$driver in the environment of the image or the cluster" >&2
  exit 1
fi
path=$(printf '%s\\n' "$config" | awk -F "[\\"']" '
  /^ *config_path = / && $2 {{ sub(/:.*/, "", $2); sub(/\\/$/, "", $2); print $2; exit }}')
if [ -z "$path" ]; then
  echo "containerd as the image's script configures it has no config_path for registries:" \
    "it could not pull from the cluster's" >&2
  exit 1
fi
if [ "$path" != {MIRRORS} ]; then
  mkdir -p {MIRRORS} "${{path%/*}}"
  rmdir "$path" 2>/dev/null || :
  if [ ! -L "$path" ] && [ -e "$path" ]; then
    echo "containerd looks for registries in $path, where something else is: move it away" >&2
    exit 1
  fi
  [ -L "$path" ] || ln -s {MIRRORS} "$path"
  printf '%s\\n' "$path" > "$entry/link"
fi"""


UNSETTLE = """\
if [ -e "$entry/link" ]; then
  path=$(cat "$entry/link")
  rm -f "$path"
  rmdir "${path%/*}" 2>/dev/null || :
fi"""
"""Takes back what ``settle`` did."""
