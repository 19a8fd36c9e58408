"""Pieces of sh that the steps of a kubeadm cluster are made of."""

from __future__ import annotations

from sealer.changes import quote
from sealer.kubernetes import END_PODS
from sealer_runtime_k8s.names import (
    ADMIN_KUBECONFIG,
    API_PORT,
    KUBELET_KUBECONFIG,
    KUBELET_UNIT,
    KUBELET_UNIT_PATH,
    MARK,
    PROGRAMS,
)

MODULES = ("overlay", "br_netfilter")


def told(script: str) -> str:
    """Return sh that prints what a script prints, or ``none`` when that is nothing: an answer in any case."""
    return f'found=$({script}\n) || exit 1\necho "${{found:-none}}"'


STATE_PROBE = told(f"""\
cluster=$(sed -n {quote(f"1s/^{MARK}//p")} {KUBELET_UNIT_PATH} 2>/dev/null) || :
if [ -n "$cluster" ]; then
  echo "ours $cluster"
else
  if systemctl is-active -q {KUBELET_UNIT} 2>/dev/null; then echo "kubelet runs"; fi
  for path in /etc/kubernetes/manifests/*.yaml /etc/kubernetes/*.conf /etc/kubernetes/pki/ca.crt \\
    /var/lib/kubelet/config.yaml /var/lib/etcd/member /etc/systemd/system/kubelet.service.d/*.conf \\
    /usr/lib/systemd/system/kubelet.service.d/*.conf \\
    /etc/rancher/k3s /etc/rancher/rke2 /var/lib/k0s /var/snap/microk8s/current; do
    if [ -e "$path" ]; then echo "left $path"; fi
  done
fi""")
"""Prints ``ours CLUSTER``, a line for each sign of another Kubernetes, or ``none``."""

# As large as etcd writes them mostly. It is one file that goes at the end, whatever happens in between.
DISK_LATENCY_PROBE = """\
d=/var/lib/etcd
while [ ! -d "$d" ]; do d=${d%/*}; done
trial=$(mktemp "$d/.sealer-trial-XXXXXX") || exit 1
trap 'rm -f "$trial"' EXIT
i=0
while [ $i -lt 50 ]; do
  dd if=/dev/zero of="$trial" bs=2300 count=1 oflag=dsync conv=notrunc 2>&1 |
    sed -n 's/.* copied, \\([0-9.e-]*\\) s,.*/\\1/p'
  i=$((i + 1))
done | sort -g | sed -n 49p"""
"""Prints the seconds that the slowest but one of 50 small synced writes took, where dd can tell."""

DISK_SHARE_PROBE = "df -Pk /var/lib | awk 'END { print $2, $4 }'"
"""Prints how many KiB the file system of the kubelet and of containers has, and how many are free."""

PROGRAMS_PROBE = told("""\
for program in conntrack iptables ip mount nsenter ethtool socat modprobe; do
  command -v "$program" >/dev/null 2>&1 || echo "$program"
done""")
"""Prints the programs that are missing, or ``none``."""

SWAP_PROBE = told("awk 'NR > 1 { print $1 }' /proc/swaps")
"""Prints what is swapped to, or ``none``."""

NETWORKS_PROBE = """\
ip -o addr show | awk '$2 != "lo" && !/ (temporary|deprecated) / { print "address", $4 }'
for family in 4 6; do
  ip -$family route show 2>/dev/null |
    awk '$1 != "default" { print "route", ($1 ~ /^[0-9a-f]*[.:]/) ? $1 : $2 }'
done
echo end"""
"""Prints ``address ADDRESS/LENGTH`` and ``route NETWORK`` lines, and ``end``."""

NETWORK_LEFTOVERS_PROBE = told("""\
for file in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist; do
  if [ -e "$file" ]; then echo "file $file"; fi
done
for path in /sys/class/net/*; do
  link=${path##*/}
  for known in cni0 flannel.1 flannel.4096 vxlan.calico cilium_host kube-ipvs0 weave antrea-gw0; do
    if [ "$link" = "$known" ]; then echo "link $link"; fi
  done
done""")
"""Prints ``file PATH`` and ``link NAME`` lines of other networks of pods, or ``none``."""

