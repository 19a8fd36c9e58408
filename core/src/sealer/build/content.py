"""What the instructions of a build bring to an image, planned as layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sealer.build.applications import StagedApp
from sealer.build.cutting import MAXIMUM_LAYERS, cut_to_fit
from sealer.build.entries import EntriesPlan
from sealer.build.inputs import AppFiles, BuildInput, Files, GivenFile, GivenFiles, Unpacked
from sealer.build.layer_plans import FilesPlan, LayerPlan, PlainFile, tree_plans
from sealer.build.tree import TreeEntry, walk
from sealer.errors import ImageError
from sealer.image.extension import LayerContent

Planned = Files | GivenFiles | Unpacked | AppFiles
"""What can be planned without running anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """The files of one instruction before they are cut into layers: entries or given files, or one layer."""

    created_by: str
    content: LayerContent
    entries: tuple[TreeEntry, ...] = ()
    given: tuple[PlainFile, ...] = ()
    hides: str | None = None
    whole: LayerPlan | None = None

    def files(self) -> list[tuple[str, int]]:
        """Return path and size of each."""
        return [(each.path, each.size) for each in self.entries or self.given]

    def plans(self, layers: Sequence[Sequence[int]]) -> list[LayerPlan]:
        """Return the layers into which it was cut."""
        if self.whole is not None:
            return [self.whole]
        if not self.given:
            return [
                *tree_plans(
                    self.entries, layers, created_by=self.created_by, content=self.content, hides=self.hides
                )
            ]
        return [
            FilesPlan(
                created_by=self.created_by,
                content=self.content,
                files=tuple(self.given[position] for position in positions),
                compress=True,
            )
            for positions in layers
        ]


def layer_room(order: BuildInput) -> int:
    """Return how many layers a build may add to those of the parent.

    Raises:
        ImageError: There is not one for each instruction and one for container images.
    """
    inherited = len(order.parent.layers) if order.parent else 0
    room = MAXIMUM_LAYERS - inherited
    if room <= len(order.contents):
        raise ImageError(
            f"the image would have more than {MAXIMUM_LAYERS} layers: {inherited} of its parent, and one for "
            f"each of {len(order.contents)} instructions",
            hint="copy more with one instruction, or build the parent anew with fewer",
        )
    return room


def plan_contents(
    order: BuildInput, contents: Sequence[Planned], apps: Sequence[StagedApp], room: int
) -> tuple[LayerPlan, ...]:
    """Return the layers of instructions in their order.

    Args:
        order: What the image is built from.
        contents: The instructions.
        apps: Its applications, brought together.
        room: How many layers there may be, more than there are instructions.

    Raises:
        ImageError: Something can't be read, or can't be in an image.
    """
    staged = {app.application.name: app for app in apps}
    trees = [_tree(each, staged, order) for each in contents]
    cuts = cut_to_fit([tree.files() for tree in trees], room)
    return tuple(plan for tree, layers in zip(trees, cuts, strict=True) for plan in tree.plans(layers))


def _tree(each: Planned, staged: Mapping[str, StagedApp], order: BuildInput) -> _Tree:
    if isinstance(each, GivenFiles):
        files = {file.path: file for file in each.files}
        given = tuple(_plain(file) for file in sorted(files.values(), key=lambda file: file.path))
        return _Tree(created_by=each.created_by, content=LayerContent.ROOTFS, given=given)
    if isinstance(each, Unpacked):
        plan = EntriesPlan(created_by=each.created_by, entries=each.entries)
        return _Tree(created_by=each.created_by, content=plan.content, whole=plan)
    if isinstance(each, Files):
        return _Tree(
            created_by=each.created_by, content=LayerContent.ROOTFS, entries=tuple(walk(each.mounts))
        )
    app = staged[each.name]
    return _Tree(
        created_by=app.created_by,
        content=LayerContent.APPLICATION,
        entries=tuple(walk(app.mounts)),
        hides=_hidden(app, order),
    )


def _hidden(app: StagedApp, order: BuildInput) -> str | None:
    """Return the directory of the parent's application that this one takes the place of, if any."""
    inherited = order.parent.extension.applications if order.parent else ()
    name = app.application.name
    return app.application.directory if any(each.name == name for each in inherited) else None


def _plain(file: GivenFile) -> PlainFile:
    size = len(file.content) if isinstance(file.content, bytes) else file.content.stat().st_size
    return PlainFile(path=file.path, data=file.content, size=size, mode=0o755 if file.executable else 0o644)
