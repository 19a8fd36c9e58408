"""Read ``--mount=type=…`` of RUN."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sealer.errors import SourceError
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import MountKind, RunMount
from sealer.kubefile.sources import relative_path

_ALIASES = {"dst": "target", "destination": "target", "src": "source", "from": "from"}
_KEYS: Mapping[MountKind, frozenset[str]] = {
    MountKind.SECRET: frozenset({"id", "target", "required", "env", "mode", "uid", "gid"}),
    MountKind.TMPFS: frozenset({"target", "size"}),
    MountKind.BIND: frozenset({"source", "target", "ro", "readonly"}),
    MountKind.CACHE: frozenset({"id", "target", "sharing"}),
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRETS = "run/secrets"


def read_mount(word: Word) -> RunMount:
    """Read what follows ``--mount=``: ``key=value`` with commas between.

    Raises:
        SourceError: It is malformed, or of a type that Kubefiles have not.
    """
    fields: dict[str, str] = {}
    for part in word.text.split(","):
        name, _, value = part.partition("=")
        key = _ALIASES.get(name, name)
        if key in fields:
            raise SourceError(f"{key[:40]} is given twice", place=word.place)
        fields[key] = value
    named = fields.pop("type", "bind")
    if named not in set(MountKind):
        hint = f"the types are {', '.join(MountKind)}"
        raise SourceError(f"the type {named[:40]!r} of a mount is unknown", place=word.place, hint=hint)
    kind = MountKind(named)
    unknown = sorted(fields.keys() - _KEYS[kind])
    if unknown:
        hint = f"it takes {', '.join(sorted(_KEYS[kind]))}"
        message = f"a mount of the type {kind} takes no {unknown[0][:40]!r}"
        raise SourceError(message, place=word.place, hint=hint)
    if kind is MountKind.SECRET:
        return _secret(fields, word)
    target = _target(fields.get("target", ""), word)
    source = ""
    if kind is MountKind.BIND:
        source = relative_path(Word(text=fields.get("source", ""), place=word.place), "the build context")
    elif kind is MountKind.CACHE:
        source = _identifier(fields.get("id", target), word)
    return RunMount(kind=kind, target=target, source=source, place=word.place)


def _secret(fields: Mapping[str, str], word: Word) -> RunMount:
    env = fields.get("env", "")
    if env and not _VARIABLE.fullmatch(env):
        raise SourceError(f"{env[:40]!r} is no name of a variable", place=word.place)
    target = fields.get("target", "")
    name = fields.get("id", target.rpartition("/")[2])
    if not name:
        raise SourceError("the secret has no id", place=word.place, hint="write --mount=type=secret,id=NAME")
    required = fields.get("required", "false" if "required" not in fields else "true") or "true"
    if required not in {"true", "false", "1", "0"}:
        raise SourceError(f"{required[:40]!r} is neither true nor false", place=word.place)
    return RunMount(
        kind=MountKind.SECRET,
        target="" if env and not target else _target(target or f"{_SECRETS}/{name}", word),
        source=_identifier(name, word),
        required=required in {"true", "1"},
        env=env,
        place=word.place,
    )


def _target(text: str, word: Word) -> str:
    path = relative_path(Word(text=text, place=word.place), "the image")
    if not path:
        raise SourceError("the mount needs a target", place=word.place, hint="write target=/path")
    return path


def _identifier(text: str, word: Word) -> str:
    if not _ID.fullmatch(text):
        hint = "use letters, digits, dots, dashes, slashes and underscores"
        raise SourceError(f"{text[:40]!r} is no id", place=word.place, hint=hint)
    return text
