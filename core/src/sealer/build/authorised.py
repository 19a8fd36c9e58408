"""Lists of container images with the credentials they are fetched with (``--image-list-with-auth``)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from sealer.errors import ImageError, Place
from sealer.image.access import registry_domain
from sealer.image.reference import DEFAULT_DOMAIN, parse_reference

_FIELDS = frozenset({"registry", "username", "password", "images"})
_FORM = "write a list of: registry, username, password, and images, a list of names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """Container images of one registry and who may fetch them.

    Attributes:
        registry: The registry's host name and port.
        username: The user.
        password: The password; it is never shown.
        images: The full names of the images.
    """

    registry: str
    username: str
    password: str = field(repr=False)
    images: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write the credentials as skopeo takes them, into a file that only its owner can read."""
        word = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        # Docker Hub has another name among credentials (containers-auth.json(5)).
        hub = ("https://index.docker.io/v1/",) if self.registry == DEFAULT_DOMAIN else ()
        names = (self.registry, *hub)
        document = {"auths": {name: {"auth": word} for name in names}}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)


def authorised_images(path: Path) -> tuple[Authorised, ...]:
    """Read such a list.

    Raises:
        ImageError: It can't be read, or is malformed; the place names the line.
    """
    try:
        root = yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ImageError(f"cannot read the list of images: {error.strerror}", place=str(path)) from error
    except yaml.MarkedYAMLError as error:
        raise _wrong(path, error.problem_mark, f"not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise ImageError("not valid YAML", place=str(path)) from error
    if not isinstance(root, yaml.SequenceNode):
        raise _wrong(path, root.start_mark if root else None, "the list of images is no list")
    return tuple(_section(path, node) for node in root.value)


def _section(path: Path, node: yaml.Node) -> Authorised:
    fields = _fields(path, node)
    for name in sorted(_FIELDS - fields.keys()):
        raise _wrong(path, node.start_mark, f"the field {name} is missing")
    registry, username, password = (
        _text(path, fields[name]) for name in ("registry", "username", "password")
    )
    images = fields["images"]
    if not isinstance(images, yaml.SequenceNode):
        raise _wrong(path, images.start_mark, "images is no list")
    domain = registry_domain(registry)
    return Authorised(
        registry=domain,
        username=username,
        password=password,
        images=tuple(_name(path, item, domain) for item in images.value),
    )


def _name(path: Path, node: yaml.Node, domain: str) -> str:
    """Return the full name of an image; one without a registry is of the section's."""
    text = _text(path, node)
    written = text if text.startswith(f"{domain}/") else f"{domain}/{text}"
    try:
        return str(parse_reference(written))
    except ImageError as error:
        raise _wrong(path, node.start_mark, error.message) from error


def _fields(path: Path, node: yaml.Node) -> Mapping[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(path, node.start_mark, "an entry is no mapping")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.value not in _FIELDS:
            raise _wrong(path, key.start_mark, "the field is unknown")
        found[key.value] = value
    return found


def _text(path: Path, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise _wrong(path, node.start_mark, "a text is missing")
    return str(node.value)


def _wrong(path: Path, mark: yaml.Mark | None, message: str) -> ImageError:
    # The line itself is not shown: it may hold a password.
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return ImageError(message, place=Place(file=str(path), line=line, column=column), hint=_FORM)
