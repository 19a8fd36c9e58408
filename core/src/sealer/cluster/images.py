"""Finds the image that each host gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sealer.cluster.request import ImageChoice
from sealer.cluster.session import Context
from sealer.errors import ImageError, SealerError, VerificationError
from sealer.events import EventSink, Message
from sealer.image.oci import Descriptor
from sealer.image.pull import PullPolicy, complete, ensure
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import Facts, ImageMetadata, Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class HostImages:
    """The image of each host; hosts of one platform share one.

    Attributes:
        by_host: By the host's address.
        by_platform: Those whose container images go to the nodes of a cluster that Sealer did not make.
    """

    by_host: Mapping[str, StoredImage]
    by_platform: Mapping[str, StoredImage] = field(default_factory=dict)

    @property
    def layers(self) -> Mapping[str, Sequence[Descriptor]]:
        """The layers of each host's image."""
        return {host: image.layers for host, image in self.by_host.items()}

    @property
    def main(self) -> StoredImage:
        """The first host's image, which stands for the cluster's."""
        return next(iter(self.by_host.values()))

    @property
    def metadata(self) -> ImageMetadata:
        """The metadata of the first host's image, with the container images that nodes get."""
        found = self.main.metadata
        carried = tuple(one for image in self.by_platform.values() for one in image.metadata.container_images)
        return replace(found, container_images=carried) if self.by_platform else found

    @property
    def carried(self) -> tuple[Sequence[Descriptor], ...]:
        """The layers of each image whose container images nodes get."""
        images = self.by_platform or self.by_host
        return tuple({image.digest: image.layers for image in images.values()}.values())

    def choice(self, reference: str) -> ImageChoice:
        """Return what to write down of it."""
        digests = {host: image.digest for host, image in self.by_host.items()}
        names = {image.image for image in self.metadata.container_images}
        return ImageChoice(
            reference=reference,
            digests=digests,
            name=self.main.reference,
            served=tuple(sorted(names)),
            platforms={platform: image.digest for platform, image in self.by_platform.items()},
        )


def images_for_hosts(store: ImageStore, reference: str, facts: Mapping[str, Facts]) -> HostImages:
    """Choose the image for each host's platform.

    Args:
        store: Holds the image.
        reference: Its name.
        facts: Of each host, by address, the first master first.

    Raises:
        ImageError: The store has no such image for one of the platforms.
    """
    platforms = {host: fact.platform for host, fact in facts.items()}
    found = {str(p): store.resolve(reference, p) for p in platforms.values()}
    return HostImages(by_host={host: found[str(p)] for host, p in platforms.items()})


def images_again(store: ImageStore, choice: ImageChoice) -> HostImages:
    """Find the very images that were chosen before, though the name may mean others by now.

    Raises:
        ImageError: The store has lost one of them.
    """
    digests = {*choice.digests.values(), *choice.platforms.values()}
    found = {digest: store.resolve(digest) for digest in digests}
    named = {
        digest: replace(image, reference=choice.name or image.reference) for digest, image in found.items()
    }
    return HostImages(
        by_host={host: named[digest] for host, digest in choice.digests.items()},
        by_platform={platform: named[digest] for platform, digest in choice.platforms.items()},
    )


