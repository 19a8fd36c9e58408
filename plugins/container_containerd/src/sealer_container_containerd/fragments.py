"""Pieces of sh that containerd's steps are made of."""

from __future__ import annotations

from sealer.changes import quote
from sealer_container_containerd.config import MARK, PROGRAMS, SOCKET, UNIT_PATH


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


def end_containers(socket: str) -> str:
    """Return sh that kills every container of the containerd at a socket, with all its processes.

    Shims are the parents of all that runs in containers, and outlive containerd. They are found by the
    socket they report to, so that those of another containerd, such as docker's, are left alone.
    """
    return f"""\
shims() {{
  for file in $(grep -ls '[c]ontainerd-shim' /proc/[0-9]*/cmdline); do
    if tr '\\000' ' ' < "$file" 2>/dev/null | grep -q -F -e '-address {socket} '; then
      file=${{file#/proc/}}
      printf '%s\\n' "${{file%/cmdline}}"
    fi
  done
}}
with_descendants() {{
  cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\\([0-9]*\\) (.*) . \\([0-9]*\\) .*/\\1 \\2/p' |
    awk -v roots="$*" '
      BEGIN {{ n = split(roots, root, " "); for (i = 1; i <= n; i++) wanted[root[i]] = 1 }}
      {{ parent[$1] = $2 }}
      END {{
        do {{
          more = 0
          for (p in parent) if (!(p in wanted) && (parent[p] in wanted)) {{ wanted[p] = 1; more = 1 }}
        }} while (more)
        for (p in wanted) print p
      }}'
}}
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  found=$(shims)
  [ -n "$found" ] || break
  # Process ids are words.
  # shellcheck disable=SC2046,SC2086
  kill -KILL $(with_descendants $found) 2>/dev/null || :
  sleep 1
done"""


def cni_is_installed(source: str, target: str) -> str:
    """Return sh that succeeds when the CNI programs of the directory ``source`` are in ``target``."""
    return f"""\
for program in {quote(source)}/*; do
  [ -f "$program" ] || continue
  cmp -s "$program" {quote(target)}/"${{program##*/}}" || exit 1
done"""


def install_cni(source: str, target: str) -> str:
    """Return sh that copies the CNI programs, and first keeps those that they take the place of."""
    return f"""\
target={quote(target)}
mkdir -p "$target"
if [ ! -d "$entry/originals" ]; then
  rm -rf "$entry/originals.new"
  mkdir "$entry/originals.new"
  for program in {quote(source)}/*; do
    original=$target/${{program##*/}}
    if [ -e "$original" ]; then cp -a "$original" "$entry/originals.new/"; fi
  done
  mv "$entry/originals.new" "$entry/originals"
fi
for program in {quote(source)}/*; do
  [ -f "$program" ] || continue
  copy=$target/${{program##*/}}
  if cmp -s "$program" "$copy"; then continue; fi
  rm -f "$copy.sealer-new"
  cp "$program" "$copy.sealer-new"
  chmod 755 "$copy.sealer-new"
  mv -f "$copy.sealer-new" "$copy"
done"""


def restore_cni(target: str) -> str:
    """Return sh that puts back what was kept; the claim on the directory removes the other programs."""
    return f"""\
for original in "$entry/originals"/*; do
  [ -e "$original" ] || continue
  rm -f {quote(target)}/"${{original##*/}}"
  cp -a "$original" {quote(target)}/
done"""
