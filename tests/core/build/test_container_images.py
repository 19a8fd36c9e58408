"""Container images on their way from real registries into images."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sealer.build.base_archives import read_archive
from sealer.build.builder import build_image
from sealer.build.inputs import BuildInput
from sealer.errors import ImageError, TransportError
from sealer.events import Message
from sealer.image.extension import LAYER_CONTENT
from sealer.image.oci import OCI_LAYER
from sealer.image.reference import parse_reference
from sealer.image.store import ImageStore
from sealer.model import ContainerImage, ImageType, Platform
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .helpers import AMD64, ARM64, Workshop, files
from .supplier import ROOT, Supplier, build, packed_blobs, pod


def test_images_of_manifests_and_lists_are_packed(workshop: Workshop, supplier: Supplier) -> None:
    """The Go implementation's acceptance test ``build_with_cmds``."""
    nginx = supplier.push("library/nginx:alpine", b"nginx")
    busybox = supplier.push("library/busybox:latest", b"busybox")
    workshop.put(
        {
            "app.yaml": pod(supplier.name("library/nginx:alpine")),
            "imageList": f"# images\n\n  '{supplier.name('library/busybox')}'  # latest\n",
        }
    )
    image = build(
        workshop,
        "FROM scratch",
        "COPY app.yaml manifests/",
        "COPY imageList manifests/",
        'CMDS ["kubectl apply -f manifests/app.yaml"]',
    )
    assert image.extension.launch.cmds == ("kubectl apply -f manifests/app.yaml",)
    assert image.metadata.container_images == (
        ContainerImage(image=supplier.name("library/busybox:latest"), platform=AMD64, digest=busybox),
        ContainerImage(image=supplier.name("library/nginx:alpine"), platform=AMD64, digest=nginx),
    )
    tree = files(workshop.store, image)
    repository = f"{ROOT}repositories/{supplier.registry.address.replace(':', '_')}/library/nginx"
    assert tree[f"{repository}/_manifests/tags/alpine/current/link"] == nginx.encode()
    manifest = json.loads(packed_blobs(tree)[nginx])
    for blob in (manifest["config"], *manifest["layers"]):
        assert len(packed_blobs(tree)[blob["digest"]]) == blob["size"]
        link = f"{repository}/_layers/sha256/{blob['digest'].removeprefix('sha256:')}/link"
        assert tree[link] == blob["digest"].encode()
    assert [layer.annotations[LAYER_CONTENT] for layer in image.layers] == ["rootfs"] * 2 + ["registry"] * 2
    assert {layer.media_type for layer in image.layers[2:]} == {OCI_LAYER}


def test_images_of_applications_are_packed_for_them(workshop: Workshop, supplier: Supplier) -> None:
    """The Go implementation's acceptance test ``build_with_launch``."""
    supplier.push("library/nginx:alpine", b"nginx")
    supplier.push("library/busybox:latest", b"busybox")
    workshop.put({"app.yaml": pod(supplier.name("library/nginx:alpine"))})
    workshop.put({"imageList": supplier.name("library/busybox:latest")})
    image = build(
        workshop, "FROM scratch", "COPY imageList manifests/", "APP myapp local://app.yaml", "LAUNCH myapp"
    )
    (application,) = image.extension.applications
    assert (application.type, application.files) == ("kube", ("app.yaml",))
    assert {item.image.rpartition("/")[2]: item.app_name for item in image.metadata.container_images} == {
        "busybox:latest": "",
        "nginx:alpine": "myapp",
    }


def test_lists_on_the_command_line(workshop: Workshop, supplier: Supplier, tmp_path: Path) -> None:
    """The Go implementation's acceptance test ``build_with_imagelist_flag``."""
    supplier.push("busybox:latest", b"busybox")
    (tmp_path / "list").write_text(f"{supplier.name('busybox')}\n{supplier.name('missing')}\n")
    (tmp_path / "ignored").write_text(f"{supplier.name('missing')}\n")
    image = build(
        workshop, "FROM scratch", image_list=tmp_path / "list", ignored_image_list=tmp_path / "ignored"
    )
    assert [item.image for item in image.metadata.container_images] == [supplier.name("busybox:latest")]


