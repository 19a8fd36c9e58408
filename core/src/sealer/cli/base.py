"""``sealer base``: lists the recipes of base images, and builds one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import progress_option
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_rows
from sealer.cli.transfer import (
    platforms_of,
    platforms_option,
    quiet_option,
    skip_tls_verify_option,
    transfer,
)

if TYPE_CHECKING:
    from sealer.events import EventSink

COLUMNS = ("name", "summary")


@click.group()
def base() -> None:
    """Build base images: a Kubernetes distribution as its project releases it, in one image."""


@base.command("list")
@output_option()
@pass_application
def list_recipes(application: Application, output: Format) -> None:
    """List the distributions that a base image can be built of."""
    recipes = application.plugins().base_recipes()
    print_rows(
        [{"name": name, "summary": recipe.summary} for name, recipe in recipes.items()], COLUMNS, output
    )


@base.command()
@click.argument("distribution")
@click.option("--version", metavar="V", help="The distribution's version, such as v1.33.1.")
@click.option(
    "--from",
    "directory",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Take the files from anywhere below a directory.",
)
@click.option(
    "--mirror", metavar="URL", help="Download from URL/<host>/<path> instead of upstream's addresses."
)
@click.option(
    "--container-runtime",
    metavar="NAME",
    help="Pack this container runtime instead of the one that the recipe takes.",
)
@platforms_option
@click.option("-t", "--tag", "name", metavar="NAME", required=True, help="The name of the image.")
@skip_tls_verify_option
@quiet_option
@progress_option
@pass_application
def build(
    application: Application,
    *,
    distribution: str,
    version: str | None,
    directory: Path | None,
    mirror: str | None,
    container_runtime: str | None,
    platforms: tuple[str, ...],
    name: str,
    skip_tls_verify: bool,
    quiet: bool,
    progress: str,
) -> None:
    """Build a base image of a distribution and print its name and digest.

    Without --from, the files are downloaded from upstream and checked against its checksums.
    """
    from sealer.build.base import BaseRequest, build_base, build_base_platforms
    from sealer.build.base_parts import make_blueprint
    from sealer.build.fetch import FetchSettings
    from sealer.build.kubefile_build import tagged_name
    from sealer.errors import UsageError
    from sealer.image.platforms import host_platform
    from sealer.image.store import ImageStore

    if directory is not None and mirror is not None:
        raise UsageError(
            "--mirror is for downloads, and --from DIR downloads nothing", hint="give one of them"
        )
    if mirror is not None and not mirror.startswith(("https://", "http://")):
        raise UsageError(f"--mirror {mirror} is not the address of a server", hint="begin it with https://")
    if directory is None and version is None:
        raise UsageError("which version is not said", hint="give --version V, or files with --from DIR")
    plugins = application.plugins()
    reference = tagged_name(name)
    wanted = platforms_of(platforms)
    request = BaseRequest(
        blueprint=make_blueprint(
            plugins.base_recipe(distribution), plugins, container_runtime=container_runtime
        ),
        name=reference,
        platform=wanted[0] if wanted else host_platform(),
        version=version,
        directory=directory,
        fetch=FetchSettings(mirror=mirror),
        skip_tls_verify=skip_tls_verify,
    )

    async def work(sink: EventSink) -> str:
        store = ImageStore(application.home)
        if len(wanted) > 1:
            return (await build_base_platforms(request, reference, wanted, store, sink=sink)).digest
        return (await build_base(request, store, sink=sink)).digest

    digest = transfer(work, quiet=quiet, progress=progress)
    click.echo(f"{reference}@{digest}")
