"""What a Kubefile comes to: the last definition of each application, with the names it may launch."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sealer.errors import SourceError, SourceErrors
from sealer.kubefile.arguments import Pair, Word
from sealer.kubefile.forms import check_range
from sealer.kubefile.instructions import (
    App,
    AppCommands,
    AppEnv,
    Arg,
    Command,
    Commands,
    Content,
    Copy,
    Env,
    Instruction,
    KubeVersion,
    Label,
    LaunchApps,
    Maintainer,
    Run,
)
from sealer.kubefile.labels import KNOWN, is_unknown, nearest
from sealer.kubefile.parser import Kubefile
from sealer.kubefile.statement import Caution
from sealer.kubefile.versions import intersection
from sealer.model import SUPPORTED_KUBE_VERSION_LABEL, Application, Launch
from sealer.model.image import EMPTY

# Looking for what is alike takes long, and nobody reads more than a few hints.
_HINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinedApp:
    """An application of the image-to-be.

    Attributes:
        name: Its name.
        app: The instruction that defined it last, or None when it is the parent's.
        env: From APPENV, and from the parent unless the application was defined anew.
        cmds: From APPCMDS, or from the parent unless the application was defined anew.
    """

    name: str
    app: App | None = None
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    cmds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A Kubefile as it applies to its parent image.

    Attributes:
        contents: What makes layers or is seen by those that do, in the order of the file; of the
            applications those that win.
        applications: All applications, the parent's first.
        labels: Labels that the Kubefile sets.
        env: Environment that the Kubefile sets.
        launch: What LAUNCH, CMDS or CMD says.
        author: What MAINTAINER says, or "".
        cautions: What is not wrong and deserves attention, in the order of the file.
    """

    contents: tuple[Content, ...]
    applications: tuple[DefinedApp, ...]
    labels: Mapping[str, str]
    env: Mapping[str, str]
    launch: Launch
    author: str = ""
    cautions: tuple[Caution, ...] = ()


def define(
    kubefile: Kubefile, inherited: Iterable[Application] | None = (), *, known_labels: Collection[str] = KNOWN
) -> Definition:
    """Work out what a Kubefile comes to on top of the parent's applications.

    Args:
        kubefile: The Kubefile.
        inherited: The parent's applications; None when they are not known: then any may be named.
        known_labels: The reserved label keys that are no cause for a warning.

    Raises:
        SourceErrors: APPENV, APPCMDS or LAUNCH names an application that there is not, or no version is in
            all ranges of versions; in the order of the file.
    """
    work = _Work(inherited, known_labels)
    for instruction in kubefile.instructions:
        work.take(instruction)
    work.finish()
    if work.problems:
        raise SourceErrors(sorted(work.problems, key=_position))
    winners = {id(app.app) for app in work.apps.values()}
    return Definition(
        contents=tuple(
            each
            for each in kubefile.instructions
            if isinstance(each, Copy | Run | Arg | Env) or (isinstance(each, App) and id(each) in winners)
        ),
        applications=tuple(work.apps.values()),
        labels=MappingProxyType(dict(work.labels)),
        env=MappingProxyType(dict(work.env)),
        launch=work.launch,
        author=work.author,
        cautions=tuple(sorted((*kubefile.cautions, *work.cautions), key=_position)),
    )


def _position(told: Caution | SourceError) -> tuple[int, int]:
    return told.place.line, told.place.column