def serve(tree: dict[str, bytes], directory: Path) -> RegistryServer:
    """Return a registry, not started, whose storage is the image's."""
    server = RegistryServer(directory)
    for path, data in tree.items():
        if path.startswith("registry/"):
            target = server.data / path.removeprefix("registry/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    return server


def skopeo(*words: str) -> bytes:
    return subprocess.run(["skopeo", *words], check=True, capture_output=True).stdout


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_the_registry_of_an_image_serves_what_the_source_had(
    workshop: Workshop, supplier: Supplier, tmp_path: Path, docker: bool
) -> None:
    digest = supplier.push("team/app:1", b"one", b"two", docker=docker)
    workshop.put({"imageList": supplier.name("team/app:1")})
    tree = files(workshop.store, build(workshop, "FROM scratch", "COPY imageList manifests/"))
    domain = supplier.registry.address.replace(":", "_")
    with serve(tree, tmp_path / "served") as server:
        for reference in (f"{domain}/team/app:1", f"{domain}/team/app@{digest}"):
            copy = tmp_path / "copy"
            name = f"docker://{server.address}/{reference}"
            skopeo("copy", "-q", "--preserve-digests", "--src-tls-verify=false", name, f"dir:{copy}")
            assert (copy / "manifest.json").read_bytes() == supplier.manifest("team/app:1")
            shutil.rmtree(copy)


def test_of_a_list_the_wanted_platform_is_packed_and_the_tag_keeps_its_digest(
    workshop: Workshop, supplier: Supplier, tmp_path: Path
) -> None:
    digest = supplier.push("app:1", b"common", platforms=(AMD64, ARM64))
    workshop.put({"imageList": supplier.name("app:1")})
    image = build(workshop, "FROM scratch", "COPY imageList manifests/", platform=ARM64)
    assert image.metadata.container_images[0].platform == ARM64
    tree = files(workshop.store, image)
    index = json.loads(packed_blobs(tree)[digest])
    held = {
        entry["platform"]["architecture"]: entry["digest"] in packed_blobs(tree)
        for entry in index["manifests"]
    }
    assert held == {"amd64": False, "arm64": True}
    domain = supplier.registry.address.replace(":", "_")
    with serve(tree, tmp_path / "served") as server:
        name = f"docker://{server.address}/{domain}/app:1"
        found = skopeo("--override-arch=arm64", "inspect", "--tls-verify=false", name)
    assert json.loads(found)["Digest"] == digest


def test_a_list_without_the_wanted_platform(workshop: Workshop, supplier: Supplier) -> None:
    supplier.push("app:1", b"x", platforms=(AMD64, ARM64))
    workshop.put({"imageList": f"\n  {supplier.name('app:1')}"})
    with pytest.raises(TransportError, match="there is no image for linux/s390x: the list has") as caught:
        build(workshop, "FROM scratch", "COPY imageList manifests/", platform=Platform(architecture="s390x"))
    assert "manifests/imageList:2:3 names it" in caught.value.message


def test_an_image_for_another_platform_only_is_packed_with_a_warning(
    workshop: Workshop, supplier: Supplier
) -> None:
    supplier.push("app:1", b"x")
    workshop.put({"imageList": supplier.name("app:1")})
    build(workshop, "FROM scratch", "COPY imageList manifests/", platform=ARM64)
    warnings = [event.text for event in workshop.events if isinstance(event, Message) and event.warning]
    assert any("app:1 is for linux/amd64 only" in text for text in warnings)


def test_images_that_can_not_be_had_are_all_named(workshop: Workshop, supplier: Supplier) -> None:
    supplier.push("there:1", b"x")
    workshop.put({"a.yaml": pod(*(supplier.name(name) for name in ("one:1", "there:1", "two:1")))})
    workshop.put({"web/a.yaml": pod(supplier.name("three:1"))})
    with pytest.raises(TransportError) as caught:
        build(workshop, "FROM scratch", "COPY a.yaml manifests/", "APP web local://web")
    assert "one:1" in caught.value.message
    assert "(manifests/a.yaml:6:12 names it)" in caught.value.message
    assert "(a.yaml:4:12 of the application web names it)" in caught.value.message
    assert "there:1" not in caught.value.message
    assert workshop.store.list() == ()


def test_certificates_are_checked(workshop: Workshop, tmp_path: Path) -> None:
    with RegistryServer(tmp_path / "tls", tls=True) as server:
        Supplier(server, tmp_path).push("app:1", b"x")
        workshop.put({"imageList": f"{server.address}/app:1"})
        with pytest.raises(TransportError, match="signed by an unknown authority"):
            workshop.build("FROM scratch", "COPY imageList manifests/")
        build(workshop, "FROM scratch", "COPY imageList manifests/")


def test_images_of_an_application_that_is_replaced_are_not_listed_any_more(
    workshop: Workshop, supplier: Supplier
) -> None:
    supplier.push("old:1", b"old")
    supplier.push("new:1", b"new")
    workshop.put({"old.yaml": pod(supplier.name("old:1")), "new.yaml": pod(supplier.name("new:1"))})
    build(workshop, "FROM scratch", "APP web local://old.yaml", "APP b local://old.yaml", name="base:1")
    child = build(workshop, "FROM base:1", "APP web local://new.yaml")
    assert [(item.image.rpartition("/")[2], item.app_name) for item in child.metadata.container_images] == [
        ("new:1", "web"),
        ("old:1", "b"),
    ]


def test_what_later_copies_replace_is_not_packed(workshop: Workshop, supplier: Supplier) -> None:
    supplier.push("new:1", b"new")
    workshop.put({"old": "missing.invalid/old:1", "new": supplier.name("new:1")})
    image = build(workshop, "FROM scratch", "COPY old manifests/imageList", "COPY new manifests/imageList")
    assert [item.image for item in image.metadata.container_images] == [supplier.name("new:1")]


def test_manifests_anywhere_below_manifests_count_and_no_others(
    workshop: Workshop, supplier: Supplier
) -> None:
    supplier.push("a:1", b"a")
    workshop.put(
        {"root/manifests/deep/a.yml": pod(supplier.name("a:1")), "root/etc/b.yaml": pod("no.invalid/b:1")}
    )
    image = build(workshop, "FROM scratch", "COPY root .")
    assert [item.image for item in image.metadata.container_images] == [supplier.name("a:1")]


def test_a_template_that_can_not_be_read_is_passed_over_when_asked(workshop: Workshop) -> None:
    workshop.put({"m/a.yaml.tmpl": "a: {{ if x }}\n b: [\n"})
    build(workshop, "FROM scratch", "COPY m manifests", lenient=True)
    (warning,) = [event.text for event in workshop.events if isinstance(event, Message)]
    assert "manifests/a.yaml.tmpl:1:4" in warning


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"m/a.yaml": "a: [\n"}, "manifests/a.yaml:1:5"),
        ({"m/a.yaml": pod("Bad Name")}, "manifests/a.yaml:4:12"),
        ({"m/imageList": "good.invalid/a:1\n bad name\n"}, "manifests/imageList:2:2"),
    ],
)
def test_manifests_and_lists_that_make_no_sense_are_told_with_their_line(
    workshop: Workshop, files: dict[str, str], place: str
) -> None:
    workshop.put(files)
    with pytest.raises(ImageError) as caught:
        build(workshop, "FROM scratch", "COPY m manifests")
    assert str(caught.value.place) == place