def images_elsewhere(
    store: ImageStore,
    reference: str,
    here: Mapping[str, Facts],
    nodes: Sequence[Platform],
    events: EventSink,
    *,
    brought: bool,
    lenient: bool,
) -> HostImages:
    """Choose the images of an application for a cluster that Sealer did not make.

    It is launched from this machine, by the files for its platform or, where the image lacks that, by those
    for the first platform of nodes. Its container images are those for the platforms of all nodes.

    Args:
        store: Holds the image.
        reference: Its name.
        here: Of this machine, by its address.
        nodes: The platforms of the cluster's nodes, or none when they are not known.
        events: Gets warnings.
        brought: Whether container images are brought to the cluster.
        lenient: Whether nodes of some platforms may do without: the user is warned.

    Raises:
        ImageError: The store has no such image, or it lacks a platform that can't do without.
    """
    ((address, facts),) = here.items()
    own = facts.platform
    found = {str(p): image for p in (own, *nodes) if (image := _resolve(store, reference, p)) is not None}
    lacking = [str(platform) for platform in nodes if str(platform) not in found]
    if not found:
        store.resolve(reference, own)
    if lacking and brought:
        problem = f"{reference} is not made for all nodes of the cluster: it lacks {', '.join(lacking)}"
        _refuse_or_warn(problem, events, lenient=lenient)
    if str(own) not in found:
        text = (
            f"{reference} is not made for this machine, which is {own}: programs that it brings are not used"
        )
        events(Message(text=text))
    main = found.get(str(own)) or next(iter(found.values()))
    there = {str(platform): found[str(platform)] for platform in nodes if str(platform) in found}
    return HostImages(by_host={address: main}, by_platform=there if brought else {})


def _resolve(store: ImageStore, reference: str, platform: Platform) -> StoredImage | None:
    try:
        return store.resolve(reference, platform)
    except VerificationError:
        raise
    except ImageError:
        return None


def application_images(
    store: ImageStore, reference: str, facts: Mapping[str, Facts], events: EventSink, *, lenient: bool
) -> HostImages:
    """Choose the images of an application; it runs from the first master, and its pods wherever they may.

    Args:
        store: Holds the image.
        reference: Its name.
        facts: Of each host, by address, the first master first.
        events: Gets the warning.
        lenient: Whether hosts of further platforms may do without it: their users are warned.

    Raises:
        ImageError: The store has no such image, or it lacks the platform of a host that can't do without.
    """
    found: dict[str, StoredImage] = {}
    lacking: dict[str, list[str]] = {}
    for host, fact in facts.items():
        try:
            found[host] = store.resolve(reference, fact.platform)
        except VerificationError:
            raise
        except ImageError:
            if not found:
                raise
            lacking.setdefault(str(fact.platform), []).append(host)
    if not lacking:
        return HostImages(by_host=found)
    which = "; ".join(f"{platform} ({', '.join(hosts)})" for platform, hosts in lacking.items())
    problem = f"{reference} is not made for all hosts of the cluster: it lacks {which}"
    _refuse_or_warn(problem, events, lenient=lenient)
    return HostImages(by_host=found)


def _refuse_or_warn(problem: str, events: EventSink, *, lenient: bool) -> None:
    if not lenient:
        raise ImageError(
            problem, hint="build it for them too; or if its pods keep away from them: --platform-policy warn"
        )
    events(Message(text=f"{problem}; its pods can't run there", warning=True))


def platforms_in(facts: Mapping[str, Facts]) -> tuple[Platform, ...]:
    """Return the platforms that hosts have."""
    return tuple(dict.fromkeys(fact.platform for fact in facts.values()))


async def available_on(context: Context, reference: str, platforms: Iterable[Platform]) -> None:
    """Pull what an image of the store lacks for platforms, but not for a dry run.

    What can't be had is told in a warning: whether hosts can do without it shows when images are chosen.

    Raises:
        VerificationError: Something has another digest than it should.
    """
    if context.dry:
        return
    for platform in dict.fromkeys(platforms):
        try:
            await complete(context.store, reference, platform, sink=context.events)
        except VerificationError:
            raise
        except SealerError as error:
            text = f"{reference} for {platform} can't be pulled: {error}"
            context.events(Message(text=text, warning=True))


async def available(context: Context, reference: str) -> StoredImage:
    """Return an image of the store, which is pulled if it is not there, but not for a dry run.

    Raises:
        SealerError: There is no such image, or it can't be had.
    """
    policy = PullPolicy.NEVER if context.dry else PullPolicy.MISSING
    try:
        return await ensure(context.store, reference, policy=policy, sink=context.events)
    except ImageError as error:
        if context.dry and not isinstance(error, VerificationError):
            error.hint = f"a dry run fetches nothing: sealer pull {reference}"
        raise
