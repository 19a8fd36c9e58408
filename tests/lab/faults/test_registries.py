"""A registry that is gone while an image is pulled from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealer.image.store import ImageStore
from sealer.testing.registry import RegistryServer
from tests.interop.proxy import Proxy
from tests.lab.faults.ground import MIB, noise
from tests.lab.faults.table import FAULTS
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab


def test_the_registry_is_killed_while_the_image_is_pulled(tmp_path: Path) -> None:
    fault = FAULTS["registry/pull"]
    builder, person = plain_operator(tmp_path / "builder"), plain_operator(tmp_path / "person")
    make_plain_image(builder, layers=[{"data": noise(3 * MIB)}])
    with RegistryServer(tmp_path / "registry") as registry:
        there = f"{registry.address}/lab/plain:v1"
        builder.sealer("push", "--skip-tls-verify", IMAGE, there)
        proxy = Proxy(registry.port, limit=500_000)
        name = f"127.0.0.1:{proxy.port}/lab/plain:v1"
        with person.start("pull", "--skip-tls-verify", name) as running:
            with proxy:
                assert proxy.stalled.wait(60)
            said = running.finish(code=fault.code or 0)
        assert fault.says in said, said
        assert ImageStore(person.sealer_home).list() == ()
        person.sealer("pull", "--skip-tls-verify", there)
    pulled = ImageStore(person.sealer_home).resolve(there)
    assert pulled.digest == ImageStore(builder.sealer_home).resolve(IMAGE).digest
