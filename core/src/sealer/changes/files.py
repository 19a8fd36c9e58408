"""Changes to files: content, directories, links, programs and lines of /etc/hosts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sealer.changes.base import Change
from sealer.changes.quoting import quote, write_file


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Change):
    """A file with this content and mode.

    Attributes:
        path: Absolute.
        content: Text (UTF-8) or bytes. Its directory is made when it is missing.
        mode: Permission bits.
        owner: ``user:group``.
        keep: Whether a file that exists is left as it is: the content is only a beginning.
    """

    path: str
    content: str | bytes
    mode: int = 0o644
    owner: str = "root:root"
    keep: bool = False

    @property
    def key(self) -> str:
        return f"file:{self.path}"

    def describe(self) -> str:
        return f"file {self.path}"

    def _bytes(self) -> bytes:
        return self.content.encode() if isinstance(self.content, str) else self.content

    @property
    def foreseeable(self) -> bool:
        return True

    @property
    def contained(self) -> bool:
        return True

    @property
    def writes(self) -> tuple[tuple[str, str], ...]:
        return ((self.path, hashlib.sha256(self._bytes()).hexdigest()),)

    def observe(self) -> str:
        path = quote(self.path)
        if self.keep:
            return f"[ -f {path} ] || {{ echo 'it is missing'; return 1; }}"
        digest = hashlib.sha256(self._bytes()).hexdigest()
        return f"file_is {path} {digest} {self.mode:o} {quote(self.owner)}"

    def capture(self) -> str:
        return f"save_path {quote(self.path)}"

    @property
    def plain(self) -> bool:
        return True

    def apply(self) -> str:
        return write_file(self.path, self._bytes(), mode=self.mode, owner=self.owner)

    def undo(self) -> str:
        return f"restore_path {quote(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Change):
    """A copy of a file that is already on the host, such as a program of the image's rootfs."""

    source: str
    path: str
    mode: int = 0o755
    owner: str = "root:root"

    @property
    def key(self) -> str:
        return f"file:{self.path}"

    def describe(self) -> str:
        return f"copy of {self.source} at {self.path}"

    def observe(self) -> str:
        return (
            f"[ -f {quote(self.path)} ] || {{ echo 'it is missing'; return 1; }}\n"
            f"cmp -s {quote(self.source)} {quote(self.path)} || {{ echo 'its content differs'; return 1; }}\n"
            f"mode_is {quote(self.path)} {self.mode:o} {quote(self.owner)}"
        )

    def capture(self) -> str:
        return f"save_path {quote(self.path)}"

    def apply(self) -> str:
        path = quote(self.path)
        return (
            f'begin_file {path}\ncp -f {quote(self.source)} "$target"\n'
            f"finish_file {path} {self.mode:o} {quote(self.owner)}"
        )

    def undo(self) -> str:
        return f"restore_path {quote(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory(Change):
    """A directory with this mode. Undone, it goes if it was not there before and is empty by then."""

    path: str
    mode: int = 0o755
    owner: str = "root:root"

    @property
    def key(self) -> str:
        return f"directory:{self.path}"

    def describe(self) -> str:
        return f"directory {self.path}"

    @property
    def foreseeable(self) -> bool:
        return True

    @property
    def contained(self) -> bool:
        return True

    def observe(self) -> str:
        path = quote(self.path)
        return (
            f"[ -d {path} ] || {{ echo 'it is missing'; return 1; }}\n"
            f"mode_is {path} {self.mode:o} {quote(self.owner)}"
        )

    def capture(self) -> str:
        return f"save_directory {quote(self.path)}"

    @property
    def plain(self) -> bool:
        return True

    def apply(self) -> str:
        return f"make_directory {quote(self.path)} {self.mode:o} {quote(self.owner)}"

    def undo(self) -> str:
        return f"restore_directory {quote(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symlink(Change):
    """A symbolic link to ``target``."""

    path: str
    target: str

    @property
    def key(self) -> str:
        return f"file:{self.path}"

    def describe(self) -> str:
        return f"link {self.path} to {self.target}"

    def observe(self) -> str:
        return (
            f'[ "$(readlink {quote(self.path)})" = {quote(self.target)} ] || '
            "{ echo 'it does not point there'; return 1; }"
        )

    def capture(self) -> str:
        return f"save_path {quote(self.path)}"

    def apply(self) -> str:
        path = quote(self.path)
        return f'begin_file {path}\nln -sfn {quote(self.target)} "$target"\nrename_over {path}'

    def undo(self) -> str:
        return f"restore_path {quote(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsEntry(Change):
    """Lines of /etc/hosts that give these names an address, or several that are tried in order.

    Each line carries a mark with the first name; only lines with that mark are ever replaced or removed.

    Attributes:
        address: What the names stand for.
        names: The first is the entry's identity.
        further: Addresses of further lines. Resolvers give all of them in this order, and programs try the
            next one when nobody answers at one.
    """

    address: str
    names: tuple[str, ...]
    further: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"hosts:{self.names[0]}"

    def describe(self) -> str:
        return f"{' '.join(self.names)} as {', '.join((self.address, *self.further))} in /etc/hosts"

    @property
    def _lines(self) -> str:
        rest = f"{' '.join(self.names)} {self._mark}"
        return "\n".join(f"{address} {rest}" for address in (self.address, *self.further))

    @property
    def _mark(self) -> str:
        return f"# sealer:{self.names[0]}"

    def observe(self) -> str:
        # Those that carry the mark, in their order, and no other.
        held = f"$(lines_ending {quote(self._mark)} /etc/hosts)"
        return f"[ \"{held}\" = {quote(self._lines)} ] || {{ echo 'the line is missing'; return 1; }}"

    def apply(self) -> str:
        mark, lines = quote(self._mark), quote(self._lines)
        return f"drop_lines_ending {mark} /etc/hosts\nprintf '%s\\n' {lines} >> /etc/hosts"

    def capture(self) -> str:
        return f'lines_ending {quote(self._mark)} /etc/hosts > "$entry/former"'

    def undo(self) -> str:
        # Lines of an earlier operation come back: hosts that go on need them.
        drop = f"drop_lines_ending {quote(self._mark)} /etc/hosts"
        return f'{drop}\nif [ -s "$entry/former" ]; then cat "$entry/former" >> /etc/hosts; fi'


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHostsEntry(Change):
    """No lines of /etc/hosts that a ``HostsEntry`` has made; what others wrote there is left alone.

    Attributes:
        name: The first name of the entry.
    """

    name: str

    @property
    def key(self) -> str:
        return f"hosts:{self.name}"

    def describe(self) -> str:
        return f"no {self.name} in /etc/hosts"

    @property
    def _mark(self) -> str:
        return quote(f"# sealer:{self.name}")

    def observe(self) -> str:
        return (
            f"[ -z \"$(lines_ending {self._mark} /etc/hosts)\" ] || {{ echo 'the line is there'; return 1; }}"
        )

    def apply(self) -> str:
        return f"drop_lines_ending {self._mark} /etc/hosts"

    def capture(self) -> str:
        return f'lines_ending {self._mark} /etc/hosts > "$entry/former"'

    def undo(self) -> str:
        return (
            f"drop_lines_ending {self._mark} /etc/hosts\n"
            'if [ -s "$entry/former" ]; then cat "$entry/former" >> /etc/hosts; fi'
        )
