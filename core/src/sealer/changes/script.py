"""Compiles changes to one sh script; ``sealer.changes.report`` reads what the script reports.

A script is fed to ``sh`` on standard input and wrapped so that the shell has read all of it before the first
command runs. Once it applies changes it runs to its end even if the operator is killed or the link is cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sealer.changes.base import Blob, Change
from sealer.changes.helpers import all_helpers, helpers_of, runner
from sealer.changes.quoting import quote

_UNDO_BEGINS = (
    # Who still waits would make again what is gone.
    'if [ -e "$data.turn" ]; then rm -f "$data.turn"; rmdir "$(dirname "$data")" 2>/dev/null || :; fi',
    "end_removal",
    '[ -d "$data" ] || finish 0',
    "require_ours",
    "use_reserve",
    "take_lock",
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One of several steps that are visited by one script.

    Attributes:
        changes: What it does, in order; the first change that fails ends it.
        env: Environment of its changes.
        directory: Where they run, or None for ``/``.
        needs: The numbers of the sections, of those ahead, without which it does not begin.
        again: Whether it was tried before in this run.
    """

    changes: tuple[Planned, ...]
    env: tuple[tuple[str, str], ...] = ()
    directory: str | None = None
    needs: tuple[int, ...] = ()
    again: bool = False


def observe_script(setting: Setting, changes: Sequence[Planned]) -> str:
    """Return a script that only looks: which changes are needed, why, and which blobs they lack.

    It reads the values of changes that hold, but for those that reading would make anew.
    """
    body = [_functions(index, planned.change) for index, planned in enumerate(changes)]
    body.append("idle=")
    for index, planned in enumerate(changes):
        outputs = [output.key for output in planned.change.outputs if not output.fresh]
        blobs = [blob.digest.partition(":")[2] for blob in planned.change.blobs]
        body.append(" ".join(["look", str(index), planned.hash, planned.fingerprint, *outputs, "--", *blobs]))
        body += _writes(planned.change)
    return wrap(setting, [*body, '[ -z "$idle" ] || exit 1', "record end"])


def converge_script(setting: Setting, changes: Sequence[Planned]) -> str:
    """Return a script that visits each change in order, and records and applies those that are needed."""
    return sections_script(
        setting, [Section(changes=tuple(changes), env=setting.env, directory=setting.directory)]
    )


def sections_script(setting: Setting, sections: Sequence[Section], *, receive: Sequence[Blob] = ()) -> str:
    """Return a script that visits the changes of several steps, each of which fails for itself.

    Changes are numbered through all sections. Journal entries of changes in a row are made together whatever
    section they are of, so the disk is waited for as rarely as for one step.

    Args:
        setting: Where it runs; its environment and directory are not used.
        sections: The steps.
        receive: The blobs that come as a tar stream on standard input, in order and named by the hex digest
            of their content. They are taken first and kept if they are sound. When the stream is cut off,
            nothing else is done.
    """
    changes = [planned for section in sections for planned in section.changes]
    owners = [number for number, section in enumerate(sections) for _ in section.changes]
    captures = [str(index) for index, planned in enumerate(changes) if _reads(planned.change)]
    plain = [str(index) for index, planned in enumerate(changes) if planned.change.plain]
    batches = {batch[0]: batch for batch in _batches(changes)}
    before = [_functions(index, planned.change) for index, planned in enumerate(changes)]
    before += [f"captures=' {' '.join(captures)} '", f"plain=' {' '.join(plain)} '", "ended=' '"]
    body = ["take_lock", '[ -d "$journal" ] || mkdir -p "$journal"', "make_reserve"]
    index = 0
    for number, section in enumerate(sections):
        enter, leave = _surroundings(number, section)
        body += [" ".join(["begin_step", str(number), *(str(needed) for needed in section.needs)]), *enter]
        body.append(f"again={'yes' if section.again else ''}")
        for planned in section.changes:
            if index in batches:
                body += _foresee(batches[index], changes, owners, sections, number)
            body += [*_visit(index, planned), *_writes(planned.change)]
            if not planned.change.contained:
                body.append("seen=")
            index += 1
        body += [*leave, f"end_step {number}"]
    everything = " ".join(str(number) for number in range(len(sections)))
    last = f"[ \"$ended\" = ' {everything} ' ] || finish 1"
    lasting = _lasting([*body, "let_go", last])
    taken = (f"receive {named(receive)} || exit", *_RECEIVE) if receive else ()
    return wrap(setting, [*before, *taken, *lasting], stream=bool(receive))


def named(blobs: Sequence[Blob]) -> str:
    """Return the words by which a script knows blobs: digest and size."""
    return " ".join(f"{blob.digest.partition(':')[2]}={blob.size}" for blob in blobs)


_RECEIVE = ("exec </dev/null", "record received")


