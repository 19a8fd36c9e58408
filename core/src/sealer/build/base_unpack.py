"""Takes the files that a recipe names out of upstream's archives."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from sealer.errors import ImageError
from sealer.image.tar_bounds import BoundedInfo

_MAXIMUM = 4 * 1024**3


def unpack_members(archive: Path, members: Mapping[str, str], directory: Path) -> dict[str, Path]:
    """Write the members that are asked for into a directory, each under the name that is given for it.

    No path of the archive is ever followed: a member's name only has to equal one that is asked for, and the
    file is written under our own name. Only regular files are taken.

    Args:
        archive: A tar archive, compressed or not.
        members: The names to write, by member name; a leading ``./`` in the archive doesn't count.
        directory: Where to write; it exists.

    Returns:
        The files that were written, by the name that was given; members may be missing.

    Raises:
        ImageError: It is no tar archive, or a member is no regular file, or is too large.
    """
    written: dict[str, Path] = {}
    try:
        with tarfile.open(archive, "r:*", tarinfo=BoundedInfo) as tar:
            for member in tar:
                name = members.get(member.name.removeprefix("./"))
                if name is None:
                    continue
                source = tar.extractfile(member) if member.isreg() else None
                if source is None or member.size > _MAXIMUM:
                    raise ImageError(f"{member.name} in {archive} is not a regular file of a sensible size")
                path = directory / name
                with source, path.open("wb") as file:
                    shutil.copyfileobj(source, file, 1024**2)
                path.chmod(0o755)
                written[name] = path
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ImageError(f"{archive} can't be unpacked: {error}") from error
    return written
