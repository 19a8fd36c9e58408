"""What an APP instruction may be called and made of, and which paths stay inside their root."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from sealer.errors import SourceError
from sealer.kubefile.arguments import Word
from sealer.kubefile.instructions import AppSource, LocalSource, RemoteSource

WHITEOUT = ".wh."
"""File names that start so mean a removal in image layers, so no file may be called that."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PIN = re.compile(r"sha256=([0-9a-f]{64})")
_UNSAFE = re.compile(r"[\x00-\x20\x7f/\\]")
_ARTIFACT = re.compile(
    r"oci://(?P<repository>[^\s@#]+/(?P<name>[a-z0-9][a-z0-9._-]*)):(?P<tag>[\w][\w.-]{0,127})"
)
_SCHEMES = "the schemes are local://, http://, https:// and oci://"


def application_name(word: Word) -> Word:
    """Check the name of an application, which is also the name of its directory.

    Raises:
        SourceError: It is malformed.
    """
    if not _NAME.fullmatch(word.text):
        hint = "use letters, digits, dots, dashes and underscores; the first is a letter or digit"
        raise SourceError(f"{word.text[:40]!r} is no application name", place=word.place, hint=hint)
    return word


def relative_path(word: Word, root: str) -> str:
    """Return a path without leading slashes, dots and empty parts; "" is the root itself.

    Args:
        word: The path; it is relative to the root, with or without a leading slash.
        root: What the root is, for the message.

    Raises:
        SourceError: It leads out of the root.
    """
    parts: list[str] = []
    for part in word.text.split("/"):
        if part == "..":
            if not parts:
                hint = "paths can't climb above it with .."
                raise SourceError(f"{word.text[:60]} leaves {root}", place=word.place, hint=hint)
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def application_source(word: Word) -> AppSource:
    """Read one source of an application.

    Raises:
        SourceError: It is malformed, or leads out of the build context.
    """
    scheme, separator, rest = word.text.partition("://")
    if separator and scheme == "local":
        path = relative_path(Word(text=rest, place=word.place), "the build context")
        if not path:
            hint = "name a file or directory of it, as local://app.yaml"
            raise SourceError("the source is the whole build context", place=word.place, hint=hint)
        return LocalSource(path=path, place=word.place)
    if separator and scheme.lower() in {"http", "https"}:
        return remote_source(word)
    if separator and scheme == "oci":
        return _artifact_source(word)
    message = (
        f"{word.text[:60]!r} has no scheme" if not separator else f"the scheme {scheme[:20]!r} is unknown"
    )
    raise SourceError(message, place=word.place, hint=f"{_SCHEMES}; files of the context are local://path")


def _artifact_source(word: Word) -> RemoteSource:
    """Read the name of an artifact in a registry; its file is called as those who pull it call it.

    Raises:
        SourceError: It is malformed, or names no version.
    """
    url, fragment, digest = word.text.partition("#")
    match = _ARTIFACT.fullmatch(url)
    if match is None:
        hint = "write oci://REGISTRY/PATH/NAME:VERSION; a + in a version is an underscore there"
        raise SourceError(f"{url[:60]!r} names no artifact with a version", place=word.place, hint=hint)
    return RemoteSource(
        url=url,
        file_name=f"{match['name']}-{match['tag']}.tgz",
        digest=f"sha256:{_pin(word, digest)}" if fragment else None,
        place=word.place,
    )


def _pin(word: Word, fragment: str) -> str:
    pin = _PIN.fullmatch(fragment)
    if pin is None:
        hint = "the only fragment is #sha256= and 64 hexadecimal digits in lower case"
        raise SourceError(f"the fragment {fragment[:40]!r} is unknown", place=word.place, hint=hint)
    return pin[1]


def is_remote(word: Word) -> bool:
    """Tell whether a source is an address that is fetched."""
    scheme, separator, _ = word.text.partition("://")
    return bool(separator) and scheme.lower() in {"http", "https"}


def remote_source(word: Word) -> RemoteSource:
    """Read the address of a file that is fetched while building.

    Raises:
        SourceError: It is malformed, holds credentials, or ends in no file name.
    """
    try:
        url = urlsplit(word.text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        raise SourceError(f"the URL is malformed: {error}", place=word.place) from error
    if not host or any(character <= " " or character == "\x7f" for character in word.text):
        raise SourceError("the URL is malformed", place=word.place)
    if url.username is not None or url.password is not None:
        hint = "the URL is kept in the image; fetch the file beforehand and name it with local://"
        raise SourceError("a URL must not hold credentials", place=word.place, hint=hint)
    name = unquote(url.path.rpartition("/")[2])
    if not name or name in {".", ".."} or _UNSAFE.search(name) or name.startswith(WHITEOUT):
        hint = "the last part of the URL's path is the file's name in the image"
        raise SourceError("the URL does not end in a file name", place=word.place, hint=hint)
    pin = _pin(word, url.fragment) if url.fragment else None
    return RemoteSource(
        url=url._replace(fragment="").geturl(),
        file_name=name,
        digest=f"sha256:{pin}" if pin else None,
        place=word.place,
    )
