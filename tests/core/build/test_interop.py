"""Other tools read what is built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealer.image.stored import StoredImage

from .helpers import Workshop

# A build of any size stays below this.
MAXIMUM_MEMORY = 150 << 20


@pytest.fixture
def image(workshop: Workshop) -> StoredImage:
    workshop.put({"old/gone.sh": "old", "new/x.sh": "new", "root/etc/deep/conf": "conf"})
    (workshop.context / "root/etc/link").symlink_to("deep/conf")
    (workshop.context / "root/etc/deep/conf").chmod(0o755)
    workshop.build("FROM scratch", "COPY --chown=12:34 root .", "APP a local://old", name="base:1")
    return workshop.build("FROM base:1", "LABEL a=1", "ENV x=y", "APP a local://new")


def check(root: Path) -> None:
    """Compare unpacked files with what the Kubefile says."""
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
    assert found == {"etc/deep/conf", "etc/link", "application/apps/a/x.sh"}
    assert (root / "etc/link").readlink() == Path("deep/conf")
    status = (root / "etc/deep/conf").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_mtime) == (0o755, 12, 34, 0)


def test_skopeo_reads_a_built_image(workshop: Workshop, image: StoredImage) -> None:
    layout = f"oci:{workshop.store.layout.root}:{image.reference}"
    found = json.loads(subprocess.run(["skopeo", "inspect", layout], check=True, capture_output=True).stdout)
    assert found["Digest"] == image.digest
    assert found["Labels"]["a"] == "1"
    assert found["Env"] == ["x=y"]
    assert found["Layers"] == [layer.digest for layer in image.layers]


def test_umoci_unpacks_a_built_image(workshop: Workshop, image: StoredImage, tmp_path: Path) -> None:
    # umoci knows the names of an image by its short tags only.
    layout = tmp_path / "layout"
    source = f"oci:{workshop.store.layout.root}:{image.reference}"
    subprocess.run(["skopeo", "copy", "-q", source, f"oci:{layout}:test"], check=True)
    bundle = tmp_path / "bundle"
    subprocess.run(["umoci", "unpack", "--image", f"{layout}:test", bundle], check=True, capture_output=True)
    check(bundle / "rootfs")


def test_buildah_mounts_a_built_image(workshop: Workshop, image: StoredImage, tmp_path: Path) -> None:
    source = f"oci:{workshop.store.layout.root}:{image.reference}"
    storage = ["buildah", "--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run")]
    storage += ["--storage-driver", "vfs"]

    def buildah(*words: str) -> str:
        done = subprocess.run([*storage, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    container = buildah("from", "--name", "test", source)
    try:
        check(Path(buildah("mount", container)))
    finally:
        buildah("rm", container)


def test_memory_does_not_grow_with_the_context(workshop: Workshop, tmp_path: Path) -> None:
    """A gigabyte in one file and ten thousand files; the file is sparse, which makes it fast to make."""
    with (workshop.context / "large").open("wb") as file:
        file.truncate(1 << 30)
    many = workshop.context / "many"
    for number in range(10_000):
        directory = many / f"{number // 100}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{number}").write_bytes(b"x")
    (workshop.context / "Kubefile").write_text("FROM scratch\nCOPY . data/\n")
    # Not ru_maxrss: that begins with what the process of the tests had when it started this one.
    measured = (
        "import sys\n"
        "from sealer.cli.program import run\n"
        "code = run(sys.argv[1:])\n"
        "lines = open('/proc/self/status').read().splitlines()\n"
        "print(int(next(line for line in lines if line.startswith('VmHWM:')).split()[1]) * 1024)\n"
        "sys.exit(code)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "SEALER_HOME": str(tmp_path / "h")}
    done = subprocess.run(
        [sys.executable, "-c", measured, "build", "-t", "large:1", str(workshop.context)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(done.stdout.split()[-1]) < MAXIMUM_MEMORY
