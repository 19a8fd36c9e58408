"""Which container images an image has to carry: those that its manifests, charts and applications name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sealer.build.applications import StagedApp, asked, recognise
from sealer.errors import ImageError, Place
from sealer.events import EventSink, Message
from sealer.image.reference import Reference, parse_reference
from sealer.manifests import ImageName, images_below, images_in, yaml_files
from sealer.providers import AppType, ToolRunner

MANIFESTS = "manifests"
CHARTS = "charts"
IMAGE_LIST = f"{MANIFESTS}/imageList"
_TEMPLATE = ".tmpl"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImage:
    """A container image, and who names it.

    Attributes:
        reference: Its complete name.
        app: The application that names it, or "".
        place: Where it is named, if known.
    """

    reference: Reference
    app: str = ""
    place: Place | None = None


class Discovery:
    """Looks for names of container images.

    Args:
        types: The application types by name.
        run: Runs programs for them.
        sink: Is told what could not be looked into.
    """

    def __init__(self, types: Mapping[str, AppType], run: ToolRunner, sink: EventSink) -> None:
        self._types = types
        self._run = run
        self._sink = sink

    def rootfs(self, root: Path) -> Iterator[NamedImage]:
        """Yield what ``manifests/``, ``manifests/imageList`` and ``charts/`` below a root name.

        Raises:
            ImageError: A manifest or list can't be read; the place names file and line.
        """
        for name in images_below(root / MANIFESTS, shown=f"{MANIFESTS}/"):
            yield named(name)
        for path in yaml_files(root / MANIFESTS, suffixes=[_TEMPLATE]):
            yield from self._lenient(root / MANIFESTS / path, f"{MANIFESTS}/{path}")
        listed = root / IMAGE_LIST
        if listed.is_file():
            yield from image_list(listed.read_bytes(), IMAGE_LIST)
        charts = root / CHARTS
        for chart in sorted(charts.iterdir()) if charts.is_dir() else ():
            yield from self._chart(chart)

    def app(self, app: StagedApp) -> Iterator[NamedImage]:
        """Yield what an application names.

        Raises:
            ImageError: Something of it can't be read.
        """
        name = app.application.name
        if app.application.type:
            yield from self._typed(app.application.type, app.directory, app.application.files, name)
            return
        # What only its own commands can launch may hold anything, so what can't be read is no mistake.
        for source in app.sources:
            found = recognise(self._types, [source], name)
            if found is not None:
                yield from self._typed(found[0], _directory_of(source), found[1], name)
                continue
            for path in yaml_files(source) if source.is_dir() else ():
                yield from self._lenient(source / path, f"{name}/{path}", name)

    def _chart(self, path: Path) -> Iterator[NamedImage]:
        found = recognise(self._types, [path], path.name)
        if found is not None:
            yield from self._typed(found[0], _directory_of(path), found[1], "")
        elif path.is_dir() and not path.is_symlink():
            for child in sorted(path.iterdir()):
                yield from self._chart(child)

    def _typed(self, kind: str, directory: Path, files: Sequence[str], app: str) -> Iterator[NamedImage]:
        try:
            names = asked(kind, lambda: tuple(self._types[kind].images(directory, files, self._run)))
        except ImageError as error:
            subject = f"application {app}" if app else f"{CHARTS}/{directory.name}"
            raise ImageError(f"{subject}: {error.message}", place=error.place, hint=error.hint) from error
        for name in names:
            yield named(name, app)

    def _lenient(self, path: Path, shown: str, app: str = "") -> Iterator[NamedImage]:
        """Yield what a file names that may be a template, with a warning when it can't be read."""
        try:
            for name in images_in(path.read_bytes(), shown):
                yield named(name, app)
        except ImageError as error:
            text = f"{error}; its container images are packed only if {IMAGE_LIST} names them"
            self._sink(Message(text=text, warning=True))


def image_list(data: bytes, file: str) -> tuple[NamedImage, ...]:
    """Return the images of a list: one name a line, blanks and quotes around it and # comments dropped.

    Raises:
        ImageError: A line is no name of an image.
    """
    found: dict[Reference, NamedImage] = {}
    for number, line in enumerate(data.decode(errors="replace").removeprefix("\ufeff").splitlines(), 1):
        text = line.partition("#")[0].strip().strip("\"'").strip()
        if text:
            place = Place(file=file, line=number, column=line.index(text) + 1, text=line)
            image = named(ImageName.at(text, place))
            found.setdefault(image.reference, image)
    return tuple(found.values())


def named(name: str, app: str = "") -> NamedImage:
    """Return what a name as it is written means.

    Raises:
        ImageError: It is no name of an image.
    """
    place = name.place if isinstance(name, ImageName) else None
    try:
        reference = parse_reference(name)
    except ImageError as error:
        raise ImageError(error.message, place=place, hint=error.hint) from error
    return NamedImage(reference=reference, app=app, place=place)


def merged(images: Iterable[NamedImage], ignored: Sequence[str] | frozenset[str]) -> tuple[NamedImage, ...]:
    """Return each image once for each application that names it, sorted, without the ignored ones."""
    found: dict[tuple[str, str], NamedImage] = {}
    for image in images:
        if str(image.reference) not in ignored:
            found.setdefault((str(image.reference), image.app), image)
    return tuple(found[key] for key in sorted(found))


def _directory_of(source: Path) -> Path:
    return source if source.is_dir() else source.parent
