"""The programs of pod networks that kubelets and container runtimes expect in one directory of a host."""

from __future__ import annotations

from sealer.changes import Command, quote

CNI_PROGRAMS = "/opt/cni/bin"


def cni_programs(rootfs: str) -> Command:
    """Return the change that puts the CNI programs of the image to those of the host.

    Programs of the same names are kept, and put back when it is taken back. Those that were not there before
    go with a claim on ``/opt/cni``, which has to stand ahead.

    Args:
        rootfs: Where the image's files are on the host.
    """
    source = f"{rootfs}/cni"
    return Command(
        title="CNI programs",
        run=install_cni(source, CNI_PROGRAMS),
        unless=cni_is_installed(source, CNI_PROGRAMS),
        revert=restore_cni(CNI_PROGRAMS),
    )


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
