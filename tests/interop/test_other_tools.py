"""What we write, other tools read; what they write, we read."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from sealer.image.extension import EXTENSION_ANNOTATION
from sealer.image.load import load
from sealer.image.oci import Index
from sealer.image.pull import pull
from sealer.image.push import push
from sealer.image.save import SaveFormat, save
from sealer.image.store import ImageStore
from sealer.model import Application, Platform
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .conftest import Command

LAYERS = [{"etc/one": b"1"}, {"etc/two": b"2"}]


def run(*words: str | Path) -> str:
    return subprocess.run([*map(str, words)], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def buildah(tmp_path: Path) -> list[str | Path]:
    """Buildah with a store of its own, that needs no overlay file system."""
    return ["buildah", "--storage-driver=vfs", "--root", tmp_path / "root", "--runroot", tmp_path / "run"]


def file_in_buildah(buildah: list[str | Path], image: str, path: str) -> str:
    container = run(*buildah, "from", "--pull-never", image).strip()
    try:
        return (Path(run(*buildah, "mount", container).strip()) / path).read_text()
    finally:
        run(*buildah, "rm", container)


def test_skopeo_reads_the_store_itself(store: ImageStore) -> None:
    descriptor = make_image(store, "app:1", layers=LAYERS, labels={"a": "b"})
    found = json.loads(run("skopeo", "inspect", f"oci:{store.layout.root}:docker.io/library/app:1"))
    assert (found["Digest"], found["Labels"]) == (descriptor.digest, {"a": "b"})


def test_umoci_unpacks_the_store_itself(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "app:1", layers=LAYERS)
    saved = tmp_path / "layout"
    run(
        "skopeo",
        "--insecure-policy",
        "copy",
        f"oci:{store.layout.root}:docker.io/library/app:1",
        f"oci:{saved}:app",
    )
    run(
        "umoci",
        "unpack",
        *(() if os.geteuid() == 0 else ("--rootless",)),
        "--image",
        f"{saved}:app",
        tmp_path / "b",
    )
    assert (tmp_path / "b" / "rootfs" / "etc" / "two").read_text() == "2"


def test_skopeo_and_buildah_read_what_is_saved(
    store: ImageStore, tmp_path: Path, buildah: list[str | Path]
) -> None:
    descriptor = make_image(store, "registry.example.com/app:1", layers=LAYERS)
    archive = tmp_path / "app.tar"
    save(store, ["registry.example.com/app:1"], archive)
    manifest = run("skopeo", "inspect", "--raw", f"oci-archive:{archive}")
    assert manifest.encode() == store.read_blob(descriptor.digest)
    assert EXTENSION_ANNOTATION in json.loads(manifest)["annotations"]
    image = run(*buildah, "pull", "--quiet", f"oci-archive:{archive}").split()[-1]
    assert file_in_buildah(buildah, image, "etc/two") == "2"
    run("tar", "-tf", archive)


def test_skopeo_and_buildah_read_the_archive_for_docker(
    store: ImageStore, tmp_path: Path, buildah: list[str | Path]
) -> None:
    make_image(store, "app:1", layers=LAYERS, labels={"a": "b"})
    archive = tmp_path / "app.tar"
    save(store, ["app:1"], archive, form=SaveFormat.DOCKER_ARCHIVE)
    found = json.loads(run("skopeo", "inspect", f"docker-archive:{archive}:app:1"))
    assert found["Labels"] == {"a": "b"}
    image = run(*buildah, "pull", "--quiet", f"docker-archive:{archive}").split()[-1]
    assert file_in_buildah(buildah, image, "etc/two") == "2"


def test_skopeo_and_umoci_read_the_directory(store: ImageStore, tmp_path: Path) -> None:
    descriptor = make_image(store, "app:1", layers=LAYERS)
    layout = tmp_path / "layout"
    save(store, ["app:1"], layout, form=SaveFormat.OCI_DIRECTORY)
    assert json.loads(run("skopeo", "inspect", f"oci:{layout}"))["Digest"] == descriptor.digest
    # A reference of umoci can't have a slash, as the full name has; so it is given another.
    index = json.loads((layout / "index.json").read_bytes())
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (layout / "index.json").write_text(json.dumps(index))
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    run("umoci", "unpack", *rootless, "--image", f"{layout}:v1", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/etc/one").read_text() == "1"


def test_parts_that_cat_joins_are_read_by_skopeo(store: ImageStore, tmp_path: Path) -> None:
    descriptor = make_image(store, "app:1", layers=LAYERS)
    save(store, ["app:1"], tmp_path / "app.tar", maximum_part=4000)
    parts = sorted(tmp_path.glob("app.tar.part-*"))
    assert len(parts) > 2
    with (tmp_path / "joined.tar").open("wb") as joined:
        subprocess.run(["cat", *parts], stdout=joined, check=True)
    found = json.loads(run("skopeo", "inspect", f"oci-archive:{tmp_path}/joined.tar"))
    assert found["Digest"] == descriptor.digest


async def test_skopeo_and_buildah_read_what_is_pushed(
    store: ImageStore, registry: RegistryServer, buildah: list[str | Path]
) -> None:
    name = f"{registry.address}/app:1"
    children = tuple(
        make_image(store, None, platform=Platform(architecture=architecture), layers=LAYERS)
        for architecture in ("amd64", "arm64")
    )
    store.put_index(name, Index(manifests=children))
    digest = await push(store, name, skip_tls_verify=True)
    found = json.loads(
        run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}@{digest}".replace(":1@", "@"))
    )
    assert found["Digest"] == digest
    image = run(
        *buildah, "pull", "--quiet", "--tls-verify=false", "--arch", "arm64", f"docker://{name}"
    ).split()[-1]
    assert file_in_buildah(buildah, image, "etc/one") == "1"


@pytest.mark.parametrize("form", ["oci", "v2s2"])
async def test_what_buildah_makes_and_pushes_is_pulled(
    other: ImageStore, registry: RegistryServer, buildah: list[str | Path], tmp_path: Path, form: str
) -> None:
    (tmp_path / "hello").write_text("hello")
    container = run(*buildah, "from", "scratch").strip()
    run(*buildah, "copy", container, tmp_path / "hello", "/hello")
    run(*buildah, "config", "--label", "made=elsewhere", container)
    image = run(*buildah, "commit", "--quiet", "--rm", container).split()[-1]
    name = f"{registry.address}/made:1"
    run(*buildah, "push", "--tls-verify=false", "--format", form, image, f"docker://{name}")
    await pull(other, name, skip_tls_verify=True)
    stored = other.resolve(name)
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    assert other.read_blob(stored.digest) == raw.encode()
    assert stored.labels["made"] == "elsewhere"
    with tarfile.open(other.verified_blob(stored.layers[0].digest)) as layer:
        assert "hello" in [name.lstrip("./") for name in layer.getnames()]


@pytest.mark.parametrize("form", ["docker-archive", "oci", "oci-archive"])
def test_what_skopeo_writes_is_loaded_in_every_format(
    store: ImageStore, other: ImageStore, tmp_path: Path, form: str
) -> None:
    make_image(store, "app:1", layers=LAYERS, labels={"a": "b"})
    source = f"oci:{store.layout.root}:docker.io/library/app:1"
    written = tmp_path / "written"
    run("skopeo", "--insecure-policy", "copy", source, f"{form}:{written}:docker.io/library/app:2")
    (entry,) = load(other, written)
    assert str(entry) == "docker.io/library/app:2"
    image = other.resolve("app:2")
    assert image.labels == {"a": "b"}
    # What docker's format has no place for is lost in it: what makes it an image of ours.
    assert (EXTENSION_ANNOTATION in image.manifest.annotations) is (form != "docker-archive")
    names = []
    for layer in image.layers:
        with tarfile.open(other.verified_blob(layer.digest)) as archive:
            names += archive.getnames()
    assert names == ["etc/one", "etc/two"]


@pytest.mark.parametrize("form", ["oci", "oci-archive"])
def test_an_image_that_another_tool_carried_is_what_a_child_is_built_on(
    sealer: Command, store: ImageStore, tmp_path: Path, form: str
) -> None:
    make_image(store, "app:1", layers=LAYERS, applications=[Application(name="one", type="shell")])
    source = f"oci:{store.layout.root}:docker.io/library/app:1"
    carried = tmp_path / "carried"
    run("skopeo", "--insecure-policy", "copy", source, f"{form}:{carried}:docker.io/library/app:1")
    elsewhere = tmp_path / "elsewhere"
    assert sealer("load", "-i", str(carried), home=elsewhere).returncode == 0
    (tmp_path / "Kubefile").write_text("FROM app:1\nLABEL a=1\n")
    built = sealer("build", "-t", "child:1", str(tmp_path), home=elsewhere)
    assert (built.returncode, "plain image" in built.stderr) == (0, False)
    child = ImageStore(elsewhere).resolve("child:1")
    assert [app.name for app in child.extension.applications] == ["one"]
    assert child.layers[:2] == store.resolve("app:1").layers


def test_an_image_that_buildah_made_is_taken_as_a_rootfs(
    sealer: Command, store: ImageStore, tmp_path: Path, buildah: list[str | Path]
) -> None:
    (tmp_path / "hello").write_text("hello")
    container = run(*buildah, "from", "scratch").strip()
    run(*buildah, "copy", container, tmp_path / "hello", "/etc/hello")
    image = run(*buildah, "commit", "--quiet", "--rm", container, "made:1").split()[-1]
    run(*buildah, "push", image, f"oci-archive:{tmp_path}/made.tar:docker.io/library/made:1")
    sealer("load", "-i", str(tmp_path / "made.tar"))
    (tmp_path / "Kubefile").write_text("FROM made:1\nCOPY hello etc/again\n")
    built = sealer("build", "-t", "child:1", str(tmp_path))
    assert "docker.io/library/made:1 is a plain image" in built.stderr
    assert built.returncode == 0
    layout = f"oci:{store.layout.root}:docker.io/library/child:1"
    assert file_in_buildah(buildah, layout, "etc/hello") == "hello"
    assert file_in_buildah(buildah, layout, "etc/again") == "hello"


def test_an_image_with_layers_of_zstd_is_built_on_and_mounted(
    sealer: Command, store: ImageStore, tmp_path: Path
) -> None:
    make_image(store, "app:1", layers=[{"etc/one": b"1" * 5000}])
    source = f"oci:{store.layout.root}:docker.io/library/app:1"
    archive = f"oci-archive:{tmp_path}/zstd.tar:docker.io/library/zstd:1"
    copy = ("skopeo", "--insecure-policy", "copy")
    # What is compressed already skopeo leaves as it is.
    run(*copy, "--dest-decompress", source, f"dir:{tmp_path}/plain")
    run(*copy, "--dest-compress-format=zstd", f"dir:{tmp_path}/plain", archive)
    sealer("load", "-i", str(tmp_path / "zstd.tar"))
    assert store.resolve("zstd:1").layers[0].media_type.endswith("+zstd")
    (tmp_path / "Kubefile").write_text("FROM zstd:1\nCOPY Kubefile etc\n")
    assert sealer("build", "-t", "child:1", str(tmp_path)).returncode == 0
    root = Path(sealer("mount", "child:1").stdout.strip())
    assert (root / "etc/one").read_bytes() == b"1" * 5000
    assert (root / "etc/Kubefile").exists()


async def test_the_tags_of_a_repository(sealer: Command, store: ImageStore, registry: RegistryServer) -> None:
    make_image(store, "app:1")
    for tag in ("1", "2", "latest"):
        await push(store, "app:1", f"{registry.address}/team/app:{tag}", skip_tls_verify=True)
    name = f"{registry.address}/team/app"
    found = sealer("search", "--skip-tls-verify", "-o", "json", name)
    assert json.loads(found.stdout) == [{"repository": name, "tag": tag} for tag in ("1", "2", "latest")]
    found = sealer("search", "--skip-tls-verify", f"{name}:2")
    assert [line.split() for line in found.stdout.splitlines()] == [["REPOSITORY", "TAG"], [name, "2"]]
    missing = sealer("search", "--skip-tls-verify", f"{registry.address}/team/other")
    assert (missing.returncode, "has no such image" in missing.stderr) == (1, True)


def test_what_umoci_writes_is_loaded(other: ImageStore, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", f"{layout}:v1")
    run("umoci", "config", "--image", f"{layout}:v1", "--config.label", "made=umoci")
    (entry,) = load(other, layout, name="made:1")
    assert str(entry) == "docker.io/library/made:1"
    assert other.resolve("made:1").labels == {"made": "umoci"}


def test_what_buildah_and_skopeo_save_is_loaded(
    store: ImageStore, other: ImageStore, buildah: list[str | Path], tmp_path: Path
) -> None:
    container = run(*buildah, "from", "scratch").strip()
    image = run(*buildah, "commit", "--quiet", "--rm", container, "team/made:1").split()[-1]
    run(*buildah, "push", image, f"oci-archive:{tmp_path}/buildah.tar:localhost/team/made:1")
    (entry,) = load(other, tmp_path / "buildah.tar")
    assert str(entry) == "localhost/team/made:1"

    digest = make_image(store, "app:1", layers=LAYERS).digest
    layout = f"oci:{store.layout.root}:docker.io/library/app:1"
    run("skopeo", "--insecure-policy", "copy", layout, f"oci-archive:{tmp_path}/skopeo.tar:v1")
    (entry,) = load(other, tmp_path / "skopeo.tar", name="app:2")
    assert (entry.digest, other.resolve("app:2").digest) == (digest, digest)
