"""``sealer build``: makes an image from a Kubefile and a build context."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import progress_option
from sealer.cli.transfer import (
    platforms_of,
    platforms_option,
    quiet_option,
    skip_tls_verify_option,
    transfer,
)
from sealer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealer.build.kubefile_build import BuildRequest
    from sealer.events import EventSink
    from sealer.image.store import ImageStore
    from sealer.model import Platform

TYPES = ("kube-installer", "app-installer")
POLICIES = ("missing", "always", "ifnewer", "never")

_LARGEST_SECRET = 1 << 20
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("-f", "--file", type=_FILE, help="The Kubefile; by default the one in the context.")
@click.option("-t", "--tag", "name", metavar="NAME", help="The name of the image.")
@click.option("--check", is_flag=True, help="Check the Kubefile and the context, and build nothing.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(TYPES),
    default=TYPES[0],
    show_default=True,
    help="A cluster image, or one with applications for a cluster that exists.",
)
@platforms_option
@click.option("--label", "labels", metavar="NAME=VALUE", multiple=True, help="A label of the image.")
@click.option(
    "--annotation", "annotations", metavar="NAME=VALUE", multiple=True, help="An annotation of its manifest."
)
@click.option(
    "--build-arg",
    "arguments",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="The value of an ARG; without one it is taken from the environment.",
)
@click.option(
    "--network",
    type=click.Choice(("none", "host")),
    default="none",
    show_default=True,
    help="The network of RUN: none, or this machine's.",
)
@click.option(
    "--secret",
    "secrets",
    metavar="id=ID,src=FILE",
    multiple=True,
    help="A secret that RUN --mount=type=secret may ask for; env=NAME in place of src= takes a variable.",
)
@click.option(
    "--build-mode",
    "mode",
    type=click.Choice(("all", "lite")),
    default="all",
    show_default=True,
    help="What is packed: with container images, or without any of them.",
)
@click.option("--image-list", type=_FILE, help="A file with container images to pack, one a line.")
@click.option(
    "--image-list-with-auth",
    type=_FILE,
    help="A YAML file with container images to pack and the credentials to fetch them.",
)
@click.option(
    "--lenient", is_flag=True, help="Warn of manifests and charts that can't be read, and go on without."
)
@click.option("--ignored-image-list", type=_FILE, help="A file with container images not to pack.")
@click.option(
    "--image-archive",
    "image_archives",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="An archive of container images (docker or OCI), or a directory of some, to take them from.",
)
@click.option(
    "--pull",
    type=click.Choice(POLICIES),
    default=POLICIES[0],
    show_default=True,
    help="When to pull the image that FROM names.",
)
@click.option("--no-cache", is_flag=True, help="Write every layer anew.")
@skip_tls_verify_option
@quiet_option
@progress_option
@click.argument("context", type=click.Path(file_okay=False, path_type=Path), default=".")
@pass_application
def build(
    application: Application,
    *,
    file: Path | None,
    name: str | None,
    check: bool,
    kind: str,
    platforms: tuple[str, ...],
    labels: tuple[str, ...],
    annotations: tuple[str, ...],
    arguments: tuple[str, ...],
    network: str,
    secrets: tuple[str, ...],
    mode: str,
    image_list: Path | None,
    image_list_with_auth: Path | None,
    lenient: bool,
    ignored_image_list: Path | None,
    image_archives: tuple[Path, ...],
    pull: str,
    no_cache: bool,
    skip_tls_verify: bool,
    quiet: bool,
    progress: str,
    context: Path,
) -> None:
    """Build an image from a Kubefile and the files in CONTEXT, and print its name and digest."""
    from sealer.build.declared import declared_by
    from sealer.build.kubefile_build import BuildRequest, build_kubefile, tagged_name
    from sealer.build.platforms_build import build_platforms
    from sealer.build.words import Words
    from sealer.image.pull import PullPolicy
    from sealer.image.store import ImageStore
    from sealer.model import ImageType

    if mode == "lite" and (image_list or image_list_with_auth):
        raise UsageError("--build-mode lite packs no container images, and a list of them is given")
    wanted = platforms_of(platforms)
    request = BuildRequest(
        context=context,
        file=file,
        name=name,
        type=ImageType(kind),
        platform=wanted[0] if wanted else None,
        labels=_pairs("--label", labels),
        annotations=_annotations(annotations),
        arguments=_arguments(arguments),
        vocabulary=Words.of(application.plugins().vocabularies().values()),
        declared=declared_by(application.plugins()),
        lenient=lenient,
        network=network == "host",
        secrets=dict(map(_secret, secrets)),
        image_list=image_list,
        image_list_with_auth=image_list_with_auth,
        ignored_image_list=ignored_image_list,
        image_archives=image_archives,
        packing=mode == "all",
        pull=PullPolicy(pull),
        cached=not no_cache,
        skip_tls_verify=skip_tls_verify,
    )
    if check:
        _check(ImageStore(application.home), request, wanted)
        return
    if name is None:
        raise click.MissingParameter(param_hint="'-t' / '--tag'", param_type="option")
    types = application.plugins().app_types()

    async def work(sink: EventSink) -> str:
        store = ImageStore(application.home)
        if len(wanted) > 1:
            return (await build_platforms(store, request, wanted, types, sink=sink)).digest
        return (await build_kubefile(store, request, types, sink=sink)).digest

    digest = transfer(work, quiet=quiet, progress=progress)
    click.echo(f"{tagged_name(name)}@{digest}")


def _check(store: ImageStore, request: BuildRequest, platforms: Sequence[Platform]) -> None:
    """Print what deserves attention; what is wrong is raised."""
    from dataclasses import replace

    from sealer.build.lint import check_kubefile

    told: dict[str, tuple[int, int]] = {}
    requests = [replace(request, platform=platform) for platform in platforms] or [request]
    for one in requests:
        report = check_kubefile(store, one)
        for caution in report.cautions:
            hint = f"\nhint: {caution.hint}" if caution.hint else ""
            lines = (caution.place.excerpt() or "").splitlines()
            excerpt = "".join(f"\n  {line}" for line in lines)
            text = f"warning: {caution.place}: {caution.message}{excerpt}{hint}"
            told[text] = caution.place.line, caution.place.column
        told |= {f"note: {note}": (0, 0) for note in report.notes}
    for text in sorted(told, key=told.__getitem__):
        click.echo(text, err=True)
    click.echo("nothing is wrong" if not told else "nothing is wrong, but see above")


def _pairs(option: str, words: tuple[str, ...]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for (name, equals, _), word in zip(pairs, words, strict=True):
        if not name or not equals:
            raise UsageError(f"{option} {word}: no name with a value", hint=f"write {option} name=value")
    return {name: value for name, _, value in pairs}


def _annotations(words: tuple[str, ...]) -> dict[str, str]:
    from sealer.image.extension import CONTAINER_IMAGES_ANNOTATION, EXTENSION_ANNOTATION

    found = _pairs("--annotation", words)
    for name in (EXTENSION_ANNOTATION, CONTAINER_IMAGES_ANNOTATION):
        if name in found:
            raise UsageError(f"--annotation {name}: that is what makes it an image of Sealer's own")
    return found


def _arguments(words: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f"--build-arg {word}: no argument", hint="write --build-arg NAME=value")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def _secret(word: str) -> tuple[str, bytes]:
    """Read ``id=ID,src=FILE`` or ``id=ID,env=NAME`` and return the id and the secret itself."""
    fields = dict(part.partition("=")[::2] for part in word.split(","))
    name = fields.pop("id", "")
    fields.pop("type", "")
    source = fields.pop("src", None) or fields.pop("source", None)
    variable = fields.pop("env", None)
    if not name or fields or (source and variable):
        raise UsageError(
            f"--secret {word}: no secret", hint="write --secret id=ID,src=FILE or id=ID,env=NAME"
        )
    if variable is not None or source is None:
        value = os.environ.get(variable or name)
        if value is None:
            raise UsageError(f"--secret {word}: the variable {variable or name} is not set")
        return name, value.encode(errors="surrogateescape")
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"--secret {word}: cannot read it: {error.strerror}") from error
    if len(data) > _LARGEST_SECRET:
        raise UsageError(f"--secret {word}: it has more than {_LARGEST_SECRET} bytes")
    return name, data
