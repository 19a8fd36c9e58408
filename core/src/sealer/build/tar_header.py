"""Headers of tar entries: those that plain ustar can hold are made without the cost of the general way."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping

_NAME = 100
_NUMBER = 8**7
_SIZE = 8**11
_DIRECTORY = tarfile.DIRTYPE
_BLANK_CHECKSUM = b" " * 8
_ENDS = b"ustar\x0000" + bytes(512 - 257 - 8)


def header(
    path: str,
    kind: bytes,
    *,
    mode: int,
    user: int,
    group: int,
    size: int,
    time: int,
    target: str,
    records: Mapping[str, str],
) -> bytes:
    """Return the header of an entry, as :mod:`tarfile` writes it in PAX format, byte for byte.

    Args:
        path: In the archive; a slash is added to that of a directory.
        kind: The type flag, as :mod:`tarfile` names them.
        mode: Permissions.
        user: The owner.
        group: The group.
        size: Bytes of content.
        time: Of the last modification, in seconds since 1970.
        target: Where a link leads, or "".
        records: Further PAX records.
    """
    name = f"{path}/" if kind == _DIRECTORY and not path.endswith("/") else path
    plain = (
        not records
        and len(name) <= _NAME
        and len(target) <= _NAME
        and name.isascii()
        and target.isascii()
        and 0 <= user < _NUMBER
        and 0 <= group < _NUMBER
        and size < _SIZE
        and 0 <= time < _SIZE
    )
    if not plain:
        return _general(
            path,
            kind,
            mode=mode,
            user=user,
            group=group,
            size=size,
            time=time,
            target=target,
            records=records,
        )
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode & 0o7777, user, group, size, time)
    start, link = name.encode("ascii"), target.encode("ascii")
    # The checksum is taken with blanks in its place; what is not summed here are NUL bytes.
    checksum = sum(start) + sum(numbers) + sum(_BLANK_CHECKSUM) + sum(kind) + sum(link) + _ENDS_SUM
    return b"%b%b%06o\0 %b%b%b" % (
        start.ljust(_NAME, b"\0"),
        numbers,
        checksum,
        kind,
        link.ljust(_NAME, b"\0"),
        _ENDS,
    )


def _general(
    path: str,
    kind: bytes,
    *,
    mode: int,
    user: int,
    group: int,
    size: int,
    time: int,
    target: str,
    records: Mapping[str, str],
) -> bytes:
    entry = tarfile.TarInfo(path)
    entry.type = kind
    entry.mode = mode
    entry.uid = user
    entry.gid = group
    entry.size = size
    entry.mtime = time
    entry.linkname = target
    entry.pax_headers = dict(records)
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


_ENDS_SUM = sum(_ENDS)
