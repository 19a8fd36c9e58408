"""Pieces of sh that Docker's steps are made of."""

from __future__ import annotations

from collections.abc import Sequence

from sealer.changes import quote
from sealer_container_docker.names import (
    CRI_SOCKET,
    DAEMON_JSON,
    DATA_ROOT,
    DOCKER_UNIT,
    DOCKER_UNIT_PATH,
    LOGIN,
    MARK,
    PROGRAMS,
)

STATE_PROBE = f"""\
export PATH={PROGRAMS}:$PATH
cluster=$(sed -n {quote(f"1s/^{MARK}//p")} {DOCKER_UNIT_PATH} 2>/dev/null) || :
if [ -n "$cluster" ]; then
  echo "ours $cluster"
elif systemctl is-active -q {DOCKER_UNIT} 2>/dev/null; then
  said=$(timeout 20 docker info --format '{{{{.ServerVersion}}}} {{{{.CgroupDriver}}}}' 2>/dev/null) || said=
  echo "runs $said"
elif systemctl cat {DOCKER_UNIT} >/dev/null 2>&1; then
  echo stopped
elif systemctl is-active -q snap.docker.dockerd.service 2>/dev/null; then
  echo snap
elif [ -n "$(ls -A {DATA_ROOT} 2>/dev/null)" ]; then
  echo "left {DATA_ROOT}"
else
  echo none
fi
if systemctl is-active -q containerd.service 2>/dev/null; then echo beside; fi"""
"""Prints which Docker the host has: ``ours CLUSTER``, ``runs VERSION DRIVER``, ``stopped``, ``snap``,
``left DIRECTORY`` or ``none``; and ``beside`` in a second line when a containerd of the host's own runs."""

SETTINGS_PROBE = f"if [ -e {DAEMON_JSON} ]; then cat {DAEMON_JSON}; else echo none; fi"
"""Prints the settings of a Docker that is or will be on the host, or ``none``."""

OOM_PROBE = """\
if sh -c 'echo -999 > /proc/self/oom_score_adj' 2>/dev/null; then echo allowed; else echo refused; fi"""
"""Prints whether processes may be protected from the kernel's out-of-memory killer; only the shell tries."""

BOUNDED_RUNC_TEXT = f"""\
#!/bin/sh
# Written by Sealer. This host lacks CAP_SYS_RESOURCE: so do containers, and their OOM scores are not lowered.
previous=
for word; do
  if [ "$previous" = --bundle ]; then
    sed -i 's/"oomScoreAdj": *-[0-9]*/"oomScoreAdj":0/; s/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' \\
      "$word/config.json"
  fi
  previous=$word
done
exec {PROGRAMS}/runc "$@"
"""
"""runc for hosts that refuse to lower OOM scores; containerd has a setting for it, Docker has none."""

DOCKER = f"env PATH={PROGRAMS}:$PATH docker"
"""The shell words that call the client: ours, or that of the host."""

DOCKER_ANSWERS = f"{DOCKER} version --format '{{{{.Server.Version}}}}'"

WHY_NO_DOCKER = f"""\
echo "the unit is $(systemctl is-active {DOCKER_UNIT})"
journalctl -q --no-pager -o cat -n 3 -u {DOCKER_UNIT} 2>/dev/null || :"""
"""Prints what systemd and Docker say of why it does not answer."""


def has_driver(cgroup_driver: str) -> str:
    """Return sh that succeeds when Docker uses a cgroup driver."""
    return f"[ \"$({DOCKER} info --format '{{{{.CgroupDriver}}}}')\" = {cgroup_driver} ]"


def require_driver(cgroup_driver: str) -> str:
    """Return sh that fails, and says why, because it does not."""
    return f"""\
driver=$({DOCKER} info --format '{{{{.CgroupDriver}}}}')
echo "kubelets are told the cgroup driver {cgroup_driver}, and Docker as the image's script configures it" \\
  "uses $driver: say CgroupDriver=$driver in the environment of the image or the cluster" >&2
exit 1"""


CRI_ANSWERS = f"[ -S {CRI_SOCKET} ]"

END_PODS_CONTAINERS = f"""\
for attempt in 1 2 3; do
  found=$({DOCKER} ps -aq --filter name=^/k8s_ 2>/dev/null) || break
  [ -n "$found" ] || break
  # Ids are words.
  # shellcheck disable=SC2086
  within 60 {DOCKER} rm -f $found >/dev/null 2>&1 || :
done"""
"""Removes the containers of pods, and no others, while Docker runs."""


def image_is_there(name: str, digest: str, registry: str) -> str:
    """Return sh that succeeds when Docker has an image by its own name, and it is that of the cluster.

    Args:
        name: The image's own name.
        digest: What the name stands for in the cluster's registry, or "" when that is not known.
        registry: The cluster's registry.
    """
    ask = f"{DOCKER} image inspect --format '{{{{join .RepoDigests \"\\n\"}}}}' {quote(name)}"
    if not digest:
        return f"{ask} >/dev/null"
    starts = f'index($0, "{registry}/") == 1'
    ends = f'substr($0, length($0) - {len(digest)}) == "@{digest}"'
    return f"{ask} | awk {quote(f'{starts} && {ends} {{ found = 1 }} END {{ exit !found }}')}"


def fetch_image(name: str, sources: Sequence[str]) -> str:
    """Return sh that pulls an image from the first place that has it and gives it its own name.

    What had that name before is noted in ``$entry/previous``.
    """
    places = " ".join(quote(source) for source in sources)
    return f"""\
if [ ! -e "$entry/previous" ]; then
  # Of an image that is not there it prints an empty line.
  previous=$({DOCKER} image inspect --format '{{{{.Id}}}}' {quote(name)} 2>/dev/null) || previous=
  printf %s "$previous" > "$entry/previous.new"
  mv "$entry/previous.new" "$entry/previous"
fi
for source in {places}; do
  if {DOCKER} --config {LOGIN} pull --quiet "$source" >/dev/null; then
    {DOCKER} tag "$source" {quote(name)}
    exit 0
  fi
done
exit 1"""


def forget_image(name: str, sources: Sequence[str]) -> str:
    """Return sh that takes an image's names away again; what had its own name before gets it back.

    Containers of pods that run it end: as long as there are some, Docker keeps it.
    """
    places = " ".join(quote(source) for source in sources)
    # The last name takes the image along, so what had the name before comes first.
    return f"""\
if [ -s "$entry/previous" ]; then
  {DOCKER} tag "$(cat "$entry/previous")" {quote(name)} || :
else
  {DOCKER} image rm {quote(name)} >/dev/null 2>&1 || :
fi
for source in {places}; do
  for attempt in 1 2 3 4 5; do
    {DOCKER} image inspect "$source" >/dev/null 2>&1 || break
    found=$({DOCKER} ps -aq --filter name=^/k8s_ --filter "ancestor=$source" 2>/dev/null) || found=
    # Ids are words.
    # shellcheck disable=SC2086
    [ -z "$found" ] || within 60 {DOCKER} rm -f $found >/dev/null 2>&1 || :
    {DOCKER} image rm "$source" >/dev/null 2>&1 && break
    sleep 1
  done
done"""
