"""What goes wrong inside a running node, as sh that is run there."""

from __future__ import annotations

from sealer.testing.lab.state import Mode

BALLAST = ".lab-ballast"
"""The name of the files that fill a file system."""

READ_ONLY = """
mount -n --bind "$1" "$1"
tries=0
# Whoever has just opened a file there for writing by the new mount stands in the way for a moment.
until mount -n -o remount,bind,ro "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || exit 1
    sleep 0.05
done
"""
"""Covers a directory with itself, read only: what has a file open already may go on writing to it."""

WRITABLE = 'umount -n -l "$1"'

FILL = f"""
free=$(df -P -B1 "$1" | awk 'END {{ print $4 }}')
[ "$free" -le "$2" ] || fallocate -l $((free - $2)) "$1/{BALLAST}" || [ "$2" = 0 ]
# The file system keeps a little back from fallocate, which a writer gets.
[ "$2" != 0 ] || cat /dev/zero > "$1/{BALLAST}-rest" 2>/dev/null || :
sync -f "$1"
"""

FREE = f'rm -f "$1/{BALLAST}" "$1/{BALLAST}-rest"'

CLOCK = "/usr/local/sbin/date"
"""Stands ahead of the true program in every PATH of a node."""

_END_SESSIONS = """
for process in /proc/[0-9]*; do
    { IFS= read -r name < "$process/comm"; } 2>/dev/null || continue
    process=${process#/proc/}
    if [ "$name" = sshd ] && [ "$process" != "$server" ]; then kill -KILL "$process" || :; fi
done
"""


def restart_ssh(mode: Mode) -> str:
    """Return sh that ends every SSH session of a node at once, and starts its SSH server again."""
    if mode == "systemd":
        return (
            f"server=$(systemctl show --property=MainPID --value ssh)\n{_END_SESSIONS}\nsystemctl restart ssh"
        )
    # A server that is PID 1 takes its own place when it is told to read its configuration anew.
    return f"server=1\n{_END_SESSIONS}\nkill -HUP 1"


def clock(seconds: float) -> str:
    """Return a program ``date`` that tells the time with a constant error."""
    return f"""\
#!/bin/sh
# The clock of this node is wrong by {seconds:g} s. Asked about other times than now, it is right.
for word; do
    case $word in -d* | -f* | -r* | -s* | --date* | --file* | --reference* | --set*)
        exec /usr/bin/date "$@" ;;
    esac
done
exec /usr/bin/date -d '{seconds:+.9f} seconds' "$@"
"""
