"""The steps that bring container images where a cluster that Sealer did not make finds them.

They work beside the files of the application image, on the operator's machine. Each application's images come
right before it, so that the next ones are on their way while its pods start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from sealer.changes import Change, Command, quote, words
from sealer.changes.objects import objects_helpers
from sealer.cluster.delivery import NO_POLICY, Delivery
from sealer.cluster.distribution import UPLOAD_TIMEOUT
from sealer.cluster.redirecting import pushed_as, repository, target_in
from sealer.image.access import Access
from sealer.image.reference import parse_reference
from sealer.model import ContainerImage, ImageMetadata, Step
from sealer.providers import ImageImport

_STORAGE = "registry/docker/registry/v2"
_SHARED = "images"

Packed = Mapping[str, Mapping[str, ContainerImage]]
"""Container images by name, and then by platform, as ``linux/amd64``."""

Bring = Callable[[Packed], Sequence[Change]]
"""Returns the changes after which a cluster finds some container images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """From where, and how, container images are brought.

    Attributes:
        image: The application image.
        host: The name of the host whose steps these are.
        bring: Says how.
        requires: What has to be there before.
        env: Of the scripts.
    """

    image: ImageMetadata
    host: str
    bring: Bring
    requires: tuple[str, ...]
    env: Mapping[str, str]


def with_deliveries(delivering: Delivering, launches: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps of launches, each behind the one that brings its container images.

    What belongs to none of the applications that are launched comes first.
    """
    apps = {name for step in launches for name in _applications(step)}
    images = delivering.image.container_images
    shared = {image.image for image in images if image.app_name not in apps}
    brought = set(shared)
    if shared:
        yield _step(delivering, _SHARED, "bring container images", shared)
    for step in launches:
        needed = [_SHARED] if shared else []
        for app in _applications(step):
            missing = {image.image for image in images if image.app_name == app} - brought
            if missing:
                yield _step(delivering, f"{_SHARED}/{app}", f"bring container images of {app}", missing)
                brought |= missing
                needed.append(f"{_SHARED}/{app}")
        yield replace(step, requires=(*step.requires, *needed))


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
        host=delivering.host,
        changes=tuple(delivering.bring(packed)),
        provides=(name,),
        requires=delivering.requires,
        env=delivering.env,
        retries=3,
        timeout=UPLOAD_TIMEOUT,
    )


def pushing(root: str, delivery: Delivery, home: Path) -> Bring:
    """Return what pushes container images to a registry, with the credentials of ``sealer login``.

    Args:
        root: The directory with the application image's files.
        delivery: Names the registry.
        home: Sealer's home directory.
    """
    access = Access(home=home, skip_tls_verify=delivery.skip_tls_verify)
    asking = words((*access.registries, *access.flags(delivery.domain)))
    copying = words((*access.registries, *access.flags(delivery.domain, "dest-")))
    helpers = f"tree={quote(f'{root}/{_STORAGE}')}\n{_helpers('carried')}"

    def push(name: str, images: Iterable[ContainerImage]) -> Command:
        target = (target_in if delivery.policy == NO_POLICY else pushed_as)(delivery.registry, name)
        references = " ".join(dict.fromkeys(map(_reference, images)))
        named = words((repository(parse_reference(name)), references, target))
        return Command(
            title=f"push {target}",
            run=f"{helpers}\npush_image {named} {copying}",
            unless=f"{helpers}\nis_pushed {named} {asking}",
            limit=UPLOAD_TIMEOUT,
            repeatable=True,
        )

    return lambda packed: [push(name, images.values()) for name, images in packed.items()]


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
