"""Container images that no image brought: fetched once, and served to all hosts by the cluster's registry."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sealer.build.kubefile_build import BuildRequest, build_kubefile
from sealer.build.platforms_build import build_platforms
from sealer.cluster.install import Wish
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.launching import Existing, put_application
from sealer.cluster.outlook import Outlook, PlannedChange, PlannedStep
from sealer.cluster.request import Request
from sealer.cluster.session import Context
from sealer.errors import PlanError
from sealer.image.reference import parse_reference
from sealer.model import OPERATOR, ImageType, at
from sealer.operation.engine import Summary

_REPOSITORY = "images.sealer.local/added"


async def add_images(context: Context, there: Existing, names: Sequence[str]) -> Summary:
    """Fetch container images to the operator's machine, for the hosts' platforms, and have them served.

    They become an image of Sealer without applications, which is called by their names: with the same ones
    it is made anew, and has what they mean by then.

    Raises:
        ImageError: A name is no name of an image.
        PlanError: The cluster has no registry that Sealer looks after.
        TransportError: An image can't be fetched; nothing was changed.
        HostsFailed: A host could not take them; the operation can be resumed.
    """
    full = _full_names(there, names)
    reference = added_name(full)
    await pack_images(context, there.state, reference, full)
    wish = Wish(clusterfile=there.state.clusterfile, reference=reference, choice=LaunchChoice(), named=True)
    return await put_application(context, there, wish)


def look_at_adding(there: Existing, names: Sequence[str]) -> Outlook:
    """Say what would be fetched. What hosts would get of it shows only when it is there.

    Raises:
        SealerError: As for doing it.
    """
    there.records.require_unlocked()
    there.records.require_none_open()
    full = _full_names(there, names)
    step = PlannedStep(
        step=at("registry/add", OPERATOR),
        title="fetch container images, to be served to all hosts",
        host=OPERATOR,
        changes=tuple(
            PlannedChange(change=name, reason="it is fetched whenever it is named") for name in full
        ),
    )
    hosts = tuple(host.address for host in there.state.clusterfile.cluster.hosts)
    image, cluster = added_name(full), there.records.cluster
    return Outlook(verb="run", cluster=cluster, image=image, hosts=hosts, steps=(step,))


def _full_names(there: Existing, names: Sequence[str]) -> tuple[str, ...]:
    if there.state.foreign is not None:
        raise PlanError(
            f"{there.records.cluster} has no registry that Sealer looks after",
            hint="on clusters that Sealer did not make images go to the registry of --registry",
        )
    return tuple(sorted({str(parse_reference(name)) for name in names}))


def added_name(names: Sequence[str]) -> str:
    """Return what the image with some container images is called."""
    return f"{_REPOSITORY}/{hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}:latest"


async def pack_images(context: Context, state: Request, reference: str, names: Sequence[str]) -> None:
    """Make an image of Sealer of container images, for all platforms that hosts of a cluster have.

    Raises:
        TransportError: One can't be fetched.
    """
    platforms = tuple({str(facts.platform): facts.platform for facts in state.facts.values()}.values())
    types = context.plugins.app_types()
    with tempfile.TemporaryDirectory(prefix="sealer-images-") as directory:
        (Path(directory) / "Kubefile").write_text("FROM scratch\n", encoding="utf-8")
        (Path(directory) / "images").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        request = BuildRequest(
            context=Path(directory),
            name=reference,
            type=ImageType.APPLICATION,
            platform=platforms[0],
            image_list=Path(directory) / "images",
        )
        if len(platforms) > 1:
            await build_platforms(context.store, request, platforms, types, sink=context.events)
        else:
            await build_kubefile(context.store, request, types, sink=context.events)
