"""Read FROM, COPY, ADD and RUN: what an image stands on, and what its files come from."""

from __future__ import annotations

import json
import re

from sealer.errors import SourceError
from sealer.kubefile import arguments
from sealer.kubefile.arguments import Word
from sealer.kubefile.expansion import Quoting
from sealer.kubefile.instructions import Add, Copy, From, InlineFile, Owner, RemoteSource, Run
from sealer.kubefile.lines import Heredoc
from sealer.kubefile.mounts import read_mount
from sealer.kubefile.sources import is_remote, relative_path, remote_source
from sealer.kubefile.statement import Statement, each, one

NETWORKS = ("none", "host")

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?")
_OWNER = re.compile(r"(\d{1,10})(?::(\d{1,10}))?")
_MODE = re.compile(r"[0-7]{3,4}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LARGEST_ID = 2**32 - 2
_SHELL = ("/bin/sh", "-c")
_STAGES = "a Kubefile has one stage; merge images to have the content of several"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def read_from(statement: Statement) -> From:
    """Read ``FROM [--platform=P] image|scratch``."""
    options, start = statement.flags({"platform"})
    words = statement.words(start)
    if not words or not words[0].text:
        raise statement.missing("an image", "write FROM scratch or FROM an image")
    if len(words) > 1:
        hint = "a Kubefile has one stage; FROM takes one image and nothing else"
        raise SourceError(f"{words[1].text[:40]!r} has no meaning here", place=words[1].place, hint=hint)
    platform = one(options, "platform")
    if platform is not None and not _PLATFORM.fullmatch(platform.text):
        hint = "write os/architecture, as linux/amd64"
        raise SourceError(f"{platform.text[:40]!r} is no platform", place=platform.place, hint=hint)
    image = None if words[0].text == "scratch" else words[0]
    return From(place=statement.place, image=image, platform=platform)


def read_copy(statement: Statement) -> Copy:
    """Read ``COPY [--chown=U[:G]] [--chmod=MODE] source... destination``."""
    options, start = statement.flags({"chown", "chmod", "from", "link", "parents", "exclude"}, bare={"link"})
    for name in ("from", "parents", "exclude"):
        if (flag := one(options, name)) is not None:
            hint = _STAGES if name == "from" else "use .kubeignore, or COPY the paths one by one"
            raise SourceError(f"COPY of a Kubefile has no --{name}", place=flag.place, hint=hint)
    sources, inline, destination = _paths(statement, start)
    for source in sources:
        relative_path(source, "the build context")
    return Copy(
        place=statement.place,
        sources=sources,
        inline=inline,
        destination=destination,
        owner=_owner(one(options, "chown")),
        mode=_mode(one(options, "chmod")),
        text=statement.text,
    )


def read_add(statement: Statement) -> Add:
    """Read ``ADD [--chown=…] [--chmod=…] [--checksum=sha256:…] [--unpack=…] source... destination``."""
    known = {"chown", "chmod", "checksum", "unpack", "link", "keep-git-dir", "exclude"}
    options, start = statement.flags(known, bare={"unpack", "link"})
    for name in ("keep-git-dir", "exclude"):
        if (flag := one(options, name)) is not None:
            raise SourceError(f"ADD of a Kubefile has no --{name}", place=flag.place)
    words, inline, destination = _paths(statement, start)
    digest = one(options, "checksum")
    if digest is not None and not _DIGEST.fullmatch(digest.text):
        hint = "write --checksum=sha256: and 64 hexadecimal digits in lower case"
        raise SourceError(f"{digest.text[:40]!r} is no checksum", place=digest.place, hint=hint)
    if digest is not None and len(words) + len(inline) != 1:
        raise SourceError("--checksum needs exactly one source", place=digest.place)
    for word in words:
        if word.text.startswith(("git@", "git://")) or word.text.partition("#")[0].endswith(".git"):
            hint = "clone it beforehand, and COPY the files"
            raise SourceError("ADD of a Kubefile fetches no git repositories", place=word.place, hint=hint)
    remote = each(remote_source, [word for word in words if is_remote(word)])
    sources = tuple(word for word in words if not is_remote(word))
    for source in sources:
        relative_path(source, "the build context")
    return Add(
        place=statement.place,
        sources=sources,
        inline=inline,
        remote=tuple(_pinned(source, digest) for source in remote),
        destination=destination,
        owner=_owner(one(options, "chown")),
        mode=_mode(one(options, "chmod")),
        unpack=_boolean(one(options, "unpack")),
        digest=digest.text if digest else None,
        text=statement.text,
    )


def read_run(statement: Statement) -> Run:
    """Read ``RUN [--network=…] [--mount=…] command``, ``RUN ["program", "argument"]`` or a heredoc."""
    options, start = statement.flags({"network", "mount", "security"}, many={"mount"})
    if (security := one(options, "security")) is not None and security.text != "sandbox":
        hint = "commands are always isolated"
        raise SourceError("RUN of a Kubefile has no --security but sandbox", place=security.place, hint=hint)
    network = one(options, "network")
    if network is not None and network.text not in (*NETWORKS, "default"):
        hint = f"the networks are {', '.join(NETWORKS)}"
        raise SourceError(f"the network {network.text[:40]!r} is unknown", place=network.place, hint=hint)
    command, script = _command(statement, start)
    return Run(
        place=statement.place,
        command=command,
        script=script,
        network=network.text if network and network.text != "default" else None,
        mounts=each(read_mount, options.get("mount", ())),
        text=statement.text,
    )


def _command(statement: Statement, start: int) -> tuple[tuple[str, ...], str]:
    """Return the words of the command, and a script that is run instead."""
    line = statement.line
    start = arguments.skip_blanks(line, start)
    text = line.text[start:].strip()
    if not text:
        raise statement.missing("a command", "write RUN command, or a heredoc")
    if line.heredocs:
        alone = line.heredocs[0]
        if len(line.heredocs) == 1 and alone.offset == start and alone.end == start + len(text):
            body = line.body(alone)
            return ((), body) if body.startswith("#!") else ((*_SHELL, body), "")
        return (*_SHELL, f"{line.text[start:]}\n{line.raw_bodies()}"), ""
    if text.startswith("["):
        words = _strings(text)
        if words:
            return words, ""
        if text.startswith('["'):
            place = line.place(start)
            statement.warn("this is no JSON array of strings, so the shell runs it", place)
    return (*_SHELL, text), ""


def _strings(text: str) -> tuple[str, ...]:
    """Return the strings of a JSON array, or () when it is none: a shell's test begins with a bracket too."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        return ()
    speakable = all("\0" not in word and not arguments.SURROGATE.search(word) for word in found)
    return tuple(found) if found and found[0] and speakable else ()


def _paths(statement: Statement, start: int) -> tuple[tuple[Word, ...], tuple[InlineFile, ...], Word]:
    """Return the sources, the files given inline, and the destination."""
    words = statement.strings(start, globs=True)
    if len(words) < 2:
        raise statement.missing("a source and a destination", f"write {statement.name} source destination")
    *sources, destination = words
    heredocs = {heredoc.offset: heredoc for heredoc in statement.line.heredocs}
    if destination.offset in heredocs:
        raise statement.missing("a destination", f"write {statement.name} <<NAME destination")
    for word in words:
        if not word.text:
            raise SourceError("the path is empty", place=word.place)
    relative_path(destination, "the image")
    inline = tuple(
        _inline(statement, heredocs[word.offset], word) for word in sources if word.offset in heredocs
    )
    return tuple(word for word in sources if word.offset not in heredocs), inline, destination


def _inline(statement: Statement, heredoc: Heredoc, word: Word) -> InlineFile:
    body = statement.line.body(heredoc)
    if not heredoc.literal:
        body = statement.expanded(Word(text=body, place=word.place), Quoting.NONE)
    return InlineFile(name=heredoc.name, content=body, place=word.place)


def _pinned(source: RemoteSource, digest: Word | None) -> RemoteSource:
    if digest is None:
        return source
    if source.digest is not None and source.digest != digest.text:
        raise SourceError("--checksum and the address name different digests", place=digest.place)
    return RemoteSource(url=source.url, file_name=source.file_name, digest=digest.text, place=source.place)


def _boolean(word: Word | None) -> bool | None:
    if word is None:
        return None
    if word.text not in _BOOLEANS:
        raise SourceError(f"{word.text[:40]!r} is neither true nor false", place=word.place)
    return _BOOLEANS[word.text]


def _owner(word: Word | None) -> Owner | None:
    if word is None:
        return None
    match = _OWNER.fullmatch(word.text)
    user = int(match[1]) if match else -1
    group = int(match[2] or match[1]) if match else -1
    if not (0 <= user <= _LARGEST_ID and 0 <= group <= _LARGEST_ID):
        hint = "write numbers, as --chown=1000:1000; an image's files have no list of names"
        raise SourceError(f"{word.text[:40]!r} is no owner", place=word.place, hint=hint)
    return Owner(user=user, group=group)


def _mode(word: Word | None) -> int | None:
    if word is None:
        return None
    if not _MODE.fullmatch(word.text):
        hint = "write it in octal, as --chmod=0644"
        raise SourceError(f"{word.text[:40]!r} is no mode", place=word.place, hint=hint)
    return int(word.text, 8)
