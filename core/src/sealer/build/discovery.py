"""Which container images an image has to carry: those that its manifests, charts and applications name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sealer.build.applications import StagedApp, asked, recognise
from sealer.errors import ImageError, Place
from sealer.events import EventSink, Message
from sealer.image.reference import Reference, parse_reference
from sealer.manifests import (
    LIST_NAME,
    YAML_SUFFIXES,
    ImageName,
    images_in,
    yaml_files,
)
from sealer.model.image import EMPTY
from sealer.providers import AppType, ToolRunner
from sealer.templates import SUFFIX, render

MANIFESTS = "manifests"
CHARTS = "charts"
IMAGE_LIST = f"{MANIFESTS}/{LIST_NAME}"
_LENIENT = f"if it is none of your making, name its images in {IMAGE_LIST} and build with --lenient"


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
        environment: What templates are filled in with.
        lenient: Whether what can't be read is no error, but a warning.
    """

    def __init__(
        self,
        types: Mapping[str, AppType],
        run: ToolRunner,
        sink: EventSink,
        *,
        environment: Mapping[str, str] = EMPTY,
        lenient: bool = False,
    ) -> None:
        self._types = types
        self._run = run
        self._sink = sink
        self._environment = environment
        self._lenient = lenient

    def rootfs(self, root: Path) -> Iterator[NamedImage]:
        """Yield what ``manifests/``, ``manifests/imageList`` and ``charts/`` below a root name.

        Raises:
            ImageError: A manifest or list can't be read; the place names file and line.
        """
        manifests = root / MANIFESTS
        rendered = dict(self._rendered(manifests))
        for directory, (kind, files) in rendered.items():
            yield from self._typed(
                kind, directory, files, "", f"{MANIFESTS}/{directory.relative_to(manifests)}"
            )
        for path in yaml_files(manifests, suffixes=(*YAML_SUFFIXES, SUFFIX)):
            if not any((manifests / path).is_relative_to(directory) for directory in rendered):
                yield from self._file(manifests / path, f"{MANIFESTS}/{path}", self._environment)
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
        listed = app.directory / LIST_NAME
        if listed.is_file():
            shown = f"{app.application.directory}/{LIST_NAME}"
            yield from (replace(each, app=name) for each in image_list(listed.read_bytes(), shown))
        environment = {**self._environment, **app.application.env}
        for path in yaml_files(app.directory, suffixes=[SUFFIX]):
            shown = f"{app.application.directory}/{path}"
            yield from self._file(app.directory / path, shown, environment, name)
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
                names = partial(_names_in, source / path, f"{name}/{path}", EMPTY)
                yield from self._found("", names, name, lenient=True)

    def _chart(self, path: Path) -> Iterator[NamedImage]:
        found = recognise(self._types, [path], path.name)
        if found is not None:
            yield from self._typed(found[0], _directory_of(path), found[1], "")
        elif path.is_dir() and not path.is_symlink():
            for child in sorted(path.iterdir()):
                yield from self._chart(child)

    def _rendered(self, directory: Path) -> Iterator[tuple[Path, tuple[str, tuple[str, ...]]]]:
        """Yield directories whose manifests a program makes, none below another, with type and files."""
        types = {name: kind for name, kind in self._types.items() if kind.renders}
        waiting = [directory] if directory.is_dir() else []
        while waiting:
            current = waiting.pop()
            found = recognise(types, [current], current.name)
            if found is not None:
                yield current, found
                continue
            below = (path for path in current.iterdir() if path.is_dir() and not path.is_symlink())
            waiting.extend(sorted(below, reverse=True))

    def _typed(
        self, kind: str, directory: Path, files: Sequence[str], app: str, shown: str = ""
    ) -> Iterator[NamedImage]:
        def names() -> Iterable[str]:
            return asked(kind, lambda: tuple(self._types[kind].images(directory, files, self._run)))

        subject = f"application {app}" if app else shown or f"{CHARTS}/{directory.name}"
        yield from self._found(subject.removesuffix("/."), names, app)

    def _file(
        self, path: Path, shown: str, environment: Mapping[str, str], app: str = ""
    ) -> Iterator[NamedImage]:
        """Yield what a manifest names, filled in first if it is a template."""
        yield from self._found("", partial(_names_in, path, shown, environment), app)

    def _found(
        self, subject: str, names: Callable[[], Iterable[str]], app: str = "", *, lenient: bool = False
    ) -> Iterator[NamedImage]:
        """Yield the images of some names; what can't be read is told, in one way or the other.

        Raises:
            ImageError: It can't be read, and that is an error.
        """
        try:
            yield from [named(name, app) for name in names()]
        except ImageError as error:
            message = f"{subject}: {error.message}" if subject else error.message
            told = ImageError(message, place=error.place, hint=error.hint or _LENIENT)
            if not (lenient or self._lenient):
                raise told from error
            text = f"{told}; its container images are packed only if {IMAGE_LIST} names them"
            self._sink(Message(text=text, warning=True))


def _names_in(path: Path, shown: str, environment: Mapping[str, str]) -> Iterable[str]:
    """Return what a manifest names, filled in first if it is a template."""
    data = path.read_bytes()
    if path.name.endswith(SUFFIX):
        data = render(data.decode(errors="replace"), environment, shown).encode()
    return images_in(data, shown)


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
