"""Ends what container runtimes leave behind: shims, which outlive them, and the processes of pods."""

from __future__ import annotations


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


END_PODS = """\
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  found=$(grep -ls '[/:]kubepods' /proc/[0-9]*/cgroup | cut -d / -f 3)
  [ -n "$found" ] || break
  # Process ids are words.
  # shellcheck disable=SC2086
  kill -KILL $found 2>/dev/null || :
  sleep 1
done
systemctl stop kubepods.slice 2>/dev/null || :
find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || :"""
"""sh that kills all processes of pods, which their control groups tell from others, whatever runs them."""
