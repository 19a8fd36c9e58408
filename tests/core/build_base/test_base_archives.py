from __future__ import annotations

import json
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from sealer.build.base_archives import read_archive
from sealer.errors import ImageError
from tests.core.build_base.material import AMD64, ARM64, image_archive


def tar_of(path: Path, documents: dict[str, object]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, document in documents.items():
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, BytesIO(data))
    return path


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
@pytest.mark.parametrize(("architecture", "platform"), [("amd64", AMD64), ("arm64", ARM64)])
def test_name_and_platform_are_read_from_what_skopeo_writes(
    tmp_path: Path, transport: str, architecture: str, platform: object
) -> None:
    path = image_archive(
        tmp_path / "a.tar", "example.com/team/app:1.0", architecture=architecture, transport=transport
    )
    images = read_archive(path)
    assert images is not None
    assert [(i.name, i.transport, i.written, i.platform) for i in images] == [
        ("example.com/team/app:1.0", transport, "example.com/team/app:1.0", platform)
    ]


def test_short_names_are_completed(tmp_path: Path) -> None:
    images = read_archive(image_archive(tmp_path / "a.tar", "busybox:1.35"))
    assert images is not None
    assert [image.name for image in images] == ["docker.io/library/busybox:1.35"]


def test_all_images_of_a_docker_archive_are_found(tmp_path: Path) -> None:
    config = {"architecture": "amd64", "os": "linux"}
    listed = [
        {"Config": "c.json", "RepoTags": ["a.example/x:1", "a.example/y:1"]},
        {"Config": "c.json", "RepoTags": None},
        {"Config": "c.json", "RepoTags": ["a.example/z:1"]},
    ]
    images = read_archive(tar_of(tmp_path / "a.tar", {"c.json": config, "manifest.json": listed}))
    assert images is not None
    assert [image.name for image in images] == ["a.example/x:1", "a.example/y:1", "a.example/z:1"]


def test_containerds_name_is_preferred_to_a_tag_alone(tmp_path: Path) -> None:
    index = {
        "manifests": [
            {
                "digest": "sha256:aa",
                "annotations": {
                    "io.containerd.image.name": "a.example/x:1",
                    "org.opencontainers.image.ref.name": "1",
                },
            },
            {"digest": "sha256:aa", "annotations": {"org.opencontainers.image.ref.name": "latest"}},
        ]
    }
    documents = {
        "index.json": index,
        "blobs/sha256/aa": {"config": {"digest": "sha256:bb"}},
        "blobs/sha256/bb": {"architecture": "arm64", "variant": "v8"},
    }
    images = read_archive(tar_of(tmp_path / "a.tar", documents))
    assert images is not None
    assert [(i.name, i.written, i.platform and str(i.platform)) for i in images] == [
        ("a.example/x:1", "1", "linux/arm64/v8")
    ]


def test_an_index_of_several_platforms_belongs_to_none(tmp_path: Path) -> None:
    entry = {
        "digest": "sha256:aa",
        "annotations": {"org.opencontainers.image.ref.name": "a.example/x:1"},
    }
    documents = {"index.json": {"manifests": [entry]}, "blobs/sha256/aa": {"manifests": []}}
    images = read_archive(tar_of(tmp_path / "a.tar", documents))
    assert images is not None
    assert [image.platform for image in images] == [None]


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 100])
def test_what_is_no_tar_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    assert read_archive(path) is None


def test_a_tar_of_something_else_is_no_archive_of_images(tmp_path: Path) -> None:
    assert read_archive(tar_of(tmp_path / "a.tar", {"README": b"text"})) is None


@pytest.mark.parametrize(
    "documents",
    [
        {"manifest.json": b"{"},
        {"manifest.json": [{"Config": "gone.json", "RepoTags": ["a.example/x:1"]}]},
        {"manifest.json": 7},
        {"index.json": []},
        {"manifest.json": [{"Config": "c.json", "RepoTags": [7]}], "c.json": {"architecture": "amd64"}},
        {"manifest.json": [{"Config": "c.json", "RepoTags": ["A B"]}], "c.json": {"architecture": "amd64"}},
    ],
)
def test_nonsense_is_an_error_that_names_the_file(tmp_path: Path, documents: dict[str, object]) -> None:
    with pytest.raises(ImageError, match=r"a\.tar: "):
        read_archive(tar_of(tmp_path / "a.tar", documents))


def test_an_archive_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    path = image_archive(tmp_path / "a.tar", "a.example/x:1")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ImageError, match=r"a\.tar: "):
        read_archive(path)
