"""Hosts of two architectures in one cluster: each has the files that were made for it, from one index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.image.oci import Descriptor, Index
from sealer.image.store import ImageStore
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, ImageType, Launch, Platform
from sealer.testing.images import make_image
from sealer.testing.lab import Lab
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.operator import DATA, Operator
from tests.lab.plain import IMAGE, plain_operator

pytestmark = pytest.mark.lab

AMD64, ARM64 = Platform(architecture="amd64"), Platform(architecture="arm64", variant="v8")
APP = "greeting:v1"

UNAME = """\
#!/bin/sh
case $* in
  -m) echo {machine} ;;
  *) exec /usr/bin/uname "$@" ;;
esac
"""


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    """Return two machines; n2 says that it is one of ARM."""
    lab = module_lab_nodes(2)
    for name, machine in (("n1", "x86_64"), ("n2", "aarch64")):
        path = Path(f"/proc/{lab.node(name).init.pid}/root/usr/local/bin/uname")
        path.write_text(UNAME.format(machine=machine))
        path.chmod(0o755)
    return lab


@pytest.fixture
def operator(lab: Lab, tmp_path: Path) -> Iterator[Operator]:
    """Return someone whose store has an image for both architectures."""
    person = plain_operator(tmp_path).trusting(lab)
    put_cluster_image(person, AMD64, ARM64)
    yield person
    person.forget_cluster()


def put_cluster_image(person: Operator, *platforms: Platform) -> None:
    store = ImageStore(person.sealer_home)
    labels = {RUNTIME_TYPE_LABEL: "plain", RUNTIME_VERSION_LABEL: "v1"}
    shared = {"etc/shared": b"the same"}
    images = [
        make_image(store, None, layers=(shared, program(platform)), labels=labels, platform=platform)
        for platform in platforms
    ]
    put_index(store, IMAGE, images)


def put_application(person: Operator) -> None:
    store = ImageStore(person.sealer_home)
    launch = Launch(cmds=("bin/program",))
    image = make_image(store, None, type=ImageType.APPLICATION, layers=(program(AMD64),), launch=launch)
    put_index(store, APP, [image])


def put_index(store: ImageStore, name: str, images: list[Descriptor]) -> None:
    store.put_index(name, Index(manifests=tuple(images)))


def program(platform: Platform) -> dict[str, bytes]:
    return {"bin/program": str(platform).encode()}


def files_of(lab: Lab, name: str) -> dict[str, str]:
    root = f"{DATA}/rootfs"
    script = f'cd {root} && for f in $(find . -type f); do echo "$f $(cat "$f")"; done'
    found = (line.split(" ", 1) for line in lab.node(name).run(["sh", "-c", script]).stdout.splitlines())
    return dict(found)


def words(operator: Operator) -> tuple[str, ...]:
    return (IMAGE, *operator.host_flags(masters=["n1"], nodes=["n2"]))


def test_each_host_has_the_files_of_its_architecture(lab: Lab, operator: Operator) -> None:
    operator.sealer("run", *words(operator))
    for name, platform in (("n1", AMD64), ("n2", ARM64)):
        found = files_of(lab, name)
        assert found["./bin/program"] == str(platform)
        assert found["./etc/shared"] == "the same"
    operator.sealer("plan", *words(operator), "--detailed-exitcode", code=0)


def test_an_image_without_the_architecture_of_a_host_is_refused(lab: Lab, operator: Operator) -> None:
    put_cluster_image(operator, AMD64)
    done = operator.sealer("run", *words(operator), code=1)
    assert "no image for linux/arm64/v8: the index lists linux/amd64" in done.stderr
    assert operator.operations() == ()
    assert all(node.run(["test", "-e", DATA], check=False).returncode == 1 for node in lab.nodes)


def test_an_application_that_lacks_the_architecture_of_a_host_is_refused(
    lab: Lab, operator: Operator
) -> None:
    operator.sealer("run", *words(operator))
    put_application(operator)
    before = operator.operations()
    refused = operator.sealer("run", APP, code=1).stderr
    second = lab.node("n2").address
    assert f"it lacks linux/arm64/v8 ({second})" in refused
    assert "--platform-policy warn" in refused
    assert operator.operations() == before
