"""Write tar entries that depend on nothing but names and content: PAX format, one time for all."""

from __future__ import annotations

import os
import tarfile

from sealer.build.blocks import BlockWriter
from sealer.build.tar_header import header
from sealer.errors import ImageError
from sealer.kubefile.instructions import Owner

ROOT = Owner(user=0, group=0)
_PADDING = bytes(tarfile.BLOCKSIZE)
_OPAQUE = ".wh..wh..opq"
_REMOVAL = ".wh."
# The name that GNU tar, umoci and containerd know for extended attributes.
_CAPABILITIES = "SCHILY.xattr.security.capability"


class TarWriter:
    """Appends entries to a layer. Headers are ustar, with PAX records only for what ustar can't hold.

    Args:
        layer: Takes the bytes.
        time: The modification time of every entry, in seconds since 1970.
    """

    def __init__(self, layer: BlockWriter, time: int) -> None:
        self._layer = layer
        self._time = time

    def add_directory(self, path: str, *, mode: int = 0o755, owner: Owner = ROOT) -> None:
        """Append a directory."""
        self._header(path, tarfile.DIRTYPE, mode=mode, owner=owner)

    def add_opaque_mark(self, directory: str) -> None:
        """Append the mark that hides what lower layers have in a directory (OCI image-spec, layer.md)."""
        self.add_bytes(f"{directory}/{_OPAQUE}", b"")

    def add_link(self, path: str, target: str, *, owner: Owner = ROOT) -> None:
        """Append a symbolic link."""
        self._header(path, tarfile.SYMTYPE, mode=0o777, owner=owner, target=target)

    def add_hard_link(self, path: str, target: str, *, mode: int, owner: Owner = ROOT) -> None:
        """Append another name of a file that came before."""
        self._header(path, tarfile.LNKTYPE, mode=mode, owner=owner, target=target)

    def add_removal(self, path: str) -> None:
        """Append the mark that hides what lower layers have at a path (OCI image-spec, layer.md)."""
        above, slash, name = path.rpartition("/")
        self.add_bytes(f"{above}{slash}{_REMOVAL}{name}", b"")

    def add_bytes(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Append a file whose content is at hand."""
        self._header(path, tarfile.REGTYPE, mode=mode, owner=ROOT, size=len(data))
        self._layer.write(data)
        self._pad(len(data))

    def add_file(
        self, path: str, descriptor: int, *, mode: int, owner: Owner = ROOT, capabilities: bytes = b""
    ) -> None:
        """Append an open file.

        Raises:
            ImageError: It can't be read, or gets shorter meanwhile.
        """
        size = os.fstat(descriptor).st_size
        self._header(path, tarfile.REGTYPE, mode=mode, owner=owner, size=size, capabilities=capabilities)
        try:
            count = self._layer.write_file(descriptor, size)
        except OSError as error:
            raise ImageError(f"cannot read {path}: {error.strerror}") from error
        if count < size:
            raise ImageError(f"{path} got shorter while it was read", hint="build when nothing writes to it")
        self._pad(size)

    def finish(self) -> None:
        """Append the end of the archive."""
        self._layer.write(_PADDING * 2)

    def _header(
        self,
        path: str,
        kind: bytes,
        *,
        mode: int,
        owner: Owner,
        size: int = 0,
        target: str = "",
        capabilities: bytes = b"",
    ) -> None:
        records = {_CAPABILITIES: capabilities.decode("utf-8", "surrogateescape")} if capabilities else {}
        self._layer.write(
            header(
                path,
                kind,
                mode=mode,
                user=owner.user,
                group=owner.group,
                size=size,
                time=self._time,
                target=target,
                records=records,
            )
        )

    def _pad(self, size: int) -> None:
        self._layer.write(_PADDING[: -size % tarfile.BLOCKSIZE])
