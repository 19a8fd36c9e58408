"""Scripts that are not ours: run as they are, with what they leave on a host looked at before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from sealer.changes.command import Command
from sealer.changes.quoting import quote

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOOTPRINT = "".join(
    line
    for line in files("sealer.changes")
    .joinpath("shell/footprint.sh")
    .read_text("utf-8")
    .splitlines(keepends=True)
    if not line.lstrip().startswith("#")
)
_NONE: Mapping[str, str] = {}


def foreign_script(
    script: str,
    *,
    directory: str,
    title: str = "",
    arguments: Sequence[str] = (),
    env: Mapping[str, str] = _NONE,
    uninstall: str = "",
    programs: str = "bin",
    revert: str = "",
    limit: float = 1800,
) -> Command:
    """Return the command that runs a script with bash, and takes back what it changed on the host.

    Nobody knows what such a script does. So the host's settings, programs, services, kernel parameters,
    modules and swap areas are looked at before and after. Taken back, what came goes, what was changed is
    put back unless somebody else has changed it since, and what can't be put back is told in the log.

    Args:
        script: Its path, relative to ``directory``.
        directory: Where it runs: the root of an image's files on the host.
        title: What people see, unique on the host; the script's path unless given.
        arguments: Its arguments.
        env: Its environment; names that sh does not take are left out. It may hold secrets.
        uninstall: The path of the script that takes it back, relative to ``directory``; it need not exist.
        programs: The directory with programs that the script may copy over others, relative likewise.
        revert: sh that is run first of all when it is taken back.
        limit: Seconds it may take.
    """
    exports = "".join(f"export {name}={quote(text)}\n" for name, text in env.items() if _NAME.fullmatch(name))
    words = " ".join(quote(word) for word in arguments)
    place, path = quote(directory), quote(script)
    run = f"""\
{_FOOTPRINT}
umask 077
footprint=$entry/footprint
mkdir -p "$footprint"
foot_keep {quote(f"{directory}/{programs}")} {quote(f"{directory}/{uninstall}" if uninstall else "")}
foot_look before
foot_watch
status=0
( umask 022
cd {place}
{exports}export -p > "$footprint/environment"
exec bash {path} {words} ) || status=$?
foot_unwatch
foot_look after
foot_compare
if [ $status != 0 ]; then
  echo {quote(f"{script} of the image failed with status")} $status >&2
  exit $status
fi"""
    undone = f"""\
( if [ -f "$footprint/environment" ]; then . "$footprint/environment"; fi
cd {place} 2>/dev/null || exit 0
if [ -f {quote(uninstall)} ]; then
  bash {quote(uninstall)} || echo {quote(f"{uninstall} of the image failed with status")} $?
fi ) </dev/null
"""
    return Command(
        title=title or script,
        run=run,
        revert="\n".join(
            part
            for part in (
                _FOOTPRINT,
                "footprint=$entry/footprint",
                revert,
                undone if uninstall else "",
                "foot_take_back",
            )
            if part
        ),
        limit=limit,
    )
