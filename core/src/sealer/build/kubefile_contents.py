"""The layers that a Kubefile comes to on top of its parent image, in its order."""

from __future__ import annotations

from collections.abc import Mapping

from sealer.build.adding import Adding
from sealer.build.entries import EntryKind
from sealer.build.inputs import AppFiles, Command, Content, Files, Unpacked
from sealer.build.layer_plans import above_of
from sealer.build.parent import ParentPaths, parent_paths
from sealer.errors import SourceError, SourceErrors
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.kubefile import Definition
from sealer.kubefile.instructions import App, Arg, Copy, Env, Run
from sealer.kubefile.scope import PROXIES
from sealer.model import APPS_DIRECTORY


def kubefile_contents(
    store: ImageStore,
    definition: Definition,
    adding: Adding,
    parent: StoredImage | None,
    given: Mapping[str, str],
) -> tuple[Content, ...]:
    """Return the layers that a definition comes to.

    Args:
        store: The store that has the parent.
        definition: The Kubefile on top of its parent.
        adding: Works COPY and ADD out.
        parent: The parent image.
        given: Arguments of the build; those for proxies are for commands.

    Raises:
        SourceErrors: What COPY and ADD instructions name is not there; all are named.
        ImageError: Something can't be read.
    """
    apps = {app.name: app for app in definition.applications}
    tree = _Tree(store, parent)
    environment = _Environment(parent, given)
    contents: list[Content] = []
    problems: list[SourceError] = []
    for each in definition.contents:
        match each:
            case Arg() | Env():
                environment.take(each)
            case Run():
                created_by = each.text
                contents.append(Command(run=each, environment=environment.values(), created_by=created_by))
            case App(name=name):
                app = apps[name.text]
                contents.append(
                    AppFiles(
                        name=app.name,
                        sources=each.sources,
                        created_by=f"{each.kind} {app.name}",
                        env=app.env,
                        cmds=app.cmds,
                        place=each.place,
                    )
                )
                tree.add_path(f"{APPS_DIRECTORY}/{app.name}")
            case Copy():
                try:
                    layers = adding.contents(each, tree)
                except SourceErrors as errors:
                    problems.extend(errors.problems)
                    continue
                for layer in layers:
                    contents.append(layer)
                    tree.add(layer)
    if problems:
        raise SourceErrors(problems)
    return tuple(contents)


class _Environment:
    """The environment of commands: that of the image, and the arguments of the build below it."""

    def __init__(self, parent: StoredImage | None, given: Mapping[str, str]) -> None:
        self._arguments = {name: value for name, value in given.items() if name in PROXIES}
        self._env = dict(parent.environment) if parent else {}

    def take(self, instruction: Arg | Env) -> None:
        """Take what an instruction sets."""
        if isinstance(instruction, Env):
            self._env.update({pair.name: pair.value for pair in instruction.pairs})
        else:
            self._arguments.update({name: value for name, value in instruction.values if value is not None})

    def values(self) -> Mapping[str, str]:
        """Return it as it is now."""
        return {**self._arguments, **self._env}


class _Tree:
    """Tells which directories the image has so far."""

    def __init__(self, store: ImageStore, parent: StoredImage | None) -> None:
        self._store = store
        self._parent = parent
        self._inherited: ParentPaths | None = None
        self._paths: set[str] = set()
        self._files: list[Files] = []

    def add(self, layer: Files | Unpacked) -> None:
        """Take what a layer brings."""
        if isinstance(layer, Unpacked):
            for entry in layer.entries:
                self._paths.update(above_of(entry.path))
                if entry.kind is EntryKind.DIRECTORY:
                    self._paths.add(entry.path)
            return
        self._files.append(layer)
        for mount in layer.mounts:
            self.add_path(mount.target if mount.item.is_directory else mount.target.rpartition("/")[0])

    def add_path(self, path: str) -> None:
        """Take a directory, with those it is in."""
        self._paths.update((*above_of(path), path) if path else ())

    def is_directory(self, path: str) -> bool:
        """Tell whether there is a directory at a path."""
        if self._is_new(path):
            return True
        return path in self._of_parent().directories

    def resolve(self, path: str) -> str:
        """Return a path with the parent's links followed, as long as nothing new has taken their place.

        A link that is to be replaced by a file, and leads to no directory, is not followed itself.
        """
        parent = self._of_parent()
        if not parent.links or self._is_new(path):
            return path
        whole = parent.resolve(path)
        if not whole or whole in parent.directories:
            return whole
        above, _, name = path.rpartition("/")
        return f"{parent.resolve(above)}/{name}".lstrip("/")

    def _is_new(self, path: str) -> bool:
        return path in self._paths or any(self._is_brought(files, path) for files in self._files)

    def _of_parent(self) -> ParentPaths:
        if self._inherited is None:
            found = parent_paths(self._store, self._parent) if self._parent else ParentPaths()
            self._inherited = found
        return self._inherited

    def _is_brought(self, files: Files, path: str) -> bool:
        """Tell whether a directory that is copied has a directory that ends up at a path."""
        for mount in files.mounts:
            prefix = f"{mount.target}/" if mount.target else ""
            if mount.item.is_directory and path.startswith(prefix):
                item = mount.directory.find(f"{mount.item.path}/{path.removeprefix(prefix)}")
                if item is not None and item.is_directory:
                    return True
        return False