MODULES_PROBE = """\
present() {
  case $1 in
    overlay) grep -qw overlay /proc/filesystems ;;
    br_netfilter) [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] ;;
  esac
}
for module in overlay br_netfilter; do
  if present $module; then echo "$module loaded"
  elif modprobe -nq $module 2>/dev/null; then echo "$module available"
  else echo "$module absent"; fi
done"""
"""Prints for each kernel module ``loaded`` (or built in), ``available`` or ``absent``."""

_SWAP_LINE = "^[^#].*[[:space:]]swap[[:space:]]"
_TAKEN_OUT = "# sealer: "


def swap_is_off(fstab: str) -> str:
    """Return sh that succeeds when nothing is swapped to, now and after the next boot."""
    return f"[ \"$(wc -l < /proc/swaps)\" -le 1 ] && ! grep -qs '{_SWAP_LINE}' {quote(fstab)}"


def take_swap_out(fstab: str) -> str:
    """Return sh that puts a mark before each line of fstab that is about swap."""
    return f"""\
if grep -qs '{_SWAP_LINE}' {quote(fstab)}; then
  sed '/{_SWAP_LINE}/s/^/{_TAKEN_OUT}/' {quote(fstab)} > "$entry/fstab"
  cat "$entry/fstab" > {quote(fstab)}
fi"""


def put_swap_back(fstab: str) -> str:
    """Return sh that removes these marks."""
    return f"""\
if grep -qs '^{_TAKEN_OUT}' {quote(fstab)}; then
  sed 's/^{_TAKEN_OUT}//' {quote(fstab)} > "$entry/fstab"
  cat "$entry/fstab" > {quote(fstab)}
fi"""


SWAP_OFF = """\
awk 'NR > 1 { print $1 }' /proc/swaps > "$entry/swaps"
swapoff -a"""

SWAP_ON = """\
if [ -e "$entry/swaps" ]; then
  while read -r device; do swapon "$device" 2>/dev/null || :; done < "$entry/swaps"
fi"""

KUBECTL = f"{PROGRAMS}/kubectl --kubeconfig {ADMIN_KUBECONFIG}"
"""How kubectl is called on the first master."""

API_ANSWERS = f"{KUBECTL} --request-timeout=10s get --raw /readyz"


def own_api_answers(address: str) -> str:
    """Return sh that succeeds when the API server of a master, and no other one, is ready."""
    host = f"[{address}]" if ":" in address else address
    return f"{API_ANSWERS} --server=https://{host}:{API_PORT}"


WHY_NO_API = f"""\
{KUBECTL} --request-timeout=5s get --raw '/readyz?verbose' 2>&1 |
  grep -v '^\\[+\\]' | head -n 5"""
"""Prints what the API server, or kubectl in its place, says of why it is not ready."""

AUTHORITY = f"sed -n 's/^ *certificate-authority-data: *//p' {ADMIN_KUBECONFIG} | head -n 1"
"""Prints the cluster's certificate authority in base64."""

NEW_TOKEN = f"{PROGRAMS}/kubeadm token create --kubeconfig {ADMIN_KUBECONFIG} --ttl 1h0m0s"
"""Prints a new bootstrap token, good for an hour."""


def new_certificate_key(config: str) -> str:
    """Return sh that uploads the control plane's certificates for two hours and prints their key."""
    return f"{PROGRAMS}/kubeadm init phase upload-certs --upload-certs --config {quote(config)} | tail -n 1"


