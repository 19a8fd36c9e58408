"""How launching an image's applications would change what is in a cluster; nothing is changed by asking."""

from __future__ import annotations

import base64
import difflib
import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from sealer.build.parent import extract
from sealer.changes.objects import objects_helpers
from sealer.cluster.app_values import value_texts
from sealer.cluster.applications import chosen_applications
from sealer.cluster.images import images_again
from sealer.cluster.install import Wish
from sealer.cluster.launching import Asking, application_request, platforms_of
from sealer.cluster.made_files import Making, made_files
from sealer.cluster.pipeline import read_reference
from sealer.cluster.redirecting import redirecting_elsewhere
from sealer.cluster.request_plan import combined
from sealer.cluster.session import Context
from sealer.errors import ImageError
from sealer.image.stored import StoredImage
from sealer.model import APPS_DIRECTORY, Application

_LARGEST = 32 << 20
_SERVER_FIELDS = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MASK = "(secret)"
_END = "END-OF-APPLICATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDiff:
    """What launching one application would change.

    Attributes:
        name: What it is called on the cluster.
        known: Whether its type can tell.
        text: A unified diff of its objects, secrets masked; "" when nothing would change.
    """

    name: str
    known: bool
    text: str


async def app_diffs(context: Context, cluster: Asking, state: Wish) -> tuple[AppDiff, ...]:
    """Compare the applications that an image would launch with what is there.

    Raises:
        SealerError: The image or the cluster can't be asked.
    """
    nodes = await platforms_of(context, cluster, state)
    request = await application_request(context, cluster.prepared.request, state, nodes)
    if request.application is None:
        return ()
    images = images_again(context.store, request.application)
    image, metadata = images.main, images.metadata
    choice = combined(request.choice, request.clusterfile, metadata)
    making = Making(
        store=context.store,
        image=image,
        clusterfile=request.clusterfile,
        cluster=cluster.prepared.cluster,
        choice=choice,
        read=read_reference,
    )
    made = made_files(making, root="", on_hosts=False).apps
    redirecting = redirecting_elsewhere(metadata, request.delivery, cluster.prepared.parts)
    found = []
    for app in chosen_applications(metadata, choice):
        wanted = choice.of(app.name)
        texts = value_texts(choice, app, cluster.prepared.parts.app_types, read_reference)
        settings = replace(app.settings, images=redirecting.renamed(app, metadata))
        renamed = replace(app, settings=settings)
        files = {file.path.lstrip("/"): str(file.content) for file in made.get(app.name, ())}
        if wanted.cmds is not None:
            found.append(AppDiff(name=app.release, known=False, text=""))
        else:
            found.append(await _diff(context, cluster, image, renamed, texts, files))
    return tuple(found)


async def _diff(  # noqa: PLR0917 - what is compared, and with what
    context: Context,
    cluster: Asking,
    image: StoredImage,
    app: Application,
    values: tuple[str, ...],
    made: Mapping[str, str],
) -> AppDiff:
    app_type = cluster.prepared.parts.app_types.get(app.type)
    paths = tuple(f"values/{number}.yaml" for number, _ in enumerate(values, start=1))
    staged = replace(app, settings=replace(app.settings, values=paths))
    comparison = app_type.comparison(cluster.prepared.cluster, staged) if app_type else None
    if comparison is None or app.cmds:
        return AppDiff(name=app.release, known=False, text="")
    files = _packed(context, image, app, {**made, **dict(zip(paths, values, strict=True))})
    script = (
        f'{objects_helpers()}\numask 077\nstage=$(mktemp -d)\ntrap \'rm -rf "$stage"\' EXIT\ncd "$stage"\n'
        f"base64 -d <<'{_END}' | tar -xzf -\n{files}\n{_END}\n"
    )
    live = await cluster.ask(f"{script}(\n{comparison.live}\n)")
    wanted = await cluster.ask(f"{script}(\n{comparison.wanted}\n)")
    return AppDiff(name=app.release, known=True, text=compare_manifests(live, wanted))


def _packed(context: Context, image: StoredImage, app: Application, made: Mapping[str, str]) -> str:
    """Return an application's files, and those made over them, as the text of a compressed archive."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as directory, tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        extract(context.store, image.layers, f"{APPS_DIRECTORY}/{app.name}", Path(directory))
        archive.add(Path(directory, APPS_DIRECTORY), APPS_DIRECTORY)
        for path, text in made.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(text.encode()), 0o600
            archive.addfile(member, io.BytesIO(text.encode()))
    if buffer.tell() > _LARGEST:
        raise ImageError(f"application {app.name} has too many files to be compared")
    return base64.encodebytes(buffer.getvalue()).decode()


def compare_manifests(live: str, wanted: str) -> str:
    """Return how objects differ, as a unified diff; the contents of secrets are masked.

    Args:
        live: YAML or JSON of the objects as they are.
        wanted: The same of the objects as they would be.
    """
    before, after = dict(_objects(live)), dict(_objects(wanted))
    lines: list[str] = []
    for name in dict.fromkeys((*before, *after)):
        old, new = _masked(before.get(name), after.get(name))
        lines += difflib.unified_diff(
            _text(old),
            _text(new),
            fromfile=f"{name} in the cluster",
            tofile=f"{name} wanted",
        )
    return "".join(lines)


def _text(item: Any) -> list[str]:
    if item is None:
        return []
    return yaml.safe_dump(item, sort_keys=True, allow_unicode=True).splitlines(keepends=True)


def _objects(text: str) -> Iterator[tuple[str, Any]]:
    for document in yaml.safe_load_all(text):
        if not isinstance(document, dict):
            continue
        for item in document["items"] if isinstance(document.get("items"), list) else (document,):
            metadata = dict(item.get("metadata") or {})
            for name in _SERVER_FIELDS:
                metadata.pop(name, None)
            annotations = dict(metadata.pop("annotations", None) or {})
            # kubectl keeps the whole object in it, with what is in secrets.
            annotations.pop(_LAST_APPLIED, None)
            if annotations:
                metadata["annotations"] = annotations
            plain = {key: value for key, value in item.items() if key != "status"} | {"metadata": metadata}
            where = f"{metadata.get('namespace')}/" if metadata.get("namespace") else ""
            yield f"{item.get('kind')} {where}{metadata.get('name')}", plain


def _masked(old: Any, new: Any) -> tuple[Any, Any]:
    """Mask what is in secrets; that something differs stays to be seen."""
    if (old or new or {}).get("kind") != "Secret":
        return old, new
    return _mask(old, new, ""), _mask(new, old, " that differs")


def _mask(item: Any, other: Any, difference: str) -> Any:
    if item is None:
        return None
    masked = dict(item)
    for field in ("data", "stringData"):
        values = item.get(field)
        if isinstance(values, dict):
            before = (other or {}).get(field) or {}
            masked[field] = {
                key: _MASK if before.get(key) == value else f"{_MASK}{difference}"
                for key, value in values.items()
            }
    return masked
