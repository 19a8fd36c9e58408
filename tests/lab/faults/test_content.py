"""Layers that are damaged, on a host and in the store."""

from __future__ import annotations

import pytest

from sealer.image.store import ImageStore
from sealer.testing.lab import Node
from tests.lab import kills
from tests.lab.faults.ground import LAYERS, Ground
from tests.lab.faults.table import FAULTS
from tests.lab.operator import DATA, Running
from tests.lab.plain import IMAGE, make_plain_image

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("change", ["one byte", "nothing in it"])
def test_a_layer_on_a_host_is_damaged_before_it_is_unpacked(ground: Ground, change: str) -> None:
    """A power cut may leave this behind: what was received last had not reached the disk."""
    store = ImageStore(ground.operator.sealer_home)
    layers = store.resolve(IMAGE).layers
    node = ground.lab.node("n2")

    def kill(running: Running) -> None:
        running.until("operation-started")
        running.kill()

    def damage() -> None:
        kills.wait_for_hosts(ground.lab)
        node.run(["rm", "-rf", f"{DATA}/rootfs", f"{DATA}/layers", f"{DATA}/trees"])
        node.run(["mkdir", "-p", f"{DATA}/blobs/sha256"])
        for layer in layers:
            content = bytearray(store.blob_path(layer.digest).read_bytes())
            content[len(content) // 2] ^= 1
            put(
                node,
                f"{DATA}/blobs/sha256/{layer.digest.partition(':')[2]}",
                bytes(content) if change == "one byte" else b"",
            )

    ground.survive(FAULTS["blob/host"], kill, mend=damage)


def put(node: Node, path: str, content: bytes) -> None:
    octal = "".join(f"\\{byte:03o}" for byte in content)
    node.run(["sh", "-s"], input=f"printf '{octal}' > {path}\n")


def test_a_layer_in_the_store_is_damaged(ground: Ground) -> None:
    store = ImageStore(ground.operator.sealer_home)
    blob = store.blob_path(store.resolve(IMAGE).layers[0].digest)
    sound = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))

    def mend() -> None:
        for node in ground.lab.nodes:
            assert node.run(["ls", f"{DATA}/blobs/sha256"], check=False).stdout == ""
        make_plain_image(ground.operator, layers=LAYERS)

    ground.survive(FAULTS["blob/store"], lambda _: None, mend=mend)
