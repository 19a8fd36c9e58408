"""Compiles changes to one sh script, and reads what the script reports.

A script is fed to ``sh`` on standard input and wrapped so that the shell has read all of it before the first
command runs. Once it applies changes it runs to its end even if the operator is killed or the link is cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sealer.changes.base import Change
from sealer.changes.quoting import quote

_UNDO_BEGINS = ('[ -d "$data" ] || { record end; exit 0; }', "use_reserve", "take_lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A change with its values filled in, and the fingerprint it had before."""

    change: Change
    fingerprint: str

    @property
    def hash(self) -> str:
        """The name of the change's entry in the host journal."""
        return hashlib.sha256(self.change.key.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a script runs: the cluster's directory on the host, the operation, environment, directory."""

    data: str
    operation: str
    env: tuple[tuple[str, str], ...] = ()
    directory: str | None = None


def observe_script(setting: Setting, changes: Sequence[Planned]) -> str:
    """Return a script that only looks: which changes are needed, why, and which blobs they lack.

    It reads the values of changes that hold, but for those that reading would make anew.
    """
    body = [_functions(index, planned.change) for index, planned in enumerate(changes)]
    for index, planned in enumerate(changes):
        outputs = [output.key for output in planned.change.outputs if not output.fresh]
        blobs = [blob.digest.partition(":")[2] for blob in planned.change.blobs]
        body.append(" ".join(["look", str(index), planned.hash, planned.fingerprint, *outputs, "--", *blobs]))
        body += _writes(planned.change)
    return _wrap(setting, [*body, "record end"])


def converge_script(setting: Setting, changes: Sequence[Planned]) -> str:
    """Return a script that visits each change in order, and records and applies those that are needed."""
    captures = [str(index) for index, planned in enumerate(changes) if _reads(planned.change)]
    body = [_functions(index, planned.change) for index, planned in enumerate(changes)]
    body += [
        f"captures=' {' '.join(captures)} '",
        "take_lock",
        '[ -d "$journal" ] || mkdir "$journal"',
        "make_reserve",
    ]
    batches = {batch[0]: batch for batch in _batches(changes)}
    for index, planned in enumerate(changes):
        if index in batches:
            batch = batches[index]
            body.append(" ".join(["begin_entries", *(changes[member].hash for member in batch)]))
            body += [_call("foresee", member, changes[member]) for member in batch]
            body.append("end_entries")
        outputs = [output.key for output in planned.change.outputs]
        body.append(" ".join([_call("visit", index, planned), *outputs]))
        body += _writes(planned.change)
        if not planned.change.contained:
            body.append("seen=")
    return _wrap(setting, _lasting([*body, "drop_needless", "drop_lock"]))


def _writes(change: Change) -> list[str]:
    """Return what notes the files that a change writes, for changes behind it."""
    return [f"writes {quote(path)} {digest}" for path, digest in change.writes]


def _call(function: str, index: int, planned: Planned) -> str:
    change = planned.change
    words = [str(index), planned.hash, planned.fingerprint, quote(change.key), quote(change.undo() or "")]
    return " ".join([function, *words])


def _reads(change: Change) -> bool:
    """Whether the change has something to save before it is applied."""
    return change.capture() != Change.capture(change)


def _batches(changes: Sequence[Planned]) -> list[list[int]]:
    """Return the runs of changes whose journal entries can be made together, by their indexes.

    What a change saves must be the same before and after the changes ahead of it in its run.
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    hashes: set[str] = set()
    contained = True
    for index, planned in enumerate(changes):
        change = planned.change
        if not change.foreseeable or planned.hash in hashes or (not contained and _reads(change)):
            batches.append(batch)
            batch, hashes, contained = [], set(), True
        if change.foreseeable:
            batch.append(index)
            hashes.add(planned.hash)
            contained = contained and change.contained
    return [found for found in (*batches, batch) if len(found) > 1]


def undo_script(setting: Setting) -> str:
    """Return a script that takes back everything in the host journal, and then the cluster's directory.

    It needs to know nothing but that directory.
    """
    body = [
        *_UNDO_BEGINS,
        "undo_all",
        'if [ -n "$failures" ]; then drop_lock; exit 1; fi',
        'unmount_below "$data"',
        'rm -rf "${data:?}"',
        'rmdir "$(dirname "$data")" 2>/dev/null || :',
    ]
    return _wrap(setting, _lasting(body))


def rollback_script(setting: Setting, operation: str) -> str:
    """Return a script that takes back what one operation changed, newest first.

    It reports what can't be taken back as ``kept``. When nothing is left in the journal, the cluster's
    directory goes too.
    """
    body = [
        *_UNDO_BEGINS,
        f"undo_all {quote(operation)}",
        'if [ -n "$failures" ]; then drop_lock; exit 1; fi',
        "left=$(find \"$journal\" -maxdepth 1 -name '[0-9]*-*')",
        'if [ -n "$left" ]; then drop_lock; record end; exit 0; fi',
        'unmount_below "$data"',
        'rm -rf "${data:?}"',
        'rmdir "$(dirname "$data")" 2>/dev/null || :',
    ]
    return _wrap(setting, _lasting(body))


def receive_script(setting: Setting) -> str:
    """Return a script that takes blobs as a tar stream on standard input and keeps those that are sound.

    Members are named by the hex digest of their content. What an earlier stream left is used or removed.
    It holds no secret, so it may travel as an argument.
    """
    return f"""\
data={quote(setting.data)}
set -e
mkdir -p "$data/blobs/incoming" "$data/blobs/sha256"
cd "$data/blobs/incoming"
tar -xf - || {{ status=$?; df -P . >&2; rm -f ./*; exit $status; }}
for blob in *; do
  [ -f "$blob" ] || continue
  if [ "$(sha256sum < "$blob" | cut -c 1-64)" != "$blob" ]; then
    rm -f "$blob"
    echo "blob sha256:$blob arrived damaged" >&2
    exit 1
  fi
  mv "$blob" ../sha256/
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReport:
    """What became of one change: ``state`` is same, changed, kept (not to be undone), needed or failed."""

    index: int
    state: str
    reason: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptReport:
    """What a script reported. ``complete`` is whether it came to its end."""

    changes: tuple[ChangeReport, ...]
    values: tuple[tuple[str, str], ...]
    missing_blobs: tuple[str, ...]
    complete: bool


def read_report(lines: Sequence[str]) -> ScriptReport:
    """Read the records of a script; lines that are no records are ignored."""
    changes: list[ChangeReport] = []
    values: list[tuple[str, str]] = []
    blobs: list[str] = []
    complete = False
    for line in lines:
        words, plain, text = line.partition("=")
        match words.split():
            case ["end"]:
                complete = True
            case [index, ("same" | "changed" | "kept" | "needed") as state, *rest] if index.isdecimal():
                reason = text if plain else _text(rest)
                changes.append(ChangeReport(index=int(index), state=state, reason=reason))
            case [index, "failed", status, *rest] if index.isdecimal() and status.isdecimal():
                reason = text if plain else _text(rest)
                changes.append(
                    ChangeReport(index=int(index), state="failed", status=int(status), reason=reason)
                )
            case [_, "value", key, *rest]:
                values.append((key, text if plain else _text(rest)))
            case [_, "blob", digest]:
                blobs.append(f"sha256:{digest}")
    return ScriptReport(
        changes=tuple(changes), values=tuple(values), missing_blobs=tuple(blobs), complete=complete
    )


def _text(parts: Sequence[str]) -> str:
    """Decode the text of a record that is hex because it holds more than plain characters."""
    try:
        return bytes.fromhex(parts[0]).decode(errors="replace") if parts else ""
    except ValueError:
        return ""


@cache
def _resource(name: str) -> str:
    return files("sealer.changes").joinpath(name).read_text(encoding="utf-8")


def _functions(index: int, change: Change) -> str:
    """Return the functions of one change; each body has lines of its own, so it may end in a comment."""
    parts = [f"o{index}() {{\n{change.observe()}\n}}", f"a{index}() {{\n{change.apply()}\n}}"]
    if _reads(change):
        parts.append(f"c{index}() {{\n{change.capture()}\n}}")
    parts += [f"v{index}_{output.key}() {{\n{output.script}\n}}" for output in change.outputs]
    return "\n".join(parts)


def _lasting(body: Sequence[str]) -> list[str]:
    """Return a body that goes on when the operator is gone, and passes on what commands print while it can.

    It runs in a subshell whose status becomes that of the script.
    """
    return [
        "trap '' HUP PIPE INT",
        "status=$({ { (",
        *body,
        "record end",
        ") 4>&-; echo $? >&4; } 2>&1 | relay; } 4>&1 >&2)",
        'exit "${status:-1}"',
    ]


def _wrap(setting: Setting, body: Sequence[str]) -> str:
    """Return the whole script: a group, which sh reads to its end before it runs any of it."""
    variables = [
        f"data={quote(setting.data)}",
        'journal="$data/journal"',
        f"operation={quote(setting.operation)}",
        "export data journal operation",
    ]
    directory = [f"cd {quote(setting.directory)} 2>/dev/null || cd /" if setting.directory else "cd /"]
    exports = [f"export {name}={quote(value)}" for name, value in setting.env]
    parts = [
        "{ exec 3>&1 1>&2",
        *variables,
        _resource("prelude.sh"),
        _resource("runner.sh"),
        *exports,
        *directory,
        *body,
        "exit 0",
        "} </dev/null",
        "",
    ]
    return "\n".join(parts)
