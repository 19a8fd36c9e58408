"""The small sh program that takes scripts from standard input and runs them, and how to talk to it.

The launcher is the same for every script, so nothing worth hiding is ever in an argument list. It says that
it is ready on both output streams (what a login shell's start-up files print before that is noise) and
whether it is root, skips every line up to a mode line, reads as many bytes as that names, and then does one
of two things:

- ``sealer-script``: the bytes are a script. It has been read to the end before it is parsed, and is wrapped
  in a brace group whose closing brace comes last: sh parses a group completely before it runs any of it, so a
  script that was cut off on the way is a syntax error and does nothing. Then the next mode line is read.
- ``sealer-stream``: the bytes are a script whose standard input is all that follows. It is the last one.

A script sees neither itself nor the mode line in its variables. What it prints stands between lines with a
mark that the mode line names: each stream's output begins behind a line with the mark, and ends where mark
and exit status stand.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

NOT_STARTED = 125
"""The exit status of a launcher whose input ended, or that could not read a script."""

_SCRIPT_MODE = "sealer-script"
_STREAM_MODE = "sealer-stream"
_READY = re.compile(rb"(?:\A|\n)sealer-ready (\d+)( root)?\n")

# No newline and no exclamation mark: a login shell of the csh family would stumble over them. The
# directories of system programs are missing from PATH in many non-interactive logins. Whoever owns / is
# root. What dd reads is no more than it is asked for, whatever comes behind.
_LAUNCHER = (
    "cd /; PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH; "
    'r=; if [ -O / ]; then r=" root"; fi; '
    r'printf "\nsealer-ready $$$r\n"; printf "\nsealer-ready $$$r\n" >&2; '
    "while IFS= read -r l; do case $l in "
    f'"{_SCRIPT_MODE} "*|"{_STREAM_MODE} "*) set -- $l; '
    f"s=$(dd bs=$3 count=1 iflag=fullblock 2>/dev/null) || exit {NOT_STARTED}; "
    r'printf "\n%s\n" $2; printf "\n%s\n" $2 >&2; '
    f'case $1 in {_STREAM_MODE}) ( set --; eval "s= l=; $s" );; '
    '*) ( set --; eval "s= l=; $s" ) </dev/null;; esac; '
    r's=$?; printf "%s %s\n" $2 $s; printf "%s %s\n" $2 $s >&2; '
    f"case $1 in {_STREAM_MODE}) exit $s;; esac;; "
    f"esac; done; exit {NOT_STARTED}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What makes a launcher run a script: the bytes, and the mark that will stand around its output."""

    data: bytes
    mark: bytes


def launch_words(prefix: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the argument list that starts the launcher, behind a prefix such as that of sudo."""
    return (*prefix, "sh", "-c", _LAUNCHER)


def launch_command(prefix: Sequence[str] = ()) -> str:
    """Return the same as one command line for any login shell.

    The words of the prefix must need no quoting but for the empty word.
    """
    words = " ".join(word or "''" for word in prefix)
    return f"exec {words + ' ' if words else ''}sh -c '{_LAUNCHER}'"


def terminal_command(prefix: Sequence[str]) -> str:
    """Return a command line that starts the launcher behind a prefix that insists on a terminal.

    The terminal is one that ``script`` makes on the host, and nothing passes through it: the launcher has the
    session's own streams. So there is no echo, bytes stay as they are, and the end of the connection is the
    end of some pipes, as without a terminal. When the terminal ends after a script, processes that it left
    behind are sent a hangup: they are born to ignore it.
    """
    words = " ".join(word or '\\"\\"' for word in prefix)
    streams = "<&3 >&4 2>&5 3<&- 4>&- 5>&-"
    return (
        f"exec env SHELL=/bin/sh sealer_launcher='trap \"\" HUP; {_LAUNCHER}' sh -c '"
        f'exec script -qec "exec {words} sh -c \\"\\$sealer_launcher\\" {streams}" /dev/null '
        "3<&0 4>&1 5>&2 </dev/null >/dev/null'"
    )


def script_input(script: str) -> Input:
    """Return the standard input that makes a launcher run a script.

    Raises:
        ValueError: The script holds a NUL character, which no sh can hold.
    """
    return _input(_SCRIPT_MODE, f"{{\n{_checked(script)}\n}} </dev/null")


def stream_input(script: str) -> Input:
    """Return what goes ahead of the bytes of a stream that a script shall read.

    Raises:
        ValueError: The script holds a NUL character, which no sh can hold.
    """
    return _input(_STREAM_MODE, f"{{\n{_checked(script)}\n}}")


def _input(mode: str, text: str) -> Input:
    mark = f"sealer-{secrets.token_hex(16)}"
    body = text.encode(errors="surrogateescape")
    return Input(data=f"{mode} {mark} {len(body)}\n".encode() + body, mark=mark.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a launcher says of itself: its process id on the host, and whether it is root."""

    process: int
    root: bool


def find_ready(output: bytes) -> tuple[Ready, bytes] | None:
    """Look for the line that says a launcher is ready.

    Returns:
        What it says and what follows the line, or None when it has not come yet.
    """
    match = _READY.search(output)
    if match is None:
        return None
    return Ready(process=int(match[1]), root=match[2] is not None), output[match.end() :]


def stop_script(process: int) -> str:
    """Return sh that ends a launcher and all processes of its group: TERM, and if need be KILL."""
    return f"""
grep -q sealer-ready /proc/{process}/cmdline 2>/dev/null || exit 0
group=$(sed 's/^.*) //' /proc/{process}/stat | cut -d ' ' -f 3)
[ "$group" -gt 1 ] || exit 1
kill -s TERM -- "-$group"
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -s 0 -- "-$group" 2>/dev/null || exit 0
    sleep 0.25 2>/dev/null || sleep 1
done
kill -s KILL -- "-$group" 2>/dev/null
:
"""


def _checked(script: str) -> str:
    if "\0" in script:
        raise ValueError("a script can't hold a NUL character")
    return script
