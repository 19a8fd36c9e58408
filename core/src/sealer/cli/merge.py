"""``sealer merge``: makes one image of several."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import progress_option
from sealer.cli.transfer import quiet_option, skip_tls_verify_option, transfer

if TYPE_CHECKING:
    from sealer.events import EventSink
    from sealer.model import Platform


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("-t", "--target-image", "--tag", "name", metavar="NAME", required=True, help="Its name.")
@click.option(
    "--platform",
    "platforms",
    metavar="OS/ARCH[/VARIANT],…",
    multiple=True,
    help="By default this machine's. Of several, the name gets an index.",
)
@skip_tls_verify_option
@quiet_option
@progress_option
@pass_application
def merge(
    application: Application,
    *,
    images: tuple[str, ...],
    name: str,
    platforms: tuple[str, ...],
    skip_tls_verify: bool,
    quiet: bool,
    progress: str,
) -> None:
    """Make one image of several: it has the files, applications and container images of all.

    Of what two images bring under one name, the later one's is taken. An image that the local store lacks is
    pulled.
    """
    from sealer.build.kubefile_build import tagged_name
    from sealer.build.merge import merge as merge_images
    from sealer.image.oci import Index
    from sealer.image.platforms import parse_platform
    from sealer.image.pull import ensure
    from sealer.image.store import ImageStore
    from sealer.image.stored import StoredImage

    reference = tagged_name(name)
    named = [parse_platform(word) for words in platforms for word in words.split(",")]
    wanted: list[Platform | None] = [*named] or [None]
    store = ImageStore(application.home)

    async def work(sink: EventSink) -> str:
        merged: list[StoredImage] = []
        with store.lease():
            for platform in wanted:
                found = [
                    await ensure(store, image, platform=platform, skip_tls_verify=skip_tls_verify, sink=sink)
                    for image in images
                ]
                target = reference if len(wanted) == 1 else None
                merged.append(await asyncio.to_thread(merge_images, store, found, target))
            if len(wanted) == 1:
                return merged[0].digest
            index = Index(manifests=tuple(image.descriptor for image in merged))
            return store.put_index(reference, index).digest

    digest = transfer(work, quiet=quiet, progress=progress)
    click.echo(f"{reference}@{digest}")
