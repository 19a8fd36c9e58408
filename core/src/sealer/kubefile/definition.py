"""What a Kubefile comes to: the last definition of each application, with the names it may launch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sealer.errors import SourceError, SourceErrors
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import (
    App,
    AppCommands,
    AppEnv,
    Commands,
    Copy,
    Env,
    Instruction,
    KubeVersion,
    Label,
    LaunchApps,
)
from sealer.kubefile.parser import Kubefile
from sealer.model import SUPPORTED_KUBE_VERSION_LABEL, Application, Launch
from sealer.model.image import EMPTY


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
        contents: COPY instructions and the applications that win, in the order of the file.
        applications: All applications, the parent's first.
        labels: Labels that the Kubefile sets.
        env: Environment that the Kubefile sets.
        launch: What LAUNCH or CMDS says.
    """

    contents: tuple[Copy | App, ...]
    applications: tuple[DefinedApp, ...]
    labels: Mapping[str, str]
    env: Mapping[str, str]
    launch: Launch


def define(kubefile: Kubefile, inherited: Iterable[Application] = ()) -> Definition:
    """Work out what a Kubefile comes to on top of the parent's applications.

    Raises:
        SourceErrors: APPENV, APPCMDS or LAUNCH names an application that there is not.
    """
    work = _Work(inherited)
    for instruction in kubefile.instructions:
        work.take(instruction)
    if work.problems:
        raise SourceErrors(work.problems)
    winners = {id(app.app) for app in work.apps.values()}
    return Definition(
        contents=tuple(
            each
            for each in kubefile.instructions
            if isinstance(each, Copy) or (isinstance(each, App) and id(each) in winners)
        ),
        applications=tuple(work.apps.values()),
        labels=MappingProxyType(dict(work.labels)),
        env=MappingProxyType(dict(work.env)),
        launch=work.launch,
    )


class _Work:
    """The definition while the instructions are gone through."""

    def __init__(self, inherited: Iterable[Application]) -> None:
        self.apps = {app.name: DefinedApp(name=app.name, env=app.env, cmds=app.cmds) for app in inherited}
        self.labels: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.launch = Launch()
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
                self.labels.update({pair.name: pair.value for pair in pairs})
            case KubeVersion(versions=versions):
                self.labels[SUPPORTED_KUBE_VERSION_LABEL] = versions
            case Env(pairs=pairs):
                self.env.update({pair.name: pair.value for pair in pairs})
            case LaunchApps(names=names):
                self.launch = Launch(app_names=self.known(names))
            case Commands(commands=commands):
                self.launch = Launch(cmds=commands)

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
        near = difflib.get_close_matches(name.text[:128], self.apps, n=1)
        if near:
            hint = f"did you mean {near[0]}?"
        self.problems.append(
            SourceError(f"there is no application {name.text[:40]}", place=name.place, hint=hint)
        )
