"""The steps that bring container images from the operator's machine where a cluster finds them.

They work beside an image's files that are unpacked there. Each application's images come right before it, so
that the next ones are on their way while its pods start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

from sealer.changes import Change, Command, quote, words
from sealer.changes.objects import objects_helpers
from sealer.cluster.distribution import UPLOAD_TIMEOUT
from sealer.cluster.redirecting import pushed_as, repository, target_in
from sealer.image.access import Access
from sealer.image.reference import parse_reference
from sealer.model import OPERATOR, ContainerImage, ImageMetadata, Step, Value
from sealer.model.image import EMPTY
from sealer.providers import ImageImport

_STORAGE = "registry/docker/registry/v2"
_SHARED = "images"

Packed = Mapping[str, Mapping[str, ContainerImage]]
"""Container images by name, and then by platform, as ``linux/amd64``."""

TOGETHER = 4
"""How many container images are pushed at one time."""

Bring = Callable[[Packed], Sequence[Change]]
"""Returns the changes after which a cluster finds some container images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """From where, and how, container images are brought.

    Attributes:
        image: The image that they are packed in.
        bring: Says how.
        requires: What has to be there before.
        env: Of the scripts.
        shared: What is provided once those are there that belong to no application that is launched.
        apart: Whether an application waits for its own alone, and no other step for them.
    """

    image: ImageMetadata
    bring: Bring
    requires: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    shared: str = _SHARED
    apart: bool = True


