"""Build an image from a Kubefile and a build context."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from sealer.build.adding import Adding
from sealer.build.authorised import authorised_images
from sealer.build.base_archives import archived_images
from sealer.build.builder import build_image
from sealer.build.context import open_context
from sealer.build.declared import DeclaredBy, declared_nothing
from sealer.build.discovery import image_list
from sealer.build.inputs import BuildInput, RunSettings
from sealer.build.kubefile_contents import kubefile_contents
from sealer.build.words import Words
from sealer.build.workspace import working_directory
from sealer.errors import ImageError, SealerError, SourceError, SourceErrors
from sealer.events import EventSink, Message, discard
from sealer.image.platforms import host_platform, parse_platform
from sealer.image.pull import PullPolicy, ensure
from sealer.image.reference import Reference, parse_reference
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage, as_sealer_image
from sealer.kubefile import Definition, Kubefile, Variables, define, parse, read
from sealer.kubefile.instructions import Copy
from sealer.model import ImageType, Platform
from sealer.model.image import EMPTY
from sealer.providers import AppType

DEFAULT_NAME = "Kubefile"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What a user asks for.

    Attributes:
        context: The build context.
        file: The Kubefile, or None for the one in the context.
        name: The name of the image; None leaves it for an index, and the caller holds a lease.
        type: Cluster image or application image.
        platform: The platform of the image, or None for this machine's.
        labels: Labels over those of the Kubefile.
        annotations: Annotations of the image's manifest.
        arguments: Values for the Kubefile's ARG instructions.
        vocabulary: What plugins know of label keys and custom resources.
        declared: Tells the programs whose versions labels declare.
        image_list: A file that names container images to pack beside those that are found.
        image_list_with_auth: A file that names such, with the credentials to fetch them.
        ignored_image_list: A file that names container images that are not packed.
        image_archives: Archives, or directories of some, whose container images need no registry.
        packing: Whether container images are looked for and packed at all.
        pull: When the parent image is pulled.
        cached: Whether layers that were made from the same before are taken over.
        lenient: Whether what names container images, and can't be read, is a warning and no error.
        network: Whether commands of RUN have the machine's network unless they say otherwise.
        secrets: What commands of RUN may ask for, by id.
        skip_tls_verify: Whether to accept any certificate of registries and servers, and plain HTTP.
    """

    context: Path
    file: Path | None = None
    name: str | None
    type: ImageType = ImageType.CLUSTER
    platform: Platform | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    annotations: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    arguments: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    vocabulary: Words = field(default_factory=Words)
    declared: DeclaredBy = declared_nothing
    image_list: Path | None = None
    image_list_with_auth: Path | None = None
    ignored_image_list: Path | None = None
    image_archives: tuple[Path, ...] = ()
    packing: bool = True
    pull: PullPolicy = PullPolicy.MISSING
    cached: bool = True
    lenient: bool = False
    network: bool = False
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    skip_tls_verify: bool = False


