"""Names of images: parsing them, and filling in what a short name leaves out.

The grammar is that of the distribution project's ``reference`` package, so that every name means here what
it means to docker, containerd and skopeo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sealer.errors import ImageError

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_OFFICIAL = "library/"
_MAXIMUM_NAME = 255

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The name of an image, complete: it has a domain, and a tag or a digest or both.

    Attributes:
        domain: The registry, such as ``docker.io`` or ``localhost:5000``.
        path: The repository within it, such as ``library/nginx``.
        tag: The tag, or None when only a digest was given.
        digest: ``sha256:<hex>``, or None.
    """

    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Domain and path, without tag and digest."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar(self) -> str:
        """The short form people write: ``nginx:1.25`` for ``docker.io/library/nginx:1.25``."""
        if self.domain == DEFAULT_DOMAIN:
            short = self.path.removeprefix(_OFFICIAL)
            # Some paths can't be shortened: read again, "localhost/a" would be on another registry.
            if _split_domain(short) == (self.domain, self.path) and not _IDENTIFIER.fullmatch(short):
                return short + self._suffix()
        return str(self)

    def with_digest(self, digest: str) -> Reference:
        """Return the reference to one manifest of this repository, without a tag."""
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        return self.name + self._suffix()

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return tag + (f"@{self.digest}" if self.digest is not None else "")


def parse_reference(text: str) -> Reference:
    """Read a name as people write it, and complete it: ``nginx`` is ``docker.io/library/nginx:latest``.

    Raises:
        ImageError: The text is not a name of an image; the message says which part is wrong.
    """
    rest, digest = _split_digest(text)
    rest, tag = _split_tag(text, rest)
    if not rest:
        raise _wrong(text, "it has no repository")
    if _IDENTIFIER.fullmatch(rest):
        raise _wrong(text, "64 hexadecimal digits are an image's identifier, not a name")
    domain, path = _split_domain(rest)
    if not _DOMAIN.fullmatch(domain):
        raise _wrong(text, f"{domain!r} is not a registry's host name and port")
    if not _PATH.fullmatch(path):
        hint = "a repository has lower case letters, digits, and single . _ - or / between them"
        raise _wrong(text, f"{path!r} is not a repository", hint=hint)
    if len(domain) + 1 + len(path) > _MAXIMUM_NAME:
        raise _wrong(text, f"it is longer than {_MAXIMUM_NAME} characters")
    if tag is None and digest is None:
        tag = DEFAULT_TAG
    return Reference(domain=domain, path=path, tag=tag, digest=digest)


def _split_digest(text: str) -> tuple[str, str | None]:
    rest, at, digest = text.partition("@")
    if not at:
        return rest, None
    if not _DIGEST.fullmatch(digest):
        raise _wrong(text, f"{digest!r} is not a digest", hint="write sha256: and 64 hexadecimal digits")
    return rest, digest


def _split_tag(text: str, rest: str) -> tuple[str, str | None]:
    """Split at the last colon, unless it belongs to the port of a domain."""
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        return rest, None
    if not _TAG.fullmatch(tag):
        hint = "a tag has up to 128 letters, digits, and _ . - of which . and - don't come first"
        raise _wrong(text, f"{tag!r} is not a tag", hint=hint)
    return name, tag


def _split_domain(name: str) -> tuple[str, str]:
    """Split a domain off; a first part that can't be a host name is part of a repository on Docker Hub."""
    first, slash, rest = name.partition("/")
    looks_like_host = any(mark in first for mark in ".:[") or first == "localhost" or first != first.lower()
    domain, path = (first, rest) if slash and looks_like_host else (DEFAULT_DOMAIN, name)
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = _OFFICIAL + path
    return domain, path


def _wrong(text: str, why: str, *, hint: str | None = None) -> ImageError:
    return ImageError(f"{text!r} is not the name of an image: {why}", hint=hint)
