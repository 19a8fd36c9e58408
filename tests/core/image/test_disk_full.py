"""A store on a disk that is full: a small file system in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sealer.image.save import save
from sealer.image.store import ImageStore
from sealer.testing.images import make_image

MOUNT = 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"'
# What a command does on the full disk; then what is left there, seen from within the namespace.
SCRIPT = """
import os, pathlib, sys
from sealer.cli.program import run
from sealer.errors import ImageError
from sealer.image.store import ImageStore
from sealer.testing.images import make_image
home, archive = pathlib.Path(sys.argv[1]), sys.argv[2]
os.environ["SEALER_HOME"] = str(home)
store = ImageStore(home)
make_image(store, "small")
try:
    make_image(store, "large", layers=[{"large": os.urandom(2_000_000)}])
except ImageError as error:
    print(error.message, "|", error.hint)
print(run(["load", "-q", "-i", archive]))
print(*store.list())
print(store.resolve("small").metadata.type, len(list(store.layout.temporary.iterdir())))
make_image(store, "second", layers=[{"second": b""}])
print(*store.list())
"""


def test_a_full_disk_is_one_clear_error_and_loses_nothing(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "large", layers=[{"large": os.urandom(2_000_000)}])
    archive = tmp_path / "large.tar"
    save(store, ["large"], archive)
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(
        [
            *("unshare", "--mount", "--map-root-user", "sh", "-c", MOUNT, "sh", str(small)),
            *(sys.executable, "-c", SCRIPT, str(small / "home"), str(archive)),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.splitlines() == [
        (
            "the local store can't be used: No space left on device | "
            "free some space; `sealer prune` removes what no image uses"
        ),
        "1",
        "docker.io/library/small:latest",
        "kube-installer 0",
        "docker.io/library/second:latest docker.io/library/small:latest",
    ]
    assert "No space left on device" in done.stderr
    assert done.stderr.count("error:") == 1
