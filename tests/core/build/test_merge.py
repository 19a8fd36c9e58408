"""Several images made into one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sealer.build.merge import merge
from sealer.errors import ImageError
from sealer.image.reference import parse_reference
from sealer.image.stored import StoredImage
from sealer.model import SUPPORTED_KUBE_VERSION_LABEL, ImageType, Launch

from .helpers import AMD64, ARM64, Workshop, files

MERGED = parse_reference("merged:1")


@pytest.fixture
def base(workshop: Workshop) -> StoredImage:
    workshop.put({"bin/kubelet": "k", "one/1.sh": "1", "two/2.sh": "2", "etc/conf": "base"})
    lines = ("FROM scratch", "COPY bin bin", "COPY etc etc", "ENV A=base B=base", "LABEL x=base")
    return workshop.build(*lines, name="base:1")


def merged(workshop: Workshop, *images: StoredImage) -> StoredImage:
    return merge(workshop.store, images, MERGED)


def test_a_merged_image_has_what_all_have(workshop: Workshop, base: StoredImage) -> None:
    one = workshop.build("FROM base:1", "APP one local://one", "ENV B=one", "LAUNCH one", name="one:1")
    workshop.put({"etc/conf": "two"})
    two = workshop.build(
        "FROM base:1", "COPY etc etc", "APP two local://two", "LABEL x=two", "LAUNCH two", name="two:1"
    )
    image = merged(workshop, one, two)
    assert image.reference == "docker.io/library/merged:1"
    assert workshop.store.resolve("merged:1").digest == image.digest
    assert files(workshop.store, image) == {
        "bin/kubelet": b"k",
        "etc/conf": b"two",
        "application/apps/one/1.sh": b"1",
        "application/apps/two/2.sh": b"2",
    }
    # The layers of the common parent are there once.
    assert len(image.layers) == len(base.layers) + 3
    assert [app.name for app in image.extension.applications] == ["one", "two"]
    assert image.extension.launch == Launch(app_names=("one", "two"))
    assert (image.extension.env, image.labels["x"]) == ({"A": "base", "B": "base"}, "two")
    assert len(image.config["rootfs"]["diff_ids"]) == len(image.config["history"]) == len(image.layers)
    assert merge(workshop.store, [one, two], MERGED).digest == image.digest


def test_an_application_takes_the_place_of_the_one_of_its_name(workshop: Workshop) -> None:
    workshop.put({"old/gone.sh": "old", "new/here.sh": "new"})
    one = workshop.build("FROM scratch", "APP a local://old", name="one:1")
    two = workshop.build("FROM scratch", "APP a local://new", name="two:1")
    image = merged(workshop, one, two)
    assert files(workshop.store, image) == {"application/apps/a/here.sh": b"new"}
    (app,) = image.extension.applications
    assert app.files == two.extension.applications[0].files


def test_an_application_of_the_common_parent_stays(workshop: Workshop) -> None:
    workshop.put({"a/a.sh": "a", "b/b.sh": "b", "c/c.sh": "c", "d/d.sh": "d"})
    workshop.build("FROM scratch", "APP a local://a", name="base:1")
    one = workshop.build("FROM base:1", "APP b local://b", name="one:1")
    two = workshop.build("FROM base:1", "APP c local://c", name="two:1")
    anew = workshop.build("FROM base:1", "APP a local://d", name="anew:1")
    apps = "application/apps"
    three = {f"{apps}/a/a.sh": b"a", f"{apps}/b/b.sh": b"b", f"{apps}/c/c.sh": b"c"}
    assert files(workshop.store, merged(workshop, one, two)) == three
    assert files(workshop.store, merged(workshop, two, anew)) == {
        f"{apps}/c/c.sh": b"c",
        f"{apps}/a/d.sh": b"d",
    }


def test_ranges_of_versions_are_joined(workshop: Workshop) -> None:
    one = workshop.build("FROM scratch", "KUBEVERSION >=1.20", name="one:1")
    two = workshop.build("FROM scratch", "KUBEVERSION <1.25", name="two:1")
    three = workshop.build("FROM scratch", "KUBEVERSION >=1.30", name="three:1")
    joined = merged(workshop, one, two).labels[SUPPORTED_KUBE_VERSION_LABEL]
    assert ">=1.20" in joined
    assert "<1.25" in joined
    with pytest.raises(ImageError, match="no common version of Kubernetes"):
        merged(workshop, two, three)


def test_what_can_not_be_one_image_is_refused(workshop: Workshop, base: StoredImage) -> None:
    before = workshop.store.list()
    label = "LABEL cluster.alpha.sealer.io/cluster-runtime-type="
    one = workshop.build("FROM base:1", f"{label}kubernetes", "CMDS ['x']".replace("'", '"'), name="one:1")
    two = workshop.build("FROM scratch", f"{label}k0s", name="two:1")
    with pytest.raises(ImageError, match=r"one:1 brings kubernetes, .*two:1 brings k0s"):
        merged(workshop, one, two)
    three = workshop.build("FROM base:1", "APP one local://one", "LAUNCH one", name="three:1")
    with pytest.raises(ImageError, match="launch applications and others run commands"):
        merged(workshop, one, three)
    other = workshop.build("FROM scratch", "LABEL a=1", platform=ARM64, name="other:1")
    with pytest.raises(ImageError, match=r"is for linux/arm64, .* for linux/amd64"):
        merged(workshop, base, other)
    assert len(workshop.store.list()) == len(before) + 4


def test_applications_alone_are_an_application_image(workshop: Workshop) -> None:
    workshop.put({"a/a.sh": "a", "b/b.sh": "b"})
    kind = ImageType.APPLICATION
    one = workshop.build("FROM scratch", "APP a local://a", name="one:1", type=kind)
    two = workshop.build("FROM scratch", "APP b local://b", name="two:1", type=kind)
    assert merged(workshop, one, two).extension.type is kind


def test_the_command_line_merges_for_several_platforms(workshop: Workshop) -> None:
    workshop.put({"a": "a"})
    for number in (1, 2):
        for platform in (AMD64, ARM64):
            name = f"part{number}:{platform.architecture}"
            workshop.build("FROM scratch", f"COPY a {number}", name=name, platform=platform)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SEALER_HOME": str(workshop.store.home),
    }

    def sealer(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "sealer", *words], env=environment, check=True)

    for number in (1, 2):
        name = f"part{number}"
        sealer("manifest", "create", f"{name}:1", f"{name}:amd64", f"{name}:arm64")
    sealer("merge", "-q", "--platform", "linux/amd64,linux/arm64", "-t", "whole:1", "part1:1", "part2:1")
    for platform in (AMD64, ARM64):
        image = workshop.store.resolve("whole:1", platform)
        assert files(workshop.store, image) == {"1": b"a", "2": b"a"}
