"""``sealer images``, ``inspect``, ``tag`` and ``rmi``: shows and changes what the local store holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document, table
from sealer.cli.transfer import platform_option
from sealer.errors import ImageError, UsageError

if TYPE_CHECKING:
    from sealer.image.store import Removal
    from sealer.image.summary import Summary

COLUMNS = ("repository", "tag", "image_id", "platform", "created", "size")
_SHORT = 12
_STEP = 1000


@click.command()
@click.option("-a", "--all", "everything", is_flag=True, help="Also show images without a name.")
@click.option("--digests", is_flag=True, help="Show digests.")
@click.option("-n", "--noheading", is_flag=True, help="Leave out the header.")
@click.option("--no-trunc", "full", is_flag=True, help="Show identifiers in full.")
@click.option("-q", "--quiet", is_flag=True, help="Print identifiers only.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@output_option()
@pass_application
def images(
    application: Application,
    *,
    everything: bool,
    digests: bool,
    noheading: bool,
    full: bool,
    quiet: bool,
    as_json: bool,
    output: Format,
) -> None:
    """List the images in the local store."""
    from sealer.image.store import ImageStore
    from sealer.image.summary import summaries

    output = Format.JSON if as_json else output
    found = [
        summary for summary in summaries(ImageStore(application.home)) if everything or summary.repository
    ]
    if quiet:
        for identifier in dict.fromkeys(_identifier(summary.id, full=full) for summary in found):
            click.echo(identifier)
    elif output is not Format.TABLE:
        print_document([{**asdict(summary), "platforms": [*summary.platforms]} for summary in found], output)
    else:
        columns = (*COLUMNS[:2], "digest", *COLUMNS[2:]) if digests else COLUMNS
        text = table([_row(summary, full=full) for summary in found], columns)
        click.echo("\n".join(text.splitlines()[1:]) if noheading else text)
    for summary in found:
        if summary.problem is not None:
            name = f"{summary.repository or summary.digest}:{summary.tag or ''}".rstrip(":")
            click.echo(f"warning: {name}: {summary.problem}", err=True)


@click.command()
@click.argument("image")
@platform_option
@output_option(Format.JSON, Format.YAML)
@pass_application
def inspect(application: Application, image: str, platform: str | None, output: Format) -> None:
    """Show what a sealer image holds: IMAGE is a name, a digest or an identifier."""
    from sealer.image.inspect import image_spec
    from sealer.image.platforms import parse_platform
    from sealer.image.store import ImageStore

    wanted = parse_platform(platform) if platform else None
    document = image_spec(ImageStore(application.home).resolve(image, wanted))
    if output is Format.JSON:
        click.echo(json.dumps(document, indent=4, ensure_ascii=False))
    else:
        print_document(document, output)


@click.command()
@click.argument("source")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@pass_application
def tag(application: Application, source: str, names: tuple[str, ...]) -> None:
    """Give an image further names."""
    from sealer.image.reference import parse_reference
    from sealer.image.store import ImageStore

    store = ImageStore(application.home)
    for name in [parse_reference(name) for name in names]:
        store.tag(source, name)


@click.command()
@click.argument("names", metavar="IMAGE...", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Remove an identifier with all its names.")
@click.option("-p", "--prune", is_flag=True, help="Remove all images without a name, and unused blobs.")
@pass_application
def rmi(application: Application, names: tuple[str, ...], *, force: bool, prune: bool) -> None:
    """Remove images from the local store; blobs that other images use stay."""
    from sealer.image.store import ImageStore

    if prune == bool(names):
        raise UsageError("name the images to remove, or say --prune, but not both")
    store = ImageStore(application.home)
    if prune:
        _report(store.prune())
    failures = []
    for name in names:
        try:
            _report(store.remove(name, force=force))
        except ImageError as error:
            failures.append(error)
    if failures:
        raise failures[0] if len(failures) == 1 else ExceptionGroup("some images were not removed", failures)


def _report(removal: Removal) -> None:
    for name in removal.names:
        click.echo(str(name))
    if removal.deferred is not None:
        click.echo(f"warning: no space was freed yet: {removal.deferred}", err=True)
    elif removal.freed:
        click.echo(f"freed {size_text(removal.freed)}", err=True)


def _row(summary: Summary, *, full: bool) -> dict[str, object]:
    return {
        "repository": summary.repository or "<none>",
        "tag": summary.tag or "<none>",
        "digest": summary.digest,
        "image_id": _identifier(summary.id, full=full),
        "platform": summary.platforms,
        "created": (summary.created or "").partition(".")[0].replace("T", " ").removesuffix("Z"),
        "size": size_text(summary.size),
    }


def _identifier(digest: str, *, full: bool) -> str:
    return digest if full else digest.removeprefix("sha256:")[:_SHORT]


def size_text(size: int) -> str:
    """Return a number of bytes for people, in units of powers of a thousand."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < _STEP:
            return f"{value:.3g} {unit}"
        value /= _STEP
    return f"{value:.3g} TB"
