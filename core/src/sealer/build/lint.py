"""Check a Kubefile and its build context without building: nothing is pulled, fetched, run or written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sealer.build.context import Directory, open_context
from sealer.build.copying import find_sources
from sealer.build.kubefile_build import DEFAULT_NAME, BuildRequest
from sealer.errors import ImageError, SourceError, SourceErrors
from sealer.image.platforms import host_platform, parse_platform
from sealer.image.reference import parse_reference
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage, as_sealer_image
from sealer.kubefile import Caution, Kubefile, Variables, define, parse, read
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import App, Copy, Instruction, LocalSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check has found that is not wrong.

    Attributes:
        cautions: What deserves attention, in the order of the file.
        notes: What could not be checked, and arguments that nothing declares.
    """

    cautions: tuple[Caution, ...] = ()
    notes: tuple[str, ...] = ()


def check_kubefile(store: ImageStore, request: BuildRequest) -> Report:
    """Check what a build would be made from, as far as that can be told at once.

    Args:
        store: May have the parent image; what depends on one that it lacks is not checked.
        request: The build.

    Raises:
        SourceErrors: The Kubefile is wrong; all problems are in it, in the order of places.
        SealerError: The Kubefile, the context or an ignore file can't be read.
    """
    file = request.file or request.context / DEFAULT_NAME
    data = read(file)
    platform = request.platform or host_platform()
    variables = Variables(platform=platform, machine=host_platform(), arguments=request.arguments)
    kubefile = parse(data, variables, str(file))
    notes: list[str] = []
    parent = _parent(store, kubefile, request, notes)
    if parent is not None:
        kubefile = parse(data, replace(variables, inherited=parent.environment), str(file))
    problems: list[SourceError] = []
    cautions: tuple[Caution, ...] = kubefile.cautions
    known = parent is not None or kubefile.base.image is None
    inherited = parent.extension.applications if parent else ()
    try:
        definition = define(kubefile, inherited if known else None, known_labels=request.vocabulary.labels)
        cautions = definition.cautions
    except SourceErrors as errors:
        problems.extend(errors.problems)
    problems.extend(_missing(kubefile.instructions, request.context))
    if problems:
        raise SourceErrors(sorted(problems, key=lambda problem: (problem.place.line, problem.place.column)))
    unused = (f"the argument {name} is given, and no ARG declares it" for name in kubefile.unused)
    return Report(cautions=cautions, notes=(*notes, *unused))


def _parent(
    store: ImageStore, kubefile: Kubefile, request: BuildRequest, notes: list[str]
) -> StoredImage | None:
    base = kubefile.base
    if base.image is None:
        return None
    word = base.image
    try:
        reference = parse_reference(word.text)
        word = base.platform or word
        platform = parse_platform(word.text) if base.platform else request.platform or host_platform()
    except ImageError as error:
        raise SourceErrors([SourceError(error.message, place=word.place, hint=error.hint)]) from error
    try:
        found = store.resolve(reference, platform)
    except ImageError:
        notes.append(f"{reference} is not in the store, and what depends on it is not checked")
        return None
    return found if found.is_sealer_image else as_sealer_image(found, request.type)


def _missing(instructions: Sequence[Instruction], context: Path) -> list[SourceError]:
    """Return what instructions name that the context lacks."""
    problems: list[SourceError] = []
    with ExitStack() as stack:
        directory: Directory = stack.enter_context(open_context(context))
        for word in (word for each in instructions for word in _sources(each)):
            try:
                find_sources(directory, word)
            except SourceError as error:
                problems.append(error)
    return problems


def _sources(instruction: Instruction) -> Sequence[Word]:
    if isinstance(instruction, Copy):
        return instruction.sources
    if isinstance(instruction, App):
        local = (source for source in instruction.sources if isinstance(source, LocalSource))
        return [Word(text=source.path, place=source.place) for source in local]
    return ()
