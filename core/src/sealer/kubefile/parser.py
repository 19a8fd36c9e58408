"""Parse a Kubefile into instructions, collecting every problem with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sealer.errors import Place, SealerError, SourceError, SourceErrors
from sealer.kubefile import forms, forms_files
from sealer.kubefile.arguments import is_placeholder
from sealer.kubefile.expansion import Expander
from sealer.kubefile.instructions import AppKind, Arg, Command, Commands, From, Instruction, LaunchApps
from sealer.kubefile.lines import Lines, Logical, cut
from sealer.kubefile.scope import Scope, UnsettledError, Variables
from sealer.kubefile.statement import Caution, Statement

_Form = Callable[[Statement], Instruction]

_FORMS: Mapping[str, _Form] = MappingProxyType(
    {
        "FROM": forms_files.read_from,
        "COPY": forms_files.read_copy,
        "ADD": forms_files.read_add,
        "RUN": forms_files.read_run,
        "ARG": forms.read_arg,
        "ENV": forms.read_env,
        "LABEL": forms.read_label,
        "MAINTAINER": forms.read_maintainer,
        "APP": lambda statement: forms.read_app(statement, AppKind.APP),
        "CNI": lambda statement: forms.read_app(statement, AppKind.CNI),
        "CSI": lambda statement: forms.read_app(statement, AppKind.CSI),
        "APPENV": forms.read_app_env,
        "APPCMDS": forms.read_app_commands,
        "KUBEVERSION": forms.read_kube_version,
        "LAUNCH": forms.read_launch,
        "CMDS": forms.read_commands,
        "CMD": forms.read_command,
    }
)

_DOCKERFILE_ONLY = frozenset(
    {"ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)

_WORD = re.compile(r"\S+")
_MOST_CAUTIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubefile:
    """A Kubefile whose every instruction is well-formed: FROM first, LAUNCH or CMDS last.

    Attributes:
        instructions: In the order of the file.
        cautions: What is not wrong and deserves attention, in the order of the file.
        settled: Whether ``instructions`` are all there are: what depends on a parent image that was not
            at hand is left out.
        unused: Arguments that were given and that no ARG declares.
    """

    instructions: tuple[Instruction, ...]
    cautions: tuple[Caution, ...] = ()
    settled: bool = True
    unused: tuple[str, ...] = ()

    @property
    def base(self) -> From:
        """The FROM instruction."""
        return next(each for each in self.instructions if isinstance(each, From))


def read(path: Path) -> bytes:
    """Return the bytes of a Kubefile.

    Raises:
        SealerError: The file can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "name the Kubefile with -f, or put a file called Kubefile into the context"
        raise SealerError(
            f"cannot read the Kubefile: {error.strerror}", place=str(path), hint=hint
        ) from error


def parse(data: bytes, variables: Variables, file: str = "Kubefile") -> Kubefile:
    """Parse the bytes of a Kubefile.

    Args:
        data: The content.
        variables: The values its variables have from outside.
        file: Its name in messages.

    Raises:
        SourceErrors: Everything that is wrong, in the order of places. Nothing else is ever raised.
    """
    lines = cut(data, file)
    reader = _Reader(lines, variables)
    for line in lines.logical:
        reader.take(line)
    reader.problems.extend(_order_problems(lines, reader.instructions, complete=reader.complete))
    if reader.problems:
        raise SourceErrors(
            sorted(reader.problems, key=lambda problem: (problem.place.line, problem.place.column))
        )
    return Kubefile(
        instructions=tuple(reader.instructions),
        cautions=tuple(reader.cautions[:_MOST_CAUTIONS]),
        settled=not reader.left_out,
        unused=reader.scope.unused,
    )


class _Reader:
    """Takes logical lines and keeps what they come to."""

    def __init__(self, lines: Lines, variables: Variables) -> None:
        self.scope = Scope(variables)
        self.instructions: list[Instruction] = []
        self.problems: list[SourceError] = []
        self.cautions: list[Caution] = []
        self.left_out = 0
        self._expander = Expander(self.scope, lines.escape)

    @property
    def complete(self) -> bool:
        """Whether every line has become an instruction."""
        return not self.problems and not self.left_out

    def take(self, line: Logical) -> None:
        """Take the next line."""
        match = _WORD.match(line.text)
        word = match[0] if match else ""
        if is_placeholder(word):
            message = f"{word[:10]} stands for nothing and is left out"
            self.cautions.append(Caution(message=message, place=line.place(0), hint="remove it"))
            return
        name = word.upper()
        statement = Statement(name=name, line=line, start=len(word), expander=self._expander)
        try:
            instruction = _instruction(statement, word)
        except SourceErrors as errors:
            self.problems.extend(errors.problems)
        except SourceError as error:
            self.problems.append(error)
        except UnsettledError:
            self.left_out += 1
            if name in {"ARG", "ENV"}:
                self.scope.lose()
        else:
            self.instructions.append(instruction)
            self.cautions.extend(statement.warnings)
            if isinstance(instruction, From):
                self.scope.start(scratch=instruction.image is None)


def _instruction(statement: Statement, word: str) -> Instruction:
    line = statement.line
    if line.unterminated is not None:
        message = f"the heredoc has no end: a line that says just {line.unterminated.name[:40]} is missing"
        raise SourceError(message, place=line.place(line.unterminated.offset))
    form = _FORMS.get(statement.name)
    if form is None:
        raise _unknown(word, statement.place)
    return form(statement)


def _unknown(word: str, place: Place) -> SourceError:
    name = word.upper()
    if name in _DOCKERFILE_ONLY:
        hint = "a Kubefile describes files and applications, not a process in a container"
        return SourceError(f"{name} is an instruction of Dockerfiles only", place=place, hint=hint)
    known = sorted(_FORMS)
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
    first = next((each for each in instructions if not isinstance(each, Arg)), None)
    if complete and not isinstance(first, From):
        place = (first or instructions[0]).place
        hint = "start the file with FROM scratch or FROM an image; only ARG may come before"
        problems.append(SourceError("FROM must come first", place=place, hint=hint))
    for instruction in [each for each in instructions if isinstance(each, From)][1:]:
        hint = "a cluster image has one parent; merge images to have the content of several"
        problems.append(SourceError("FROM is given twice", place=instruction.place, hint=hint))
    last = next((at for at, each in enumerate(instructions) if isinstance(each, LaunchApps | Commands)), None)
    if last is not None:
        ending = _name(instructions[last])
        problems.extend(_after(ending, follower) for follower in instructions[last + 1 :])
        problems.extend(_beside(ending, each) for each in instructions[:last] if isinstance(each, Command))
    return problems


def _beside(ending: str, command: Command) -> SourceError:
    hint = "put its command into CMDS" if ending == "CMDS" else f"keep either CMD or {ending}"
    return SourceError(f"CMD and {ending} exclude each other", place=command.place, hint=hint)


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