def with_deliveries(delivering: Delivering, launches: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps of launches, each behind the one that brings its container images.

    What belongs to none of the applications that are launched comes first.
    """
    apps = {name for step in launches for name in _applications(step)} if delivering.apart else set()
    images = delivering.image.container_images
    shared = {image.image for image in images if image.app_name not in apps}
    sources = dict.fromkeys(shared, delivering.shared)
    if shared:
        yield _step(delivering, delivering.shared, "bring container images", shared)
    for step in launches:
        needed = [delivering.shared] if shared else []
        for app in [app for app in _applications(step) if app in apps]:
            own = {image.image for image in images if image.app_name == app}
            missing = own - sources.keys()
            if missing:
                name = f"{_SHARED}/{app}"
                yield _step(delivering, name, f"bring container images of {app}", missing)
                sources |= dict.fromkeys(missing, name)
            needed += sorted(sources[image] for image in own)
        yield replace(step, requires=(*step.requires, *dict.fromkeys(needed)))


def _applications(step: Step) -> Iterator[str]:
    for name in step.provides:
        kind, _, app = name.partition("/")
        if app and kind in {"app", "launched"}:
            yield app


def _step(delivering: Delivering, name: str, title: str, wanted: Collection[str]) -> Step:
    packed: dict[str, dict[str, ContainerImage]] = {}
    for image in delivering.image.container_images:
        if image.image in wanted:
            packed.setdefault(image.image, {})[_platform(image)] = image
    return Step(
        id=f"{delivering.image.digest[7:19]}/{name}",
        title=title,
        host=OPERATOR,
        changes=tuple(delivering.bring(packed)),
        provides=(name,),
        requires=delivering.requires,
        env=delivering.env,
        retries=3,
        timeout=UPLOAD_TIMEOUT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A registry that container images are pushed to.

    Attributes:
        location: ``HOST[:PORT][/PATH]``.
        access: How it is reached: with the credentials of ``sealer login``, and its certificates.
        credentials: Those to use instead, or None.
        authority: The PEM text to verify it by instead, or "".
        keeps_own: Whether all images of its own domain keep their names, wherever in it they are.
        by_digest: Whether what is named by a digest is asked for by it; else that becomes a tag.
    """

    location: str
    access: Access
    credentials: Value | None = None
    authority: str = ""
    keeps_own: bool = False
    by_digest: bool = False

    @property
    def domain(self) -> str:
        """Host and port."""
        return self.location.partition("/")[0]

    def target(self, image: str) -> str:
        """Return the name that a container image gets there."""
        own = self.keeps_own and image.startswith(f"{self.domain}/")
        return image if own else (target_in if self.by_digest else pushed_as)(self.location, image)

    def preparing(self) -> str:
        """Return sh that puts what takes the place of the operator's own files below ``$login``."""
        lines = []
        if self.credentials is not None or self.authority:
            lines = ["login=$(mktemp -d)", "trap 'rm -rf \"$login\"' EXIT"]
        if self.credentials is not None:
            # printf is of sh itself: the secret is in no argument list.
            form = '{"auths":{"%s":{"auth":"%s"}}}'
            account = f"{quote(self.domain)} {quote(str(self.credentials))}"
            lines.append(f'printf {quote(form)} {account} > "$login/auth.json"')
        if self.authority:
            lines.append('mkdir "$login/certs"')
            lines.append(f'printf %s {quote(self.authority)} > "$login/certs/ca.crt"')
        return "\n".join(lines)

    def flags(self, side: str = "") -> str:
        """Return skopeo's flags as words of sh; the later of two counts."""
        flags = words((*self.access.registries, *self.access.flags(self.domain, side)))
        if self.credentials is not None:
            flags += f' --{side}authfile="$login/auth.json"'
        if self.authority:
            flags += f' --{side}cert-dir="$login/certs"'
        return flags


def pushing(root: str, destination: Destination) -> Bring:
    """Return what pushes container images to a registry, a few at one time.

    Args:
        root: The directory with the image's files.
        destination: The registry.
    """
    helpers = f"tree={quote(f'{root}/{_STORAGE}')}\n{_helpers('carried')}\n{destination.preparing()}"

    def named(name: str, images: Iterable[ContainerImage]) -> str:
        references = " ".join(dict.fromkeys(map(_reference, images)))
        return words((repository(parse_reference(name)), references, destination.target(name)))

    def push(packed: Packed) -> Command:
        these = [named(name, images.values()) for name, images in packed.items()]
        pushes = [f"begin push_image {one} {destination.flags('dest-')}" for one in these]
        asks = [f"begin is_pushed {one} {destination.flags()}" for one in these]
        return Command(
            title=f"push {', '.join(map(destination.target, packed))}",
            run="\n".join((helpers, *pushes, "all_done")),
            unless="\n".join((helpers, *asks, "all_done")),
            limit=UPLOAD_TIMEOUT,
            repeatable=True,
        )

    def push_all(packed: Packed) -> Sequence[Change]:
        every = list(packed.items())
        return [push(dict(every[begin : begin + TOGETHER])) for begin in range(0, len(every), TOGETHER)]

    return push_all


def sending(root: str, imports: Sequence[ImageImport]) -> Bring:
    """Return what sends container images to all nodes of a cluster, through its API server.

    Args:
        root: The directory with the application image's files.
        imports: How container runtimes take them; the first that is present on a node does.
    """
    taken = "".join(f"if {one.present}; then {one.run}; exit; fi\n" for one in imports)
    none = "echo 'no container runtime that takes container images runs here' >&2; exit 1"
    settings = f"import={quote(taken + none)}\ntree={quote(f'{root}/{_STORAGE}')}"
    helpers = f"{objects_helpers()}\n{settings}\n{_helpers('carried', 'to_nodes')}"

    def send(packed: Packed) -> Sequence[Change]:
        platforms = tuple(dict.fromkeys(platform for images in packed.values() for platform in images))
        lines = [helpers, "make_work"]
        for name, images in packed.items():
            for platform, image in images.items():
                source = (repository(parse_reference(name)), _reference(image))
                lines.append(f"add_image {words((platform, name, *source))}")
        return [
            Command(
                title=f"send {', '.join(packed)} to the nodes",
                run="\n".join((*lines, f"send_archives {words(platforms)}")),
                unless=f"{helpers}\nhave_images {words((' '.join(platforms), *packed))}",
                limit=UPLOAD_TIMEOUT,
                repeatable=True,
            )
        ]

    return send


def _reference(image: ContainerImage) -> str:
    """Return what stands for an image in its repository: its digest, or the tag when that is not known."""
    reference = parse_reference(image.image)
    return reference.digest or image.digest or str(reference.tag)


def _platform(image: ContainerImage) -> str:
    """Return the platform as nodes say theirs: without a variant."""
    return f"{image.platform.os}/{image.platform.architecture}"


@cache
def _helpers(*names: str) -> str:
    texts = (files("sealer.cluster").joinpath(f"{name}.sh").read_text(encoding="utf-8") for name in names)
    return "\n".join(
        line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#")
    )
