"""The sh that takes container images out of an image for each platform of a cluster's nodes."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sealer.changes import Command
from sealer.cluster.delivery_steps import Delivering, Destination, pushing, sending, with_deliveries
from sealer.image.access import Access
from sealer.model import ContainerImage, Platform, Step
from sealer.testing import example_image

NAME = "r.example/box:1"
ARCHITECTURES = ("amd64", "arm64")


class Tree:
    """The storage of a registry with one image for two platforms."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.storage = root / "registry/docker/registry/v2"
        self.manifests = {name: self.manifest(name) for name in ARCHITECTURES}
        entries = [{"digest": digest} for digest in (*self.manifests.values(), f"sha256:{9:064x}")]
        self.index = self.blob({"schemaVersion": 2, "manifests": entries})

    def blob(self, content: Any) -> str:
        data = json.dumps(content).encode()
        digest = hashlib.sha256(data).hexdigest()
        path = self.storage / "blobs/sha256" / digest[:2] / digest / "data"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"sha256:{digest}"

    def manifest(self, architecture: str) -> str:
        labels = {"Labels": {"architecture": "x86_64", "os": "other"}}
        config = self.blob({"config": labels, "architecture": architecture, "os": "linux"})
        digest = self.blob({"schemaVersion": 2, "config": {"digest": config}, "layers": []})
        revisions = self.storage / "repositories/r.example/box/_manifests/revisions/sha256"
        (revisions / digest.removeprefix("sha256:")).mkdir(parents=True)
        (revisions / digest.removeprefix("sha256:") / "link").write_text(digest)
        return digest

    @property
    def images(self) -> tuple[ContainerImage, ...]:
        return tuple(
            ContainerImage(
                image=NAME, platform=Platform(architecture=name, variant=variant), digest=self.index
            )
            for name, variant in (("amd64", ""), ("arm64", "v8"))
        )


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "image")


def commands(tree: Tree, *, nodes: bool) -> list[Command]:
    """Return the changes that bring the container images of the tree."""
    destination = Destination(location="to.example", access=Access(home=tree.root))
    bring = sending(str(tree.root), ()) if nodes else pushing(str(tree.root), destination)
    delivering = Delivering(image=example_image(container_images=tree.images), bring=bring, requires=())
    launch = Step(id="a", title="a", host="h", changes=(), provides=("app/a",))
    (brought, launched) = with_deliveries(delivering, [launch])
    assert launched.requires == brought.provides
    return [change for change in brought.changes if isinstance(change, Command)]


def helpers(text: str) -> str:
    """Return the functions that a command brings, without what it does by them."""
    return text[: text.rindex("\n}\n") + 3]


def sh(shell: str, script: str, tmp_path: Path, kubectl: str = "") -> str:
    """Run a script beside a kubectl that says one thing, and return what it prints."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "kubectl").write_text(f'#!/bin/sh\n[ "$1 $2" = "get nodes" ] || exit 9\n{kubectl}\n')
    (programs / "kubectl").chmod(0o755)
    words = [shell, "sh"] if shell == "busybox" else [shell]
    env = {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    done = subprocess.run([*words, "-eu", "-c", script], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_each_platform_has_an_archive_with_its_own_image(tree: Tree, shell: str, tmp_path: Path) -> None:
    (send,) = commands(tree, nodes=True)
    script, _, last = send.run.rpartition("\n")
    assert last == "send_archives linux/amd64 linux/arm64"
    shown = 'for one in linux/amd64 linux/arm64; do cat "$(archive_for $one)/images"; echo; done'
    found = [json.loads(line) for line in sh(shell, f"{script}\n{shown}", tmp_path).splitlines()]
    assert [entry["digest"] for entry in found] == list(tree.manifests.values())
    assert {entry["annotations"]["io.containerd.image.name"] for entry in found} == {NAME}


@pytest.mark.parametrize(
    ("nodes", "all_there"),
    [
        (f"n1 linux/amd64 {NAME} x\nn2 linux/arm64 y {NAME}\n", True),
        (f"n1 linux/amd64 {NAME} x\nn2 linux/arm64 y\n", False),
        # For this one nothing is packed, which the user has been told.
        (f"n1 linux/amd64 {NAME} x\nn2 windows/amd64 y\n", True),
    ],
)
def test_nodes_of_the_platforms_have_to_have_the_images(
    tree: Tree, tmp_path: Path, nodes: str, all_there: bool
) -> None:
    (send,) = commands(tree, nodes=True)
    asked = f"if {{ {send.unless}\n}}; then echo yes; else echo no; fi"
    found = sh("dash", asked, tmp_path, f"cat <<'END'\n{nodes}END")
    assert found == ("yes\n" if all_there else "no\n")


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_a_tag_stands_for_a_list_of_what_was_packed(tree: Tree, shell: str, tmp_path: Path) -> None:
    (push,) = commands(tree, nodes=False)
    assert f"push_image r.example/box {tree.index} to.example/r.example/box:1" in push.run
    made = f"{helpers(push.run)}list_of $(manifests_of r.example/box {tree.index})"
    listed = json.loads(sh(shell, made, tmp_path))["manifests"]
    architectures = {entry["digest"]: entry["platform"]["architecture"] for entry in listed}
    assert architectures == {digest: name for name, digest in tree.manifests.items()}