async def build_kubefile(
    store: ImageStore,
    request: BuildRequest,
    types: Mapping[str, AppType],
    *,
    sink: EventSink = discard,
) -> StoredImage:
    """Build the image that a Kubefile describes, and put it into the store.

    Args:
        store: Where it goes.
        request: What is asked for.
        types: The application types by name.
        sink: Is told about progress.

    Raises:
        SourceErrors: The Kubefile is wrong; all problems that can be told at once are in it.
        ImageError: The parent is no sealer image, or something can't be read, written or understood.
        TransportError: The parent or a container image can't be fetched.
        PluginError: An application type failed.
    """
    name = None if request.name is None else tagged_name(request.name)
    file = request.file or request.context / DEFAULT_NAME
    data = read(file)
    platform = request.platform or host_platform()
    variables = Variables(platform=platform, machine=host_platform(), arguments=request.arguments)
    # Whatever is wrong and can be told now is told before anything is pulled.
    kubefile = parse(data, variables, str(file))
    wanted = _named(request.image_list)
    ignored = frozenset(_named(request.ignored_image_list))
    authorised = authorised_images(request.image_list_with_auth) if request.image_list_with_auth else ()
    available = await asyncio.to_thread(archived_images, request.image_archives, platform)
    with store.lease(), working_directory(store) as workspace, ExitStack() as resources:
        parent = await _parent(store, kubefile, platform, request, sink)
        if parent is not None:
            kubefile = parse(data, replace(variables, inherited=parent.environment), str(file))
        definition = define(
            kubefile, parent.extension.applications if parent else (), known_labels=request.vocabulary.labels
        )
        warn(kubefile, definition, sink)
        context = resources.enter_context(open_context(request.context))
        adding = Adding(context, workspace, resources, skip_tls_verify=request.skip_tls_verify, sink=sink)
        await adding.fetch([each for each in definition.contents if isinstance(each, Copy)])
        labels = {**definition.labels, **request.labels}
        inherited = parent.labels if parent is not None else {}
        order = BuildInput(
            name=name,
            type=request.type,
            platform=platform,
            parent=parent,
            contents=await asyncio.to_thread(
                kubefile_contents, store, definition, adding, parent, request.arguments
            ),
            labels=labels,
            annotations=request.annotations,
            env=definition.env,
            author=definition.author,
            launch=definition.launch,
            inherited={app.name: (app.env, app.cmds) for app in definition.applications if app.app is None},
            container_images=wanted,
            authorised=authorised,
            ignored_images=ignored,
            packing=request.packing,
            available=available,
            cached=request.cached,
            lenient=request.lenient,
            image_paths=request.vocabulary.image_paths,
            running=RunSettings(network=request.network, secrets=request.secrets),
            declared=request.declared({**inherited, **labels}, platform),
        )
        return await build_image(
            store, order, types, context=context, skip_tls_verify=request.skip_tls_verify, sink=sink
        )


def warn(kubefile: Kubefile, definition: Definition, sink: EventSink) -> None:
    """Tell what is not wrong with a Kubefile and deserves attention."""
    for caution in definition.cautions:
        hint = f" ({caution.hint})" if caution.hint else ""
        sink(Message(text=f"{caution.place}: {caution.message}{hint}", warning=True))
    for name in kubefile.unused:
        text = f"the argument {name} is given, and no ARG of the Kubefile declares it"
        sink(Message(text=text, warning=True))


def tagged_name(text: str) -> Reference:
    """Read the name that a build gives its result.

    Raises:
        ImageError: It is malformed, or has a digest.
    """
    name = parse_reference(text)
    if name.digest is not None:
        raise ImageError(f"{text} has a digest, which only the result can tell", hint="use a tag")
    return name


async def _parent(
    store: ImageStore, kubefile: Kubefile, platform: Platform, request: BuildRequest, sink: EventSink
) -> StoredImage | None:
    """Return the image that FROM names, pulled if it has to be; what is wrong with it is FROM's fault."""
    base = kubefile.base
    if base.image is None:
        return None
    try:
        wanted = parse_platform(base.platform.text) if base.platform else platform
        parent = await ensure(
            store,
            parse_reference(base.image.text),
            platform=wanted,
            policy=request.pull,
            skip_tls_verify=request.skip_tls_verify,
            sink=sink,
        )
        if not parent.is_sealer_image:
            text = f"{parent.reference} is a plain image, none of Sealer's: its files are taken as the rootfs"
            sink(Message(text=text))
            parent = as_sealer_image(parent, request.type)
        _ = parent.metadata
    except SealerError as error:
        raise SourceErrors([SourceError(error.message, place=base.image.place, hint=error.hint)]) from error
    return parent


def _named(file: Path | None) -> tuple[str, ...]:
    """Return the full names that a list of images has.

    Raises:
        ImageError: It can't be read, or a line is no name.
    """
    if file is None:
        return ()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read the list of images: {error.strerror}", place=str(file)) from error
    return tuple(str(image.reference) for image in image_list(data, str(file)))
