"""The scripts that changes are made of, by name, with stand-ins for values that are not known yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from sealer.changes import Change, Command
from sealer.model import Step, fill, show, used_values
from sealer.providers import SupportsImageImport
from sealer.testing.shells import syntax_errors

STAND_IN = "0123456789abcdef"
"""Stands for every value: like tokens, digests and base64 it means nothing to a shell."""


def filled(change: Change) -> Change:
    """Return a change as it is when all values are known."""
    return fill(change, dict.fromkeys(used_values(change), STAND_IN))


def fragments(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each fragment of a step, as the body of a function."""
    for change in step.changes:
        place = f"{step.id}: {show(change.describe())}"
        for kind, text in texts_of(filled(change)):
            yield f"{place}: {kind}", f"fragment() {{\n{text}\n}}\n"


def texts_of(change: Change) -> Iterator[tuple[str, str]]:
    """Yield what a change gives to scripts, by what it is called; an undo stands in the host journal."""
    yield "observe", change.observe()
    yield "capture", change.capture()
    yield "apply", change.apply()
    if isinstance(change, Command):
        yield "run", change.run  # which apply hands to another shell as text
    undo = change.undo()
    if undo is not None:
        yield "undo", undo
    for output in change.outputs:
        yield f"output {output.key}", output.script


def taking_errors(provider: object) -> list[str]:
    """Return what shells say of how a provider takes container images; one that takes none is fine."""
    if not isinstance(provider, SupportsImageImport):
        return []
    taken = provider.image_import()
    wrapped = f"fragment() {{\nif {taken.present}; then {taken.run}; exit; fi\n}}\n"
    return syntax_errors({"taking container images": wrapped})


def identity(change: Change) -> tuple[Any, ...]:
    """Return what must be the same whenever a change is planned: what journals and people know it by."""
    outputs = tuple((output.key, output.secret, output.fresh) for output in change.outputs)
    return (type(change), change.key, change.describe(), change.undo(), outputs, change.blobs)


def secret_values(steps: Iterable[Step]) -> frozenset[tuple[str, str]]:
    """Return the step and key of every secret that steps yield."""
    return frozenset(
        (step.id, output.key)
        for step in steps
        for change in step.changes
        for output in change.outputs
        if output.secret
    )


def is_data(item: Any) -> bool:
    """Tell whether a change is a frozen dataclass all of whose fields can be compared and written down."""
    if not is_dataclass(item) or isinstance(item, type):
        return False
    parameters = getattr(type(item), "__dataclass_params__")  # noqa: B009  # typeshed does not know it
    return bool(parameters.frozen) and all(_is_plain(getattr(item, part.name)) for part in fields(item))


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, str | bytes | int | float) or is_data(value)