class _Work:
    """The definition while the instructions are gone through."""

    def __init__(self, inherited: Iterable[Application] | None, known_labels: Collection[str]) -> None:
        self._open = inherited is None
        self.apps = {
            app.name: DefinedApp(name=app.name, env=app.env, cmds=app.cmds) for app in inherited or ()
        }
        self.labels: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.launch = Launch()
        self.author = ""
        self.cautions: list[Caution] = []
        self._known_labels = known_labels
        self._commands: list[str] = []
        self._ranges: list[Word] = []
        self.problems: list[SourceError] = []

    def take(self, instruction: Instruction) -> None:
        """Take the next instruction."""
        match instruction:
            case App():
                self.define(instruction)
            case AppEnv(app=name, pairs=pairs):
                self.change(name, "APPENV", env={pair.name: pair.value for pair in pairs})
            case AppCommands(app=name, command=command):
                self.change(name, "APPCMDS", command=command)
            case Label(pairs=pairs):
                for pair in pairs:
                    self.label(pair)
            case KubeVersion(versions=versions):
                self._ranges.append(versions)
            case Maintainer(name=name):
                self.author = name
            case Env(pairs=pairs):
                self.env.update({pair.name: pair.value for pair in pairs})
            case LaunchApps() | Commands() | Command():
                self.end(instruction)

    def end(self, instruction: LaunchApps | Commands | Command) -> None:
        """Take what is started in the end."""
        match instruction:
            case LaunchApps(names=names):
                self.launch = Launch(app_names=self.known(names))
            case Commands(commands=commands):
                self.launch = Launch(cmds=commands)
            case Command(command=command):
                self._commands.append(command)

    def finish(self) -> None:
        """Join commands, and ranges of versions, once all are there."""
        if self._commands:
            self.launch = Launch(cmds=tuple(self._commands))
        if not self._ranges:
            return
        try:
            joined = intersection([check_range(word) for word in self._ranges])
        except SourceError as error:
            self.problems.append(error)
        except ValueError as error:
            last = self._ranges[-1]
            hint = "the applications must have a version of Kubernetes in common"
            self.problems.append(SourceError(str(error), place=last.place, hint=hint))
        else:
            single = self._ranges[0].text
            self.labels[SUPPORTED_KUBE_VERSION_LABEL] = single if len(self._ranges) == 1 else str(joined)

    def label(self, pair: Pair) -> None:
        """Take a label; a reserved one that nobody knows deserves attention."""
        if pair.name == SUPPORTED_KUBE_VERSION_LABEL:
            self._ranges.append(Word(text=pair.value, place=pair.place))
            return
        self.labels[pair.name] = pair.value
        if is_unknown(pair.name, self._known_labels):
            near = nearest(pair.name, self._known_labels) if len(self.cautions) < _HINTS else None
            hint = (
                f"did you mean {near}?" if near else "keys under sealer.io are reserved; use another domain"
            )
            message = f"the reserved label {pair.name[:120]} is unknown"
            self.cautions.append(Caution(message=message, place=pair.place, hint=hint))

    def define(self, app: App) -> None:
        """Take a definition of an application; it replaces an earlier one and moves to the end."""
        name = app.name.text
        earlier = self.apps.pop(name, None)
        if earlier is not None and earlier.app is not None and earlier.app.kind.label:
            self.labels.pop(f"{earlier.app.kind.label}{name}", None)
        self.apps[name] = DefinedApp(name=name, app=app)
        if app.kind.label:
            self.labels[f"{app.kind.label}{name}"] = "true"

    def change(self, name: Word, word: str, *, env: Mapping[str, str] = EMPTY, command: str = "") -> None:
        """Set environment or command line of an application that has been defined."""
        app = self.apps.get(name.text)
        if app is None:
            self._unknown(name, f"{word} must come after the APP, CNI or CSI that defines the application")
            return
        self.apps[name.text] = replace(
            app, env=MappingProxyType({**app.env, **env}), cmds=(command,) if command else app.cmds
        )

    def known(self, names: Sequence[Word]) -> tuple[str, ...]:
        """Return the texts of names, noting those of no application."""
        for name in names:
            if name.text not in self.apps:
                self._unknown(name, "define it with APP, or launch one of the parent image's applications")
        return tuple(name.text for name in names)

    def _unknown(self, name: Word, hint: str) -> None:
        if self._open:
            return
        near: Sequence[str] = ()
        if len(self.problems) < _HINTS:
            near = difflib.get_close_matches(name.text[:128], list(self.apps)[:1000], n=1)
        if near:
            hint = f"did you mean {near[0]}?"
        self.problems.append(
            SourceError(f"there is no application {name.text[:40]}", place=name.place, hint=hint)
        )
