"""``sealer mount`` and ``umount``: the files of an image in a directory."""

from __future__ import annotations

from dataclasses import asdict

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_rows
from sealer.cli.transfer import platform_option
from sealer.errors import UsageError

COLUMNS = ("id", "image", "path")


@click.command()
@click.argument("image", required=False)
@platform_option
@output_option()
@pass_application
def mount(application: Application, image: str | None, *, platform: str | None, output: Format) -> None:
    """Unpack IMAGE and print the path of its root; without IMAGE, list those that are unpacked.

    It is a copy, which takes no privileges; what is changed in it changes no image.
    """
    from sealer.build.mounts import mount as mount_image
    from sealer.build.mounts import mounts
    from sealer.image.platforms import parse_platform
    from sealer.image.store import ImageStore

    store = ImageStore(application.home)
    if image is None:
        rows = [{**asdict(each), "path": str(each.path)} for each in mounts(store)]
        print_rows(rows, COLUMNS, output)
        return
    wanted = parse_platform(platform) if platform else None
    made = mount_image(store, store.resolve(image, wanted))
    if output is Format.TABLE:
        click.echo(made.path)
    else:
        print_rows([{**asdict(made), "path": str(made.path)}], COLUMNS, output)


@click.command()
@click.argument("wanted", metavar="[ID]...", nargs=-1)
@click.option("-a", "--all", "every", is_flag=True, help="Remove all that are unpacked.")
@pass_application
def umount(application: Application, wanted: tuple[str, ...], *, every: bool) -> None:
    """Remove what mount unpacked, by its identifier, image or path."""
    from sealer.build.mounts import mounts, unmount
    from sealer.image.store import ImageStore

    if every == bool(wanted):
        raise UsageError("name what to unmount, or say --all, but not both")
    store = ImageStore(application.home)
    for name in [each.id for each in mounts(store)] if every else wanted:
        click.echo(unmount(store, name).id)
