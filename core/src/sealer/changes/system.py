"""Changes to a running system: units of systemd, kernel modules, sysctls."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sealer.changes.base import Change
from sealer.changes.quoting import quote, write_file

UNIT_DIRECTORY = "/etc/systemd/system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit(Change):
    """A unit of systemd: its text, whether it is enabled, whether it runs.

    Attributes:
        name: With suffix, as ``kubelet.service``.
        content: The text of its file in /etc/systemd/system, or None when the unit exists elsewhere.
        enabled: Whether it starts at boot.
        running: Whether it is to run now; when False that is left to others, but undoing still stops it.
        watches: Files it is restarted for when their content has changed since it was last started.
    """

    name: str
    content: str | None = None
    enabled: bool = True
    running: bool = True
    watches: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"unit:{self.name}"

    def describe(self) -> str:
        return f"unit {self.name}"

    @property
    def _path(self) -> str:
        return f"{UNIT_DIRECTORY}/{self.name}"

    @property
    def _watched(self) -> str:
        """The shell words of all files whose content decides about a restart."""
        own = (self._path,) if self.content is not None else ()
        return " ".join(quote(path) for path in (*own, *self.watches))

    def observe(self) -> str:
        name = quote(self.name)
        lines = []
        if self.content is not None:
            digest = hashlib.sha256(self.content.encode()).hexdigest()
            lines.append(f"file_is {quote(self._path)} {digest} 644 root:root || return 1")
        if self.enabled:
            lines.append(f"systemctl is-enabled -q {name} || {{ echo 'it is not enabled'; return 1; }}")
        if self.running:
            lines.append(f"systemctl is-active -q {name} || {{ echo 'it does not run'; return 1; }}")
            lines.append(
                f"unit_is_fresh {name} {self._watched} || {{ echo 'what it reads changed'; return 1; }}"
            )
        return "\n".join(lines) or ":"

    def capture(self) -> str:
        save = f"save_path {quote(self._path)}\n" if self.content is not None else ""
        return f"{save}save_unit {quote(self.name)}"

    def apply(self) -> str:
        name = quote(self.name)
        lines = []
        if self.content is not None:
            lines.append(f"{write_file(self._path, self.content.encode())} || exit")
        lines.append("systemctl daemon-reload")
        if self.enabled:
            lines.append(f"systemctl enable -q {name}")
        if self.running:
            lines += [f"start_unit {name}", f"note_unit {name} {self._watched}"]
        return "\n".join(lines)

    def undo(self) -> str:
        restore = f"restore_path {quote(self._path)}\n" if self.content is not None else ""
        return f"stop_unit {quote(self.name)}\n{restore}restore_unit {quote(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module(Change):
    """A kernel module that is loaded (or built in).

    Undone, it is unloaded if nothing uses it, and so are modules that came with it; others stay.
    """

    name: str

    @property
    def key(self) -> str:
        return f"module:{self.name}"

    def describe(self) -> str:
        return f"kernel module {self.name}"

    def observe(self) -> str:
        return f"module_is_loaded {quote(self.name)} || {{ echo 'it is not loaded'; return 1; }}"

    @property
    def _wanted(self) -> str:
        """The sh that prints what it needs and then itself, in the kernel's own spelling."""
        name = quote(self.name)
        return (
            f"{{ modprobe --show-depends {name} 2>/dev/null || echo {name}; }} |\n"
            "  sed -n 's/^builtin .*//; s/^insmod //; s/ .*//; s:.*/::; s/\\.ko.*//; s/-/_/g; /./p'"
        )

    def capture(self) -> str:
        return (
            f"{self._wanted} | while read -r module; do\n"
            '  module_is_loaded "$module" || echo "$module"\ndone > "$entry/missing"'
        )

    def apply(self) -> str:
        return f"modprobe {quote(self.name)}"

    def undo(self) -> str:
        # `modprobe -r` would also unload what was loaded before and is not used just now, settings and all.
        # Whoever else came to need a module meanwhile keeps it: rmmod refuses then.
        return (
            "sed '1!G;h;$!d' \"$entry/missing\" | while read -r module; do\n"
            '  rmmod "$module" 2>/dev/null || :\ndone'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysctl(Change):
    """A kernel parameter.

    Attributes:
        name: As ``net.ipv4.ip_forward``.
        value: What it is set to, or None when a program we start will set it: then it is only restored.
    """

    name: str
    value: str | None = None

    @property
    def key(self) -> str:
        return f"sysctl:{self.name}"

    def describe(self) -> str:
        return f"sysctl {self.name}" + ("" if self.value is None else f" = {self.value}")

    @property
    def _file(self) -> str:
        return quote("/proc/sys/" + self.name.replace(".", "/"))

    def observe(self) -> str:
        if self.value is None:
            unsaved = "{ echo 'its value is not saved'; return 1; }"
            return f'[ -n "$entry" ] || [ ! -e {self._file} ] || {unsaved}'
        return (
            f'[ "$(cat {self._file} 2>/dev/null)" = {quote(self.value)} ] || '
            "{ echo 'it has another value'; return 1; }"
        )

    def capture(self) -> str:
        return f'[ ! -e {self._file} ] || cat {self._file} > "$entry/value"'

    def apply(self) -> str:
        return ":" if self.value is None else f"printf '%s\\n' {quote(self.value)} > {self._file}"

    def undo(self) -> str:
        return (
            f'[ ! -e "$entry/value" ] || [ ! -e {self._file} ] || '
            f'[ "$(cat {self._file})" = "$(cat "$entry/value")" ] || cat "$entry/value" > {self._file}'
        )
