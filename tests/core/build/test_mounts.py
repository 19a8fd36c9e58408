"""Images unpacked to look into them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealer.build.mounts import MOUNTS, mount, mounts, unmount
from sealer.build.prune import prune
from sealer.errors import ImageError, VerificationError
from sealer.image.store import ImageStore
from sealer.testing.images import make_image
from tests.core.program import Run

from .helpers import ARM64, Workshop


def test_the_files_of_an_image_as_hosts_would_see_them(workshop: Workshop) -> None:
    workshop.put({"old/gone.sh": "old", "new/here.sh": "new", "etc/conf": "conf"})
    (workshop.context / "etc/link").symlink_to("conf")
    workshop.build("FROM scratch", "APP a local://old", "COPY etc etc", name="base:1")
    image = workshop.build("FROM base:1", "APP a local://new")
    made = mount(workshop.store, image)
    found = {path.relative_to(made.path).as_posix() for path in made.path.rglob("*") if not path.is_dir()}
    assert found == {"application/apps/a/here.sh", "etc/conf", "etc/link"}
    assert (made.path / "etc/link").readlink() == Path("conf")
    assert mounts(workshop.store) == (made,)
    assert mount(workshop.store, image) == made
    (made.path / "etc/conf").write_text("changed")
    assert unmount(workshop.store, "test:1") == made
    assert mounts(workshop.store) == ()
    assert (mount(workshop.store, image).path / "etc/conf").read_text() == "conf"


def test_links_that_lead_out_lead_nowhere_else(store: ImageStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    make_image(store, "app:1", layers=[{"../../escaped": b"x", "a/b": b"y"}])
    made = mount(store, store.resolve("app:1"))
    assert {path.name for path in tmp_path.iterdir()} == {"home", "outside"}
    assert (made.path / "a/b").read_bytes() == b"y"


def test_a_damaged_image_is_not_mounted_and_leaves_nothing(store: ImageStore) -> None:
    make_image(store, "app:1", layers=[{"a": b"a" * 1000}, {"b": b"b"}])
    path = store.blob_path(store.resolve("app:1").layers[1].digest)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(VerificationError):
        mount(store, store.resolve("app:1"))
    assert list((store.home / MOUNTS).iterdir()) == []


def test_what_a_killed_mount_left_is_pruned_and_what_is_mounted_stays(store: ImageStore) -> None:
    make_image(store, "app:1")
    made = mount(store, store.resolve("app:1"))
    half = store.home / MOUNTS / ".unfinished-x/rootfs"
    half.mkdir(parents=True)
    (half / "file").write_bytes(b"half")
    assert prune(store).caches["mounts"] == 4
    assert mounts(store) == (made,)
    assert not half.parent.exists()


def test_the_command_line(sealer: Run, store: ImageStore) -> None:
    make_image(store, "app:1", layers=[{"etc/a": b"A"}])
    make_image(store, "other:1", layers=[{"etc/b": b"B"}], platform=ARM64)
    code, out, _ = sealer("mount", "app:1")
    assert (code, (Path(out.strip()) / "etc/a").read_bytes()) == (0, b"A")
    sealer("mount", "--platform", "linux/arm64", "other:1")
    listed = json.loads(sealer("mount", "-o", "json")[1])
    assert {each["image"].rpartition("/")[2] for each in listed} == {"app:1", "other:1"}
    assert sealer("umount", "nothing")[0] == 1
    assert sealer("umount")[0] == sealer("umount", "--all", "x")[0] == 2
    assert sealer("umount", listed[0]["id"][:6])[1].strip() == listed[0]["id"]
    assert sealer("umount", "--all")[0] == 0
    assert json.loads(sealer("mount", "-o", "json")[1]) == []
    with pytest.raises(ImageError, match="no image is mounted"):
        unmount(store, "app:1")