def archive(tmp_path: Path, name: str) -> Path:
    """Make an archive as ``docker save`` does, its layers not compressed."""
    store = ImageStore(tmp_path / "archiving")
    make_image(store, "a:1", layers=[{"file": b"content" * 1000}], type=None)
    path = tmp_path / "image.tar"
    layout = f"oci:{store.layout.root}:{store.find('a:1')}"
    skopeo("copy", "-q", layout, f"docker-archive:{path}:{name}")
    return path


async def test_images_of_archives_are_packed_compressed(store: ImageStore, tmp_path: Path) -> None:
    (archived,) = read_archive(await asyncio.to_thread(archive, tmp_path, "registry.example/pause:3.2")) or ()
    order = BuildInput(
        name=parse_reference("base:1"), type=ImageType.CLUSTER, platform=AMD64, archived=(archived,)
    )
    image = await build_image(store, order, {})
    tree = files(store, image)
    target = tree[f"{ROOT}repositories/registry.example/pause/_manifests/tags/3.2/current/link"].decode()
    assert image.metadata.container_images == (
        ContainerImage(image="registry.example/pause:3.2", platform=AMD64, digest=target),
    )
    manifest = json.loads(packed_blobs(tree)[target])
    assert manifest["layers"][0]["mediaType"].endswith("+gzip")
    assert packed_blobs(tree).keys() == {
        target,
        manifest["config"]["digest"],
        manifest["layers"][0]["digest"],
    }
    again = await build_image(store, order, {})
    assert again.digest == image.digest
