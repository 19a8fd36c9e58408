"""Remove directories whatever their permissions: commands of a build may have closed some."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it.

    Raises:
        OSError: Something can't be removed.
    """

    def again(action: Callable[..., object], failed: str, _: object) -> None:
        for closed in (os.path.dirname(failed), failed):  # noqa: PTH120  # it is text
            if os.path.isdir(closed) and not os.path.islink(closed):  # noqa: PTH112, PTH114  # it is text
                os.chmod(closed, stat.S_IRWXU)  # noqa: PTH101  # it is text
        if os.path.isdir(failed) and not os.path.islink(failed):  # noqa: PTH112, PTH114  # it is text
            shutil.rmtree(failed)
        else:
            action(failed)

    shutil.rmtree(path, onerror=again)
