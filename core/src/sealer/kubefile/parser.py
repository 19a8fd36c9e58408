"""Parse a Kubefile into instructions, collecting every problem with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sealer.errors import Place, SealerError, SourceError, SourceErrors
from sealer.kubefile import forms
from sealer.kubefile.instructions import AppKind, Commands, From, Instruction, LaunchApps
from sealer.kubefile.lines import Lines, Logical, cut

_Form = Callable[[forms.Statement], Instruction]

_FORMS: Mapping[str, _Form] = MappingProxyType(
    {
        "FROM": forms.read_from,
        "COPY": forms.read_copy,
        "LABEL": forms.read_label,
        "ENV": forms.read_env,
        "APP": lambda statement: forms.read_app(statement, AppKind.APP),
        "CNI": lambda statement: forms.read_app(statement, AppKind.CNI),
        "CSI": lambda statement: forms.read_app(statement, AppKind.CSI),
        "APPENV": forms.read_app_env,
        "APPCMDS": forms.read_app_commands,
        "KUBEVERSION": forms.read_kube_version,
        "LAUNCH": forms.read_launch,
        "CMDS": forms.read_commands,
    }
)

_NOT_BUILT: Mapping[str, str] = MappingProxyType(
    {
        "ADD": "use COPY for files of the context and APP for remote files",
        "RUN": "prepare the files outside and COPY them",
        "ARG": "write the value itself",
        "MAINTAINER": "use LABEL org.opencontainers.image.authors=...",
        "CMD": 'use CMDS ["command", ...]',
    }
)

_DOCKERFILE_ONLY = frozenset(
    {"ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubefile:
    """A Kubefile whose every instruction is well-formed: FROM first, LAUNCH or CMDS last."""

    instructions: tuple[Instruction, ...]

    @property
    def base(self) -> From:
        """The FROM instruction."""
        first = self.instructions[0]
        assert isinstance(first, From)  # noqa: S101  # parse() returns nothing else
        return first


def read(path: Path) -> Kubefile:
    """Read and parse a Kubefile.

    Raises:
        SealerError: The file can't be read.
        SourceErrors: It is not a valid Kubefile.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        hint = "name the Kubefile with -f, or put a file called Kubefile into the context"
        raise SealerError(
            f"cannot read the Kubefile: {error.strerror}", place=str(path), hint=hint
        ) from error
    return parse(data, str(path))


def parse(data: bytes, file: str = "Kubefile") -> Kubefile:
    """Parse the bytes of a Kubefile.

    Args:
        data: The content.
        file: Its name in messages.

    Raises:
        SourceErrors: Everything that is wrong, in the order of places. Nothing else is ever raised.
    """
    lines = cut(data, file)
    instructions: list[Instruction] = []
    problems: list[SourceError] = []
    for line in lines.logical:
        try:
            instructions.append(_instruction(line, lines.escape))
        except SourceErrors as errors:
            problems.extend(errors.problems)
        except SourceError as error:
            problems.append(error)
    problems.extend(_order_problems(lines, instructions, complete=not problems))
    if problems:
        raise SourceErrors(sorted(problems, key=lambda problem: (problem.place.line, problem.place.column)))
    return Kubefile(instructions=tuple(instructions))


def _instruction(line: Logical, escape: str) -> Instruction:
    match = _WORD.match(line.text)
    word = match[0] if match else ""
    name = word.upper()
    place = line.place(0)
    if line.heredoc is not None:
        if line.unterminated:
            message = f"the heredoc has no end: a line that says just {line.unterminated[:40]} is missing"
            raise SourceError(message, place=line.place(line.heredoc))
        raise SourceError("heredocs are not built yet", place=line.place(line.heredoc), hint="COPY a file")
    if name in _NOT_BUILT:
        raise SourceError(f"{name} is not built yet", place=place, hint=_NOT_BUILT[name])
    form = _FORMS.get(name)
    if form is None:
        raise _unknown(word, place)
    return form(forms.Statement(name=name, line=line, start=len(word), escape=escape))


def _unknown(word: str, place: Place) -> SourceError:
    name = word.upper()
    if name in _DOCKERFILE_ONLY:
        hint = "a Kubefile describes files and applications, not a process in a container"
        return SourceError(f"{name} is an instruction of Dockerfiles only", place=place, hint=hint)
    known = sorted(_FORMS.keys() | _NOT_BUILT.keys())
    near = difflib.get_close_matches(name[:40], known, n=1)
    hint = f"did you mean {near[0]}?" if near else "the instructions are " + ", ".join(known)
    shown = word if len(word) <= 40 else f"{word[:40]}..."
    return SourceError(f"there is no instruction {shown}", place=place, hint=hint)


def _order_problems(
    lines: Lines, instructions: Sequence[Instruction], *, complete: bool
) -> Sequence[SourceError]:
    """Return what is wrong with the order of instructions that are well-formed by themselves."""
    problems: list[SourceError] = []
    if not instructions and complete:
        place = lines.source.place(1, 1)
        hint = "start it with FROM scratch or FROM an image"
        return [SourceError("the Kubefile has no instruction", place=place, hint=hint)]
    if instructions and complete and not isinstance(instructions[0], From):
        hint = "start the file with FROM scratch or FROM an image"
        problems.append(SourceError("FROM must come first", place=instructions[0].place, hint=hint))
    for instruction in [each for each in instructions if isinstance(each, From)][1:]:
        hint = "a cluster image has one parent; merge images to have the content of several"
        problems.append(SourceError("FROM is given twice", place=instruction.place, hint=hint))
    last = next((at for at, each in enumerate(instructions) if isinstance(each, LaunchApps | Commands)), None)
    if last is not None:
        ending = _name(instructions[last])
        problems.extend(_after(ending, follower) for follower in instructions[last + 1 :])
    return problems


def _after(ending: str, follower: Instruction) -> SourceError:
    name = _name(follower)
    if name == ending:
        return SourceError(f"{name} is given twice", place=follower.place, hint=f"join them into one {name}")
    if isinstance(follower, LaunchApps | Commands):
        return SourceError(
            "LAUNCH and CMDS exclude each other", place=follower.place, hint="keep one of them"
        )
    hint = f"move {ending} to the end of the file"
    return SourceError(
        f"{name} comes after {ending}, which must be the last", place=follower.place, hint=hint
    )


def _name(instruction: Instruction) -> str:
    match = _WORD.match(instruction.place.text or "", instruction.place.column - 1)
    return match[0].upper() if match else ""
