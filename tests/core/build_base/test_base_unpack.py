from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from sealer.build.base_unpack import unpack_members
from sealer.errors import ImageError
from tests.core.build_base.material import tar_gz


def archive(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    path = tmp_path / "archive.tar"
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = 3 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize("name", ["bin/tool", "./bin/tool"])
def test_a_member_is_written_under_our_own_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(tar_gz({name: b"content", "LICENSE": b"text"}))
    out = tmp_path / "out"
    out.mkdir()
    assert unpack_members(path, {"bin/tool": "tool", "bin/other": "other"}, out) == {"tool": out / "tool"}
    assert [(p.name, p.read_bytes(), p.stat().st_mode & 0o777) for p in out.iterdir()] == [
        ("tool", b"content", 0o755)
    ]


@pytest.mark.parametrize("name", ["../evil", "/evil", "bin/../../evil"])
def test_what_is_not_asked_for_is_never_written(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    path = archive(tmp_path, member(name), member("link", tarfile.SYMTYPE, link="/"), member("link/evil"))
    assert unpack_members(path, {"evil": "evil"}, out) == {}
    assert set(tmp_path.rglob("*")) == {out, path}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_only_regular_files_are_taken(tmp_path: Path, kind: bytes) -> None:
    path = archive(tmp_path, member("secret"), member("tool", kind, link="secret"))
    with pytest.raises(ImageError, match=r"tool in .* is not a regular file"):
        unpack_members(path, {"tool": "tool"}, tmp_path)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_a_broken_archive_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(tar_gz({"tool": bytes(100_000)})[:cut])
    with pytest.raises(ImageError, match=r"a\.tgz can't be unpacked"):
        unpack_members(path, {"tool": "tool"}, tmp_path)
