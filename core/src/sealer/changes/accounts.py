"""Changes to the accounts of a host."""

from __future__ import annotations

from dataclasses import dataclass

from sealer.changes.base import Change
from sealer.changes.quoting import quote

NO_SHELL = "/usr/sbin/nologin"
NO_HOME = "/nonexistent"

_MAKE = """\
if ! id -u "$1" >/dev/null 2>&1; then
  has_group "$1" || groupadd --system ${4:+--gid "$4"} "$1"
  useradd --system --no-create-home --gid "$1" ${4:+--uid "$4"} --home-dir "$2" --shell "$3" "$1"
fi"""

_REMOVE = """\
if [ ! -e "$entry/user" ] && id -u "$1" >/dev/null 2>&1; then userdel --force "$1"; fi
if [ ! -e "$entry/group" ] && has_group "$1"; then groupdel "$1"; fi"""

# Written down first, in each entry of this change: one that is taken back alone knows of its own groups only,
# and when all are taken back the oldest counts.
_JOIN = """\
  if id -Gn "$1" | tr ' ' '\\n' | grep -Fxq -e "$group"; then continue; fi
  for each in "$journal"/[0-9]*-"${entry##*-}"; do printf '%s\\n' "$group" >> "$each/joined"; done
  usermod --append --groups "$group" "$1\""""

_LEAVE = """\
if [ -e "$entry/joined" ] && id -u "$1" >/dev/null 2>&1; then
  sort -u "$entry/joined" | while IFS= read -r group; do
    if tr ' ' '\\n' < "$entry/groups" | grep -Fxq -e "$group"; then continue; fi
    gpasswd --delete "$1" "$group" || :
  done
fi"""

_HAS_GROUP = 'has_group() { grep -qs "^$1:" /etc/group; }'


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Change):
    """An account for services, with a group of its own name, that nobody can log in to by a password.

    An account that is there already is left as it is, but for the groups it is to be in. Undone, an account
    that was made goes with its group, and one that was there leaves the groups it was put into. Files are
    neither made nor removed: a home is a ``Directory`` that stands behind this change. It takes the programs
    of shadow-utils, which systems with systemd have.

    Attributes:
        name: Of the user and the group.
        uid: The numbers of both, or None for any of those that the host keeps for services.
        home: Where it is at home.
        shell: Its login shell.
        groups: Further groups that it is in; they must exist.
    """

    name: str
    uid: int | None = None
    home: str = NO_HOME
    shell: str = NO_SHELL
    groups: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"user:{self.name}"

    def describe(self) -> str:
        return f"user {self.name}"

    def observe(self) -> str:
        name = quote(self.name)
        lines = [f"number=$(id -u {name} 2>/dev/null) || {{ echo 'it does not exist'; return 1; }}"]
        if self.uid is not None:
            lines.append(f'[ "$number" = {self.uid} ] || {{ echo "its number is $number"; return 1; }}')
        lines += [
            f"id -Gn {name} | tr ' ' '\\n' | grep -Fxq -e {quote(group)} || "
            f"{{ echo {quote(f'it is not in group {group}')}; return 1; }}"
            for group in self.groups
        ]
        return "\n".join(lines)

    def capture(self) -> str:
        name = quote(self.name)
        return (
            f'{_HAS_GROUP}\nif id -Gn {name} > "$entry/groups" 2>/dev/null; then : > "$entry/user"; fi\n'
            f'if has_group {name}; then : > "$entry/group"; fi'
        )

    def apply(self) -> str:
        number = "" if self.uid is None else str(self.uid)
        words = " ".join(quote(word) for word in (self.name, self.home, self.shell, number))
        lines = [_HAS_GROUP, f"set -- {words}", _MAKE]
        if self.uid is not None:
            refuse = f'{{ echo "user $1 exists, and has not the number {self.uid}" >&2; exit 1; }}'
            lines.append(f'[ "$(id -u "$1")" = {self.uid} ] || {refuse}')
        if self.groups:
            lines.append(f"for group in {' '.join(map(quote, self.groups))}; do\n{_JOIN}\ndone")
        return "\n".join(lines)

    def undo(self) -> str:
        return f"{_HAS_GROUP}\nset -- {quote(self.name)}\n{_REMOVE}\n{_LEAVE}"
