"""Changes to what is mounted where."""

from __future__ import annotations

from dataclasses import dataclass

from sealer.changes.base import Change
from sealer.changes.quoting import quote, write_file
from sealer.changes.system import UNIT_DIRECTORY

BIND = "bind"
"""The file system of a directory that is shown at another place too."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")

# What is mounted at a path: the file system and the source of the topmost mount, and how many there are.
_MOUNTED = """\
mounted_at() {
  awk '{ for (i = 7; i < NF && $i != "-"; i++) ; print $5, $(i + 1), $(i + 2) }' /proc/self/mountinfo |
    while IFS= read -r line; do
      point=$(printf '%b' "${line%% *}")
      if [ "$point" = "$1" ]; then printf '%b\\n' "${line#* }"; fi
    done
}
count_at() { mounted_at "$1" | wc -l; }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount(Change):
    """A file system that is mounted, now and after the next boot.

    What others have mounted there in the same way is left alone; anything else is covered, and is there
    again when this is undone. The directory is made where it is missing. Undone, what is mounted below goes
    as well.

    Attributes:
        path: Where; absolute, and no symbolic link on the way.
        source: A device, a directory for ``bind``, or what the file system calls its source.
        filesystem: Its type, such as ``ext4``, ``tmpfs`` or ``nfs``; or ``bind``.
        options: As mount(8) takes them behind ``-o``.
        at_boot: Whether it is there after the next boot: this takes systemd, by a unit of its own.
    """

    path: str
    source: str
    filesystem: str
    options: tuple[str, ...] = ()
    at_boot: bool = True

    @property
    def key(self) -> str:
        return f"mount:{self.path}"

    def describe(self) -> str:
        return f"mount {self.source} at {self.path}"

    @property
    def _type(self) -> str:
        return "none" if self.filesystem == BIND else self.filesystem

    @property
    def _options(self) -> str:
        return ",".join((BIND, *self.options) if self.filesystem == BIND else self.options)

    @property
    def unit(self) -> str:
        """The name of the unit, which systemd derives from the path (systemd.unit(5), string escaping)."""
        return f"{_escape(self.path)}.mount"

    @property
    def _unit_path(self) -> str:
        return f"{UNIT_DIRECTORY}/{self.unit}"

    def _unit_text(self) -> str:
        what, where = (text.replace("%", "%%") for text in (self.source, self.path))
        options = f"Options={self._options.replace('%', '%%')}\n" if self._options else ""
        return (
            f"# Written by Sealer.\n[Unit]\nDescription={what} at {where}\n\n"
            f"[Mount]\nWhat={what}\nWhere={where}\nType={self._type}\n{options}\n"
            "[Install]\nWantedBy=local-fs.target\n"
        )

    def observe(self) -> str:
        path, source = quote(self.path), quote(self.source)
        if self.filesystem == BIND:
            same = f"""[ "$(stat -c '%d:%i' {source})" = "$(stat -c '%d:%i' {path})" ]"""
        else:
            device = f"[ -b {source} ] && source=$(readlink -f {source})"
            same = (
                f'source={source}; {{ {device}; }} || :; [ "$(mounted_at {path} | tail -n 1)" = '
                f'{quote(self.filesystem)}" $source" ]'
            )
        # What options it has can't be read back in the words that were given, so the journal is asked.
        ours = '[ -z "$entry" ] || is_done || { echo "it was mounted otherwise"; return 1; }'
        return (
            f'{_MOUNTED}\n[ "$(count_at {path})" -gt 0 ] || '
            "{ echo 'nothing is mounted there'; return 1; }\n"
            f"if ! {{ {same}; }}; then echo 'something else is mounted there'; return 1; fi\n{ours}"
        )

    def capture(self) -> str:
        path = quote(self.path)
        return (
            f'{_MOUNTED}\ncount_at {path} > "$entry/count"\nsave_path {quote(self._unit_path)}\n'
            f'if systemctl is-enabled -q {quote(self.unit)} 2>/dev/null; then : > "$entry/enabled"; fi\n'
            f'( mkdir "$entry/point"; entry=$entry/point; save_directory {path} )'
        )

    def apply(self) -> str:
        path = quote(self.path)
        options = f"-o {quote(self._options)} " if self._options else ""
        lines = [
            _MOUNTED,
            # An attempt that was cut off may have got as far as this.
            f'while [ "$(count_at {path})" -gt "$(cat "$entry/count")" ]; do umount {path}; done',
            f"mkdir -p {path}",
            f"mount -t {quote(self._type)} {options}{quote(self.source)} {path}",
        ]
        if self.at_boot:
            lines += [
                # When all is taken back the oldest entry counts, and it may not know of the unit.
                'for each in "$journal"/[0-9]*-"${entry##*-}"; do : > "$each/at-boot"; done',
                f"{write_file(self._unit_path, self._unit_text().encode())} || exit",
                "systemctl daemon-reload",
                f"systemctl enable -q {quote(self.unit)}",
            ]
        return "\n".join(lines)

    def undo(self) -> str:
        path, unit = quote(self.path), quote(self.unit)
        return f"""\
{_MOUNTED}
if [ "$(cat "$entry/count")" = 0 ]; then unmount_below {path}; fi
while [ "$(count_at {path})" -gt "$(cat "$entry/count")" ]; do
  umount {path} 2>/dev/null || umount -l {path}
done
( entry=$entry/point; restore_directory {path} )
if [ -e "$entry/at-boot" ]; then
  if [ ! -e "$entry/enabled" ]; then systemctl disable -q {unit} 2>/dev/null || :; fi
  restore_path {quote(self._unit_path)}
  systemctl daemon-reload
  systemctl reset-failed {unit} 2>/dev/null || :
  # One that systemd made from fstab can't be enabled, and is there without.
  if [ -e "$entry/enabled" ]; then systemctl enable -q {unit} 2>/dev/null || :; fi
fi"""


def _escape(path: str) -> str:
    """Escape a path as systemd-escape --path does."""
    parts = ("".join(map(_escape_byte, part.encode())) for part in path.split("/") if part)
    escaped = "-".join(parts)
    return f"\\x2e{escaped[1:]}" if escaped.startswith(".") else escaped


def _escape_byte(byte: int) -> str:
    return chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}"
