"""What a tar archive that anybody may have made must not go beyond."""

from __future__ import annotations

import tarfile
from typing import Self, cast

LEAST = 1 << 30
"""Bytes that any archive may come to."""

RATIO = 200
"""How many times its own size an archive may come to beyond that: what is larger is made to fill disks."""

MOST_ENTRIES = 1_000_000

_LARGEST_HEADER = 1 << 20
_LONG = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


class BoundedInfo(tarfile.TarInfo):
    """A tar header that refuses names and attributes which would fill the memory.

    Whatever else is wrong with it is a ``tarfile.HeaderError`` as well.
    """

    def _proc_member(self, archive: tarfile.TarFile) -> Self:
        if self.type in _LONG and self.size > _LARGEST_HEADER:
            raise tarfile.HeaderError(f"a header claims {self.size} bytes")
        try:
            return cast(Self, super()._proc_member(archive))  # type: ignore[misc]  # typeshed leaves it out
        except (ValueError, LookupError) as error:
            # tarfile lets these out where the map of a sparse file is malformed.
            raise tarfile.HeaderError(f"a header can't be read: {error}") from error
