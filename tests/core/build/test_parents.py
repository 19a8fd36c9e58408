"""What is read out of the layers of a parent image."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.build.discovery import Discovery
from sealer.build.parent import ParentPaths, extract, parent_paths
from sealer.changes import Change
from sealer.errors import ImageError
from sealer.image.oci import OCI_LAYER_GZIP, OCI_LAYER_ZSTD, Manifest
from sealer.image.store import ImageStore
from sealer.model import Application, Cluster
from sealer.providers import AppType, ToolRunner
from sealer.testing.images import make_image

from .helpers import Workshop, entries


def test_directories_of_all_layers(store: ImageStore) -> None:
    make_image(store, "a:1", layers=[{"x/y/file": b""}, {"z/file": b""}])
    assert parent_paths(store, store.resolve("a:1")).directories == {"x", "x/y", "z"}


@pytest.mark.parametrize(
    ("layer", "left"),
    [
        ({".wh.x": b""}, {"z"}),
        ({"x/.wh.y": b""}, {"x", "z"}),
        ({"x/.wh..wh..opq": b""}, {"x", "z"}),
        ({"x/.wh..wh..opq": b"", "x/new/file": b""}, {"x", "x/new", "z"}),
        ({"x": b""}, {"z"}),
        ({".wh.xy": b""}, {"x", "x/y", "z"}),
    ],
)
def test_what_is_removed_or_replaced_is_no_directory_any_more(
    store: ImageStore, layer: dict[str, bytes], left: set[str]
) -> None:
    make_image(store, "a:1", layers=[{"x/y/file": b"", "z/file": b""}, layer])
    assert parent_paths(store, store.resolve("a:1")).directories == left


def test_files_below_a_directory_are_extracted_as_the_layers_leave_them(
    store: ImageStore, tmp_path: Path
) -> None:
    layers = [
        {"charts/a/x": b"old", "charts/a/gone": b"", "charts/a/d/gone": b"", "charts/b/x": b"", "y": b""},
        {
            "charts/a/x": b"new",
            "charts/a/.wh.gone": b"",
            "charts/a/d/.wh..wh..opq": b"",
            "charts/a/d/e": b"E",
        },
    ]
    make_image(store, "a:1", layers=layers)
    extract(store, store.resolve("a:1").layers, "charts/a", tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*")}
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == {
        "charts/a/x": b"new",
        "charts/a/d/e": b"E",
    }


def test_nothing_is_extracted_to_elsewhere(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "a:1", layers=[{"charts/../../../escaped": b"", "/charts/a/absolute": b""}])
    extract(store, store.resolve("a:1").layers, "charts", tmp_path / "deep/out")
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and "deep" not in path.parts]
    assert [path for path in outside if path.name in {"escaped", "absolute"}] == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x28\xb5\x2f\xfd", OCI_LAYER_ZSTD),
        (b"\x1f\x8b", OCI_LAYER_GZIP),
        (gzip.compress(bytes(range(256)))[:60], OCI_LAYER_GZIP),
        (gzip.compress(b"")[:10] + b"\xff" * 600, OCI_LAYER_GZIP),
    ],
)
def test_a_layer_that_can_not_be_read_is_told(store: ImageStore, data: bytes, kind: str) -> None:
    make_image(store, "a:1")
    image = store.resolve("a:1")
    with store.lease():
        layer = store.put_blob(data, kind)
        store.put_manifest(
            "b:1",
            Manifest(config=image.manifest.config, layers=(layer,), annotations=image.manifest.annotations),
        )
    with pytest.raises(ImageError, match=f"layer {layer.digest} can't be read"):
        parent_paths(store, store.resolve("b:1"))


def test_a_layer_compressed_with_zstd_is_read(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_image(store, "a:1", layers=[{"etc/deep/file": b"content" * 1000}])
    plain = store.resolve("a:1")
    data = gzip.decompress(store.verified_blob(plain.layers[0].digest).read_bytes())
    packed = subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout
    with store.lease():
        layer = store.put_blob(packed, OCI_LAYER_ZSTD)
        store.put_manifest("b:1", replace(plain.manifest, layers=(layer,)))
    image = store.resolve("b:1")
    assert parent_paths(store, image).directories == {"etc", "etc/deep"}
    extract(store, image.layers, "etc", tmp_path / "out")
    assert (tmp_path / "out/etc/deep/file").read_bytes() == b"content" * 1000
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="the program zstd is not installed"):
        parent_paths(store, image)


class Listed(AppType):
    """A chart of a kind of its own: a directory with the files ``mark`` and ``images``."""

    name = "listed"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        return (".",) if all((source / "mark").is_file() for source in sources) else None

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        return (directory / "images").read_text().split()

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        return ()


def test_charts_are_looked_for_at_any_depth(tmp_path: Path) -> None:
    for path, image in {"charts/a": "a:1", "charts/group/b": "b:1", "charts/a/charts/inner": "no:1"}.items():
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "mark").touch()
        (tmp_path / path / "images").write_text(image)
    discovery = Discovery({"listed": Listed()}, _no_tool, lambda event: None)
    assert [str(image.reference) for image in discovery.rootfs(tmp_path)] == [
        "docker.io/library/a:1",
        "docker.io/library/b:1",
    ]


def test_a_chart_of_the_parent_that_is_changed_in_part_is_looked_into_as_a_whole(workshop: Workshop) -> None:
    workshop.types = {"listed": Listed()}
    # A name that is none ends the build before any registry is asked.
    workshop.put({"chart/mark": "", "chart/images": "", "changed": "Wanted"})
    workshop.build("FROM scratch", "COPY chart charts/web", name="base:1")
    with pytest.raises(ImageError, match="'Wanted' is not the name of an image"):
        workshop.build("FROM base:1", "COPY changed charts/web/images")


def _no_tool(words: object, *, stdin: bytes = b"") -> bytes:
    raise AssertionError("no tool is needed")


@pytest.mark.parametrize(
    ("links", "path", "there"),
    [
        ({"bin": "usr/bin"}, "bin/x", "usr/bin/x"),
        ({"bin": "/usr/bin"}, "bin", "usr/bin"),
        ({"a": "b", "b": "c"}, "a/x", "c/x"),
        ({"a/b": "../c"}, "a/b/d", "c/d"),
        ({"a": "../../.."}, "a/etc", "etc"),
        ({"a/x": "y"}, "a", "a"),
        ({}, "a/b", "a/b"),
    ],
)
def test_links_are_followed_within_the_image(links: dict[str, str], path: str, there: str) -> None:
    assert ParentPaths(links=links).resolve(path) == there


def test_a_link_that_leads_to_itself_is_told() -> None:
    with pytest.raises(ImageError, match="leads to itself"):
        ParentPaths(links={"a": "b", "b": "a"}).resolve("a/x")


def test_what_is_copied_below_a_link_of_the_parent_goes_where_it_leads(workshop: Workshop) -> None:
    tree = workshop.context / "tree"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/old").touch()
    (tree / "bin").symlink_to("usr/bin")
    (tree / "lib").symlink_to("/usr/lib")
    (tree / "usr/bin/name").symlink_to("old")
    workshop.build("FROM scratch", "COPY tree /", name="base:1")
    workshop.put({"tool": "T", "a.tar": tar_of("in")})
    copies = [
        "COPY tool /bin/",
        "COPY tool /lib/x/",
        "ADD a.tar /bin",
        "COPY tool /bin/t",
        "COPY tool /bin/name",
    ]
    image = workshop.build("FROM base:1", *copies)
    found = [entry.name for layer in image.layers[1:] for entry, _ in entries(workshop.store, layer)]
    assert [name for name in found if not name.startswith("usr")] == []
    assert {"usr/bin/tool", "usr/lib/x/tool", "usr/bin/in", "usr/bin/t", "usr/bin/name"} <= set(found)


def test_links_that_a_later_layer_removes_are_no_links(store: ImageStore, workshop: Workshop) -> None:
    tree = workshop.context / "tree"
    tree.mkdir()
    (tree / "a").symlink_to("b")
    (tree / "c").symlink_to("d")
    image = workshop.build("FROM scratch", "COPY tree /")
    assert parent_paths(store, image).links == {"a": "b", "c": "d"}
    make_image(store, "c:1", layers=[{".wh.a": b""}])
    layers = (*image.layers, *store.resolve("c:1").layers)
    stacked = replace(image, manifest=replace(image.manifest, layers=layers))
    assert parent_paths(store, stacked).links == {"c": "d"}


def tar_of(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    return buffer.getvalue()
