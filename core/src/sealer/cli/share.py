"""``sealer push``, ``pull``, ``save``, ``load``, ``login``, ``logout``: images from and to other places."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import progress_option
from sealer.cli.options import SizeType
from sealer.cli.transfer import (
    quiet_option,
    skip_tls_verify_option,
    transfer,
    with_progress,
)
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.events import EventSink

EVERY_PLATFORM = "all"
POLICIES = ("always", "ifnewer", "missing", "never")
FORMATS = ("oci-archive", "oci-dir", "docker-archive")


@click.command()
@click.argument("image")
@click.argument("destination", required=False)
@click.option("--all", "every", is_flag=True, help="Push it for all platforms: the default.")
@click.option("--platform", metavar="OS/ARCH[/VARIANT]", help="Push it for one platform only.")
@skip_tls_verify_option
@quiet_option
@progress_option
@pass_application
def push(
    application: Application,
    *,
    image: str,
    destination: str | None,
    every: bool,
    platform: str | None,
    skip_tls_verify: bool,
    quiet: bool,
    progress: str,
) -> None:
    """Push an image to a registry; DESTINATION is its name there, if another."""
    from sealer.image.platforms import parse_platform
    from sealer.image.push import push as push_image
    from sealer.image.reference import parse_reference
    from sealer.image.store import ImageStore

    if every and platform:
        raise UsageError("--all and --platform can't be used together")
    store = ImageStore(application.home)
    name = destination or str(store.find(image))
    wanted = parse_platform(platform) if platform else None

    async def work(sink: EventSink) -> str:
        return await push_image(
            store, image, name, platform=wanted, skip_tls_verify=skip_tls_verify, sink=sink
        )

    digest = transfer(work, quiet=quiet, progress=progress)
    click.echo(f"{parse_reference(name)}@{digest}")


@click.command()
@click.argument("image")
@click.option(
    "--platform",
    metavar="OS/ARCH[/VARIANT]",
    help=f"By default this machine's; {EVERY_PLATFORM} for all there are.",
)
@click.option(
    "--policy", type=click.Choice(POLICIES), default=POLICIES[0], show_default=True, help="When to pull."
)
@skip_tls_verify_option
@quiet_option
@progress_option
@pass_application
def pull(
    application: Application,
    *,
    image: str,
    platform: str | None,
    policy: str,
    skip_tls_verify: bool,
    quiet: bool,
    progress: str,
) -> None:
    """Pull an image from a registry; only what the local store lacks is fetched.

    Of an image for several platforms, one is pulled; ``--platform all`` pulls them all.
    """
    from sealer.image.platforms import parse_platform
    from sealer.image.pull import PullPolicy, ensure
    from sealer.image.pull import pull as pull_image
    from sealer.image.reference import parse_reference
    from sealer.image.store import ImageStore

    store = ImageStore(application.home)
    name = parse_reference(image)

    async def work(sink: EventSink) -> str:
        if platform == EVERY_PLATFORM:
            return await pull_image(
                store, name, every_platform=True, skip_tls_verify=skip_tls_verify, sink=sink
            )
        stored = await ensure(
            store,
            name,
            platform=parse_platform(platform) if platform else None,
            policy=PullPolicy(policy),
            skip_tls_verify=skip_tls_verify,
            sink=sink,
        )
        return stored.root_digest

    digest = transfer(work, quiet=quiet, progress=progress)
    click.echo(str(name) if name.digest else f"{name}@{digest}")


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    help="The file or directory to write; a file that is there is replaced.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="What to write.",
)
@click.option("--platform", metavar="OS/ARCH[/VARIANT]", help="Save it for one platform only.")
@click.option(
    "--max-part-size",
    "maximum_part",
    type=SizeType(),
    help="Write files of at most that many bytes, such as 4GB, and NAME.parts, which tells what they are.",
)
@quiet_option
@progress_option
@pass_application
def save(
    application: Application,
    *,
    images: tuple[str, ...],
    file: Path,
    form: str,
    platform: str | None,
    maximum_part: int | None,
    quiet: bool,
    progress: str,
) -> None:
    """Save images as one file that skopeo, buildah and podman read as well, or as a directory.

    An oci-archive or oci-dir has all platforms that are in the local store; a docker-archive has one, and
    docker loads it.
    """
    from sealer.image.platforms import parse_platform
    from sealer.image.save import SaveFormat
    from sealer.image.save import save as save_images
    from sealer.image.store import ImageStore

    store = ImageStore(application.home)
    wanted = parse_platform(platform) if platform else None
    with_progress(
        lambda sink: save_images(
            store,
            images,
            file,
            form=SaveFormat(form),
            platform=wanted,
            maximum_part=maximum_part,
            sink=sink,
        ),
        quiet=quiet,
        progress=progress,
    )


@click.command()
@click.option(
    "-i",
    "--input",
    "files",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    help="The file, the directory, or one or all of the parts to read.",
)
@click.option("-t", "--tag", "name", metavar="NAME", help="A name for the only image of the archive.")
@quiet_option
@progress_option
@pass_application
def load(
    application: Application, *, files: tuple[Path, ...], name: str | None, quiet: bool, progress: str
) -> None:
    """Load images from what `sealer save`, `docker save`, skopeo or buildah wrote, and print their names.

    Parts are given in any order, or one alone when the others and NAME.parts lie beside it.
    """
    from sealer.image.load import load as load_images
    from sealer.image.store import ImageStore

    store = ImageStore(application.home)
    entries = with_progress(
        lambda sink: load_images(store, *files, name=name, sink=sink), quiet=quiet, progress=progress
    )
    for entry in entries:
        click.echo(str(entry))


@click.command()
@click.argument("registry")
@click.option("-u", "--username", help="Asked for when it is missing.")
@click.option("-p", "--passwd", "--password", "password", help="Others can see it: better leave it out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@skip_tls_verify_option
@pass_application
def login(
    application: Application,
    *,
    registry: str,
    username: str | None,
    password: str | None,
    password_stdin: bool,
    skip_tls_verify: bool,
) -> None:
    """Log in to a registry: HOST[:PORT]. What is asked for is not shown."""
    from sealer.image.transport import Transport

    if password is not None and password_stdin:
        raise UsageError("--passwd and --password-stdin exclude each other")
    if password is not None and _on_command_line("password"):
        click.echo("warning: others can see a password on the command line; use --password-stdin", err=True)
    if username is None and password_stdin:
        raise UsageError("--password-stdin needs --username")
    name = username or click.prompt("Username", err=True)
    secret = password if password is not None else _password(from_stdin=password_stdin)

    async def work(sink: EventSink) -> None:
        transport = Transport(application.home, skip_tls_verify=skip_tls_verify, sink=sink)
        await transport.login(registry, name, secret)

    transfer(work)
    click.echo(f"logged in to {registry}", err=True)


@click.command()
@click.argument("registry")
@pass_application
def logout(application: Application, registry: str) -> None:
    """Forget the password for a registry."""
    from sealer.image.transport import Transport

    async def work(sink: EventSink) -> None:
        await Transport(application.home, sink=sink).logout(registry)

    transfer(work)
    click.echo(f"logged out of {registry}", err=True)


def _on_command_line(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, err=True)
    return password
