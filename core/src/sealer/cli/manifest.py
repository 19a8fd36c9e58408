"""``sealer manifest``: images for several platforms under one name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import progress_option
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document
from sealer.cli.transfer import quiet_option, skip_tls_verify_option, transfer
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.events import EventSink


@click.group()
def manifest() -> None:
    """Bring images for several platforms together under one name: an index, also called a manifest list."""


@manifest.command()
@click.argument("name")
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@pass_application
def create(application: Application, name: str, images: tuple[str, ...]) -> None:
    """Make an index, of images if some are named."""
    from sealer.image.manifest_list import create as create_index
    from sealer.image.reference import parse_reference
    from sealer.image.store import ImageStore

    digest = create_index(ImageStore(application.home), name, images).digest
    click.echo(f"{parse_reference(name)}@{digest}")


@manifest.command()
@click.argument("name", metavar="LIST")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--all", "every", is_flag=True, help="Add all that IMAGE has.")
@click.option("--os", "system", metavar="OS", help="What the list says the image is for.")
@click.option("--arch", metavar="ARCH", help="What the list says the image is for.")
@click.option("--variant", metavar="VARIANT", default="", help="What the list says the image is for.")
@click.option(
    "--annotation",
    "annotations",
    metavar="NAME=VALUE",
    multiple=True,
    help="What the list says of it.",
)
@pass_application
def add(
    application: Application,
    *,
    name: str,
    images: tuple[str, ...],
    every: bool,
    system: str | None,
    arch: str | None,
    variant: str,
    annotations: tuple[str, ...],
) -> None:
    """Add images of the local store to LIST, each in place of what it has for that platform."""
    from sealer.image.manifest_list import add as add_images
    from sealer.image.store import ImageStore
    from sealer.model import Platform

    if arch is None and (system or variant):
        raise UsageError("--os and --variant need --arch beside them")
    if arch is not None and every:
        raise UsageError("--all and --arch can't be used together")
    pairs = [annotation.partition("=") for annotation in annotations]
    if not all(key and equals for key, equals, _ in pairs):
        raise UsageError("an annotation is written NAME=VALUE")
    digest = add_images(
        ImageStore(application.home),
        name,
        images,
        every=every,
        platform=None if arch is None else Platform(os=system or "linux", architecture=arch, variant=variant),
        annotations={key: value for key, _, value in pairs},
    ).digest
    click.echo(digest)


@manifest.command()
@click.argument("name", metavar="LIST")
@click.argument("digest")
@pass_application
def remove(application: Application, name: str, digest: str) -> None:
    """Take the image with DIGEST out of LIST."""
    from sealer.image.manifest_list import remove as remove_image
    from sealer.image.store import ImageStore

    click.echo(remove_image(ImageStore(application.home), name, digest).digest)


@manifest.command()
@click.argument("name", metavar="LIST")
@output_option(Format.JSON, Format.YAML)
@pass_application
def inspect(application: Application, name: str, output: Format) -> None:
    """Show LIST as it is pushed."""
    from sealer.image.manifest_list import read
    from sealer.image.store import ImageStore

    document = json.loads(read(ImageStore(application.home), name).encode())
    print_document(document, output)


@manifest.command()
@click.argument("names", metavar="LIST...", nargs=-1, required=True)
@pass_application
def delete(application: Application, names: tuple[str, ...]) -> None:
    """Remove lists; images that have a name of their own stay."""
    from sealer.image.manifest_list import delete as delete_index
    from sealer.image.store import ImageStore

    for name in names:
        delete_index(ImageStore(application.home), name)


@manifest.command()
@click.argument("name", metavar="LIST")
@click.argument("destination", required=False)
@click.option("--all/--no-all", "every", default=True, show_default=True, help="Also push what it lists.")
@click.option("--rm", "gone", is_flag=True, help="Remove the list here once it is pushed.")
@skip_tls_verify_option
@quiet_option
@progress_option
@pass_application
def push(
    application: Application,
    *,
    name: str,
    destination: str | None,
    every: bool,
    gone: bool,
    skip_tls_verify: bool,
    quiet: bool,
    progress: str,
) -> None:
    """Push LIST and the images it lists; DESTINATION is its name there, if another."""
    from sealer.image.manifest_list import delete as delete_index
    from sealer.image.manifest_list import read
    from sealer.image.push import push as push_image
    from sealer.image.reference import parse_reference
    from sealer.image.store import ImageStore

    store = ImageStore(application.home)
    read(store, name)
    target = parse_reference(destination or name)

    async def work(sink: EventSink) -> str:
        return await push_image(
            store, name, target, index_only=not every, skip_tls_verify=skip_tls_verify, sink=sink
        )

    digest = transfer(work, quiet=quiet, progress=progress)
    if gone:
        delete_index(store, name)
    click.echo(f"{target}@{digest}")
