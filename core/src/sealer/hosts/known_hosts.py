"""Recorded host keys, in the format of OpenSSH's known_hosts: reading, looking up, recording."""

from __future__ import annotations

import base64
import binascii
import fcntl
import fnmatch
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 22
_HASHED = "|1|"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """A public key of a host.

    Attributes:
        type: As ``ssh-ed25519``.
        blob: The key as it travels in SSH.
    """

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """``SHA256:…`` as ssh-keygen prints it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of a known_hosts file.

    Attributes:
        place: ``file:line``.
        marker: ``""``, ``cert-authority`` or ``revoked``.
        patterns: Names with wildcards and negations, or one hashed name.
    """

    place: str
    marker: str
    patterns: tuple[str, ...]
    key: HostKey

    def matches(self, name: str) -> bool:
        """Whether the line speaks of a host, given by its name as known_hosts writes it."""
        if self.excludes(name):
            return False
        return any(
            _hash_matches(pattern, name) if pattern.startswith(_HASHED) else _glob(pattern, name)
            for pattern in self.patterns
        )

    def excludes(self, name: str) -> bool:
        """Whether the line says that it does not speak of a host."""
        return any(pattern.startswith("!") and _glob(pattern[1:], name) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the records say of one host: keys of its own, authorities that sign its keys, refused keys."""

    keys: tuple[Record, ...] = ()
    authorities: tuple[Record, ...] = ()
    revoked: tuple[Record, ...] = ()

    def trusts(self, key: HostKey) -> bool:
        """Whether exactly this key is recorded."""
        return any(record.key == key for record in self.keys)


def host_name(name: str, port: int) -> str:
    """Return a host as known_hosts writes it: ``name``, or ``[name]:port`` for another port than 22."""
    return name.lower() if port == DEFAULT_PORT else f"[{name.lower()}]:{port}"


def parse_records(text: str, file: str) -> tuple[Record, ...]:
    """Read the lines of a known_hosts file; lines that make no sense are left out, as OpenSSH does."""
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        marker = words.pop(0)[1:] if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or marker not in {"", "cert-authority", "revoked"}:
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except binascii.Error:
            continue
        key = HostKey(type=words[1], blob=blob)
        patterns = tuple(words[0].split(","))
        records.append(Record(place=f"{file}:{number}", marker=marker, patterns=patterns, key=key))
    return tuple(records)


def read_records(files: Iterable[Path]) -> tuple[Record, ...]:
    """Read known_hosts files; those that do not exist hold nothing.

    Raises:
        OSError: A file is there and can't be read.
    """
    records: list[Record] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        records += parse_records(text, str(file))
    return tuple(records)


def look_up(records: Sequence[Record], name: str, address: str, port: int) -> Known:
    """Return what is recorded of a host: under its name, and if there is nothing, under its IP address."""
    known = _look_up(records, host_name(name, port))
    if known.keys or known.authorities or address == name:
        return known
    others = [record for record in records if not record.excludes(host_name(name, port))]
    by_address = _look_up(others, host_name(address, port))
    return Known(
        keys=by_address.keys,
        authorities=by_address.authorities,
        revoked=known.revoked + by_address.revoked,
    )


def record_key(file: Path, name: str, port: int, key: HostKey) -> Known:
    """Append a host's first key to a known_hosts file, safe against other processes that do the same.

    Returns:
        What the file says of the host afterwards. When another process recorded one meanwhile, nothing is
        written, and its key is what is found.

    Raises:
        OSError: The file can't be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        content = stream.read() or b""
        known = look_up(parse_records(content.decode(errors="replace"), str(file)), name, name, port)
        if known.keys:
            return known
        line = f"{host_name(name, port)} {key.type} {base64.b64encode(key.blob).decode()}\n"
        torn = content and not content.endswith(b"\n")
        stream.write(("\n" + line if torn else line).encode())
        os.fsync(stream.fileno())
        whole = content.decode(errors="replace") + ("\n" if torn else "") + line
    return look_up(parse_records(whole, str(file)), name, name, port)


def _look_up(records: Sequence[Record], name: str) -> Known:
    found = [record for record in records if record.matches(name)]
    return Known(
        keys=tuple(record for record in found if record.marker == ""),
        authorities=tuple(record for record in found if record.marker == "cert-authority"),
        revoked=tuple(record for record in found if record.marker == "revoked"),
    )


def _hash_matches(pattern: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in pattern.removeprefix(_HASHED).split("|"))
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _glob(pattern: str, name: str) -> bool:
    """Match with ``*`` and ``?`` alone: brackets stand for themselves here."""
    if "*" not in pattern and "?" not in pattern:
        return pattern.lower() == name
    literal = re.sub(r"([\[\]])", r"[\1]", pattern.lower())
    return fnmatch.fnmatchcase(name, literal)