def restart_static(*names: str) -> str:
    """Return sh that ends programs of static pods and waits until they have; the kubelet starts them again.

    They are told from others by their control group, whatever the container runtime.
    """
    # The kernel keeps 15 characters of a program's name.
    wanted = "|".join(name[:15] for name in names)
    return f"""\
ending=
for process in $(grep -ls '[/:]kubepods' /proc/[0-9]*/cgroup | cut -d / -f 3); do
  case $(cat "/proc/$process/comm" 2>/dev/null) in
    {wanted}) ending="$ending $process"; kill -TERM "$process" 2>/dev/null || : ;;
  esac
done
for process in $ending; do
  attempt=0
  while [ -e "/proc/$process" ]; do
    attempt=$((attempt + 1))
    if [ $attempt -eq 15 ]; then kill -KILL "$process" 2>/dev/null || : ; fi
    sleep 1
  done
done"""


def initialised(mark: str, joined_mark: str) -> str:
    """Return sh that succeeds when ``kubeadm init`` came to its end here, or this master joined another.

    For the first master of the beginning may have left, and one that joined it is the first then.
    """
    return f"{{ [ -e {quote(mark)} ] || [ -e {quote(joined_mark)} ]; }} && [ -e {ADMIN_KUBECONFIG} ]"


def init(config: str, mark: str) -> str:
    """Return sh that makes this host the first of the control plane."""
    return f"""\
{PROGRAMS}/kubeadm init --config {quote(config)} --skip-token-print
sync
: > {quote(mark)}"""


def joined(mark: str) -> str:
    """Return sh that succeeds when ``kubeadm join`` came to its end and the kubelet has its certificate."""
    return (
        f"[ -e {quote(mark)} ] && [ -e {KUBELET_KUBECONFIG} ] "
        "&& [ -e /var/lib/kubelet/pki/kubelet-client-current.pem ]"
    )


def join(directory: str, mark: str, *, config: str, discovery: str) -> str:
    """Return sh that makes this host a member; the files with the token are gone afterwards.

    Args:
        directory: Where the files are for a while: ``join.yaml`` and ``discovery.conf``.
        mark: The path that says it is done.
        config: The JoinConfiguration. Like ``discovery`` it may hold values that are filled in later, which
            must be free of single quotes; tokens and base64 are.
        discovery: The kubeconfig of discovery.
    """
    files = f"{quote(f'{directory}/join.yaml')} {quote(f'{directory}/discovery.conf')}"
    return f"""\
umask 077
mkdir -p {quote(directory)}
trap 'rm -f {files}' EXIT
trap 'exit 1' HUP INT TERM
printf %s {quote(config)} > {quote(f"{directory}/join.yaml")}
printf %s {quote(discovery)} > {quote(f"{directory}/discovery.conf")}
{PROGRAMS}/kubeadm join --config {quote(f"{directory}/join.yaml")}
attempt=0
until [ -e /var/lib/kubelet/pki/kubelet-client-current.pem ]; do
  attempt=$((attempt + 1))
  if [ $attempt -ge 120 ]; then echo "the kubelet got no certificate" >&2; exit 1; fi
  sleep 1
done
sync
: > {quote(mark)}"""


# Processes of pods are found by their cgroup, whatever the container runtime; kubeadm's own way, one call
# to the runtime for each container, is tried first because it leaves the runtime's books in order.
def reset(directory: str, socket: str) -> str:
    """Return sh that takes Kubernetes from this host: also after an init or join that was cut off."""
    files = " ".join(
        quote(f"{directory}/{name}") for name in ("initialised", "joined", "join.yaml", "discovery.conf")
    )
    return f"""\
rm -f {files}
systemctl stop {KUBELET_UNIT} 2>/dev/null || :
if [ -x {PROGRAMS}/kubeadm ]; then
  within 120 {PROGRAMS}/kubeadm reset --force --cri-socket {quote(socket)} || :
fi
{END_PODS}
unmount_below /var/lib/kubelet
rm -rf /etc/kubernetes/manifests /etc/kubernetes/pki /etc/kubernetes/*.conf
rm -rf /var/lib/etcd/* /var/lib/kubelet/*"""
