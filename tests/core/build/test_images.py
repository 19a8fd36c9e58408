"""What a built image says about itself, and that it says the same wherever it is built."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sealer import __version__
from sealer.errors import ImageError, SealerError, SourceErrors, UsageError
from sealer.events import Message
from sealer.image.extension import LAYER_CONTENT
from sealer.image.pull import PullPolicy
from sealer.image.store import ImageStore
from sealer.model import Application, ImageType, Launch
from sealer.testing.images import make_image

from .helpers import ARM64, Workshop, entries, files

LINES = (
    "FROM scratch",
    'LABEL b=2 "a"="one two"',
    "ENV PodCIDR=10.0.0.0/8 EMPTY=",
    "COPY root .",
    "COPY --chown=1:2 notes /",
    "KUBEVERSION 1.22 - 1.24",
    "CNI calico local://calico.sh",
    "APP web local://web.yaml",
    "APPENV web z=1 a=2",
    "LAUNCH calico web",
)


def fill(workshop: Workshop) -> None:
    workshop.put({"root/bin/tool": "tool", "root/etc/deep/conf": "conf", "notes": "notes"})
    workshop.put({"calico.sh": "echo", "web.yaml": "kind: Namespace\n"})
    (workshop.context / "root/bin/tool").chmod(0o755)
    (workshop.context / "root/bin/link").symlink_to("tool")


def test_config_and_annotations(workshop: Workshop) -> None:
    fill(workshop)
    image = workshop.build(*LINES, type=ImageType.APPLICATION, labels={"b": "3"}, platform=ARM64)
    assert image.extension.type is ImageType.APPLICATION
    assert image.extension.sealer_version == __version__
    assert image.extension.applications == (
        Application(name="calico", type="shell", files=("calico.sh",)),
        Application(name="web", type="kube", files=("web.yaml",), env={"a": "2", "z": "1"}),
    )
    assert image.extension.launch == Launch(app_names=("calico", "web"))
    assert dict(image.labels) == {
        "a": "one two",
        "app.alpha.sealer.io/supported-kube-version": "1.22 - 1.24",
        "b": "3",
        "cluster.alpha.sealer.io/kube-cni-calico": "true",
        "io.sealer.version": __version__,
    }
    config = image.config
    assert (config["os"], config["architecture"], config["created"]) == (
        "linux",
        "arm64",
        "1970-01-01T00:00:00Z",
    )
    assert config["config"]["Env"] == ["PodCIDR=10.0.0.0/8", "EMPTY="]
    assert [entry["created_by"] for entry in config["history"]] == [
        "COPY root .",
        "COPY --chown=1:2 notes /",
        "CNI calico local://calico.sh",
        "APP web local://web.yaml",
    ]
    assert [layer.annotations[LAYER_CONTENT] for layer in image.layers] == [
        "rootfs",
        "rootfs",
        "application",
        "application",
    ]


def test_the_same_input_is_the_same_image_wherever_and_whenever_it_is_built(
    workshop: Workshop, tmp_path: Path
) -> None:
    fill(workshop)
    first = workshop.build(*LINES)
    elsewhere = Workshop(store=ImageStore(tmp_path / "other-home"), context=tmp_path / "elsewhere/deep")
    umask = os.umask(0o077)
    try:
        elsewhere.context.mkdir(parents=True)
        fill(elsewhere)
    finally:
        os.umask(umask)
    for path in elsewhere.context.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000), follow_symlinks=False)
    (elsewhere.context / "root/bin/tool").chmod(0o700)
    second = elsewhere.build(*LINES, name="another:2")
    assert second.digest == first.digest


def test_another_content_or_permission_is_another_image(workshop: Workshop) -> None:
    fill(workshop)
    digests = {workshop.build(*LINES).digest}
    workshop.put({"root/bin/tool": "tooi"})
    digests.add(workshop.build(*LINES).digest)
    (workshop.context / "root/bin/tool").chmod(0o644)
    digests.add(workshop.build(*LINES).digest)
    assert len(digests) == 3


def test_time_comes_from_the_environment(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(workshop)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    image = workshop.build(*LINES)
    assert image.config["created"] == "2023-11-14T22:13:20Z"
    assert {entry["created"] for entry in image.config["history"]} == {"2023-11-14T22:13:20Z"}
    times = {entry.mtime for layer in image.layers for entry, _ in entries(workshop.store, layer)}
    assert times == {1_700_000_000}


@pytest.mark.parametrize("value", ["yesterday", "-1", "1.5", "99999999999999", "\u0661"])
def test_a_time_that_is_none(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        workshop.build("FROM scratch", "LABEL a=1")


def test_nothing_of_the_machine_is_in_a_layer(workshop: Workshop) -> None:
    fill(workshop)
    image = workshop.build(*LINES)
    for layer in image.layers:
        for entry, _ in entries(workshop.store, layer):
            assert (entry.uname, entry.gname, entry.mtime) == ("", "", 0)
            assert (entry.uid, entry.gid) in {(0, 0), (1, 2)}
            assert entry.pax_headers == {}


def test_an_image_without_layers(workshop: Workshop) -> None:
    image = workshop.build("FROM scratch", "LABEL a=1")
    assert image.layers == ()
    assert image.labels["a"] == "1"


def test_children_inherit_labels_environment_and_applications_but_no_launch(workshop: Workshop) -> None:
    fill(workshop)
    parent = workshop.build(*LINES, name="base:1")
    workshop.put({"extra": "E"})
    child = workshop.build("FROM base:1", "LABEL a=changed", "ENV EMPTY=no MORE=1", "COPY extra etc/")
    assert dict(child.labels) == {
        "a": "changed",
        "b": "2",
        "cluster.alpha.sealer.io/kube-cni-calico": "true",
        "io.sealer.version": __version__,
    }
    assert child.config["config"]["Env"] == ["PodCIDR=10.0.0.0/8", "EMPTY=no", "MORE=1"]
    assert dict(child.extension.env) == {"PodCIDR": "10.0.0.0/8", "EMPTY": "no", "MORE": "1"}
    assert child.extension.applications == parent.extension.applications
    assert child.extension.launch == Launch()
    assert child.layers[:-1] == parent.layers
    assert child.config["rootfs"]["diff_ids"][:-1] == parent.config["rootfs"]["diff_ids"]
    assert len(child.config["history"]) == 5
    assert files(workshop.store, child) == files(workshop.store, parent) | {"etc/extra": b"E"}


def test_a_parent_that_docker_pushed_becomes_an_oci_image(workshop: Workshop) -> None:
    make_image(workshop.store, "base:1", layers=[{"a": b"A"}], docker=True)
    child = workshop.build("FROM base:1", "LABEL a=1")
    assert child.manifest.media_type == "application/vnd.oci.image.manifest.v1+json"
    assert child.layers[0].media_type == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert files(workshop.store, child) == {"a": b"A"}
    assert child.config["history"] == [{"created_by": "the parent image"}]


def test_the_files_of_a_plain_image_are_taken_as_the_rootfs(workshop: Workshop) -> None:
    make_image(workshop.store, "plain:1", type=None, layers=[{"etc/a": b"A"}], labels={"x": "y"})
    workshop.put({"b": "B"})
    image = workshop.build("FROM plain:1", "COPY b etc/", type=ImageType.APPLICATION)
    assert files(workshop.store, image) == {"etc/a": b"A", "etc/b": b"B"}
    assert image.extension.type is ImageType.APPLICATION
    assert image.labels["x"] == "y"
    said = [event.text for event in workshop.events if isinstance(event, Message)]
    assert said == [
        "docker.io/library/plain:1 is a plain image, none of Sealer's: its files are taken as the rootfs"
    ]
    with pytest.raises(ImageError, match="not a sealer image"):
        workshop.store.resolve("plain:1").metadata  # noqa: B018  # what is there has not changed


def test_a_parent_for_another_platform(workshop: Workshop) -> None:
    make_image(workshop.store, "base:1")
    (found,) = workshop.problems("FROM base:1", platform=ARM64, pull=PullPolicy.NEVER)
    assert found.message == "the image is for linux/amd64, not for linux/arm64"
    image = workshop.build("FROM --platform=linux/amd64 base:1", platform=ARM64)
    assert image.platform == ARM64


def test_a_parent_with_a_malformed_name(workshop: Workshop) -> None:
    message, line, column = workshop.problem("FROM Base:1")
    assert "not the name of an image" in message
    assert (line, column) == (1, 6)


@pytest.mark.parametrize("name", ["Test", "test@sha256:" + "0" * 64, ""])
def test_a_malformed_name_is_refused_before_anything_is_done(workshop: Workshop, name: str) -> None:
    with pytest.raises(ImageError):
        workshop.build("FROM scratch", name=name)
    assert not workshop.store.layout.root.exists()


def test_a_kubefile_of_the_context_is_the_default(workshop: Workshop) -> None:
    workshop.put({"Kubefile": "FROM scratch\nLABEL a=1"})
    assert workshop.build(file=None).labels["a"] == "1"


def test_a_kubefile_that_is_not_there(workshop: Workshop) -> None:
    with pytest.raises(SealerError, match="cannot read the Kubefile"):
        workshop.build(file=None)


def test_errors_of_the_kubefile_come_before_errors_of_the_context(workshop: Workshop) -> None:
    shutil.rmtree(workshop.context)
    with pytest.raises(SourceErrors, match="there is no instruction COPPY"):
        workshop.build("FROM scratch", "COPPY a b")
    with pytest.raises(ImageError, match="cannot read the directory"):
        workshop.build("FROM scratch", "COPY a b")


def test_a_name_that_is_built_again_points_to_the_new_image(workshop: Workshop) -> None:
    workshop.build("FROM scratch", "LABEL a=1")
    second = workshop.build("FROM scratch", "LABEL a=2")
    assert workshop.store.resolve("test:1").digest == second.digest