def _surroundings(number: int, section: Section) -> tuple[list[str], list[str]]:
    """Return what gives a section its directory and environment, and what takes the latter away again."""
    place = f"cd {quote(section.directory)} 2>/dev/null || cd /" if section.directory else "cd /"
    enter, leave = [place], []
    for position, (name, value) in enumerate(section.env):
        kept = f"kept{number}_{position}"
        enter += [f"{kept}=${{{name}-}} {kept}_set=${{{name}+yes}}", f"export {name}={quote(value)}"]
        leave.append(f'if [ -n "${kept}_set" ]; then {name}=${kept}; else unset {name}; fi')
    return enter, leave


def _foresee(
    batch: Sequence[int],
    changes: Sequence[Planned],
    owners: Sequence[int],
    sections: Sequence[Section],
    current: int,
) -> list[str]:
    """Return what makes the entries of a batch; each is looked at in the surroundings of its section."""
    lines = [" ".join(["begin_entries", *(changes[member].hash for member in batch)])]
    inside = current
    for member in batch:
        if owners[member] != inside:
            lines += _move(sections, inside, owners[member])
            inside = owners[member]
        lines.append(_call("foresee", member, changes[member]))
    if inside != current:
        lines += _move(sections, inside, current)
    return [*lines, "end_entries"]


def _move(sections: Sequence[Section], old: int, new: int) -> list[str]:
    """Return what leaves the surroundings of a section for those of another, if they are not the same."""
    if (sections[old].env, sections[old].directory) == (sections[new].env, sections[new].directory):
        return []
    return [*_surroundings(old, sections[old])[1], *_surroundings(new, sections[new])[0]]


def _visit(index: int, planned: Planned) -> list[str]:
    outputs = planned.change.outputs
    visit = " ".join([_call("visit", index, planned), *(output.key for output in outputs)])
    secrets = [output.key for output in outputs if output.secret]
    if not secrets:
        return [visit]
    # What it prints may hold the secret, and is shown when that is known.
    known = [output.key for output in outputs if output.secret and not output.fresh]
    return ["mark hold", visit, " ".join(["guess", *known]), "record known", "mark release"]


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
        'if [ -n "$failures" ]; then drop_lock; finish 1; fi',
        "remove_data",
    ]
    return wrap(setting, _lasting(body), everything=True)


def rollback_script(setting: Setting, operation: str) -> str:
    """Return a script that takes back what one operation changed, newest first.

    It reports what can't be taken back as ``kept``. When nothing is left in the journal, the cluster's
    directory goes too.
    """
    body = [
        *_UNDO_BEGINS,
        f"undo_all {quote(operation)}",
        'if [ -n "$failures" ]; then drop_lock; finish 1; fi',
        "left=$(find \"$journal\" -maxdepth 1 -name '[0-9]*-*')",
        'if [ -n "$left" ]; then drop_lock; finish 0; fi',
        "remove_data",
    ]
    return wrap(setting, _lasting(body), everything=True)


def _functions(index: int, change: Change) -> str:
    """Return the functions of one change; each body has lines of its own, so it may end in a comment."""
    parts = [f"o{index}() {{\n{change.observe()}\n}}", f"a{index}() {{\n{change.apply()}\n}}"]
    if _reads(change):
        parts.append(f"c{index}() {{\n{change.capture()}\n}}")
    parts += [f"v{index}_{output.key}() {{\n{output.script}\n}}" for output in change.outputs]
    return "\n".join(parts)


def _lasting(body: Sequence[str]) -> list[str]:
    """Return a body that goes on when the operator is gone, and passes on what commands print while it can.

    It runs in a subshell; the status that it finishes with becomes that of the script.
    """
    return ["trap '' HUP PIPE INT", "{", *body, "finish 0", "} 2>&1 | relay", "exit"]


def wrap(setting: Setting, body: Sequence[str], *, stream: bool = False, everything: bool = False) -> str:
    """Return the whole script: a group, which sh reads to its end before it runs any of it.

    Args:
        setting: Where it runs.
        body: What it does.
        stream: Whether it reads its standard input.
        everything: Whether it calls what does not stand in it: undos of the host journal.
    """
    variables = [
        f"data={quote(setting.data)}",
        'journal="$data/journal"',
        f"operation={quote(setting.operation)}",
        "export data journal operation",
    ]
    directory = [f"cd {quote(setting.directory)} 2>/dev/null || cd /" if setting.directory else "cd /"]
    exports = [f"export {name}={quote(value)}" for name, value in setting.env]
    own = [runner(), *exports, *directory, *body]
    prelude = all_helpers() if everything else helpers_of("\n".join(own))
    parts = [
        "{ exec 3>&1 1>&2",
        *variables,
        prelude,
        *own,
        "exit 0",
        "}" if stream else "} </dev/null",
        "",
    ]
    return "\n".join(parts)
