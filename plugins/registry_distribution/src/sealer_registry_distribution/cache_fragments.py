"""Pieces of sh that the changes and the checks of caches are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath

from sealer.changes import quote
from sealer_registry_distribution.config import CACHE_UNIT_PREFIX

_UNITS = f"/etc/systemd/system/{CACHE_UNIT_PREFIX}*.service"


def _other_units(wanted: Sequence[str], action: str) -> str:
    keep = "|".join(quote(unit) for unit in wanted)
    passing = f'\n  case "${{file##*/}}" in {keep}) continue ;; esac' if wanted else ""
    return f"""\
for file in {_UNITS}; do
  [ -e "$file" ] || continue{passing}
  {action}
done"""


def no_others(wanted: Sequence[str]) -> str:
    """Return sh that succeeds when the host has no unit of a cache but these."""
    return f"{_other_units(wanted, 'exit 1')}\nexit 0"


def remove_others(wanted: Sequence[str], above: str) -> str:
    """Return sh that ends all caches but these, and removes what they had fetched."""
    action = f"""\
unit=${{file##*/}}
  name=${{unit#{CACHE_UNIT_PREFIX}}}
  systemctl disable -q --now "$unit" || :
  rm -rf "$file" {quote(above)}/"${{name%.service}}\""""
    return f"{_other_units(wanted, action)}\nsystemctl daemon-reload"


def remove_store(store: str, above: str) -> str:
    """Return sh that removes what a cache fetched, and the directories up to ``above`` that are empty then.

    What another program has there, which served the cache before, stays for it.
    """
    parents = [str(parent) for parent in PurePosixPath(store).parents]
    empty = " ".join(quote(parent) for parent in parents[: parents.index(above) + 1])
    return f"rm -rf {quote(store)}\nrmdir {empty} 2>/dev/null || :"


def environment_login(variable: str) -> str:
    """Return sh that sets ``line`` to what systemd reads as the password of a variable, for distribution.

    It reads the variable as YAML, so there is a text of YAML in the quotes of systemd.
    """
    return f"""\
word=$(printf '%s\\n' "${variable}" | sed -e "s/'/''/g" -e 's/[\\\\"$`]/\\\\&/g')
line="REGISTRY_PROXY_PASSWORD=\\"'$word'\\"\""""


def json_login(host: str, username: str, variable: str) -> str:
    """Return sh that sets ``line`` to the account at a host, with the password of a variable, for zot."""
    begin = json.dumps({host: {"username": username}}).removesuffix("}}") + ', "password": "'
    return f"""\
word=$(printf '%s\\n' "${variable}" | sed -e 's/[\\"]/\\\\&/g')
line={quote(begin)}$word'"}}}}'"""


def write_login(path: str, login: str) -> str:
    """Return sh that writes the file with the password; ``login`` sets ``line`` to what is in it."""
    new = quote(f"{path}.new")
    return f"""\
umask 077
{login}
printf '%s\\n' "$line" > {new}
mv {new} {quote(path)}"""


def has_login(path: str, login: str) -> str:
    """Return sh that succeeds when the file has what ``login`` sets ``line`` to."""
    return f"""\
{login}
[ "$(cat {quote(path)} 2>/dev/null)" = "$line" ]"""


def can_fetch(program: str) -> str:
    """Return sh that succeeds unless the program is the minimal build of zot, which can fetch nothing."""
    return f'! {quote(program)} --version 2>&1 | grep -q \'"binary-type":"minimal"\''


def refuse_minimal(source: str) -> str:
    """Return sh that fails, and says what is wrong with the program of the image."""
    words = f"{source} is the minimal zot, which fetches nothing: put the full one in the image, or none"
    return f"echo {quote(words)} >&2\nexit 1"


FETCHES, KEPT = "fetches", "kept"
"""What a cache does that runs: it fetches what it lacks, or serves nothing but what was fetched before."""


def what_it_does(unit: str) -> str:
    """Return sh that prints that, or ``stopped``: the unit is a shell for one, ``timeout`` for the other."""
    return f"""\
pid=$(systemctl show -p MainPID {quote(unit)} | cut -d = -f 2)
case $(cat "/proc/${{pid:-0}}/comm" 2>/dev/null) in
  timeout) echo {KEPT} ;;
  "") echo stopped ;;
  *) echo {FETCHES} ;;
esac"""
