"""Registries that can't answer just now are asked again, with growing delays, and the user is told."""

from __future__ import annotations

import pytest

from sealer.errors import TransportError
from sealer.events import Event, Message
from sealer.image import skopeo
from sealer.image.pull import pull
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

from .conftest import content
from .proxy import Outage

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def port_of(registry: RegistryServer) -> int:
    return int(registry.address.rpartition(":")[2])


@pytest.mark.parametrize("answer", [UNAVAILABLE, b""], ids=["unavailable", "broken connection"])
async def test_what_may_pass_is_tried_again(
    store: ImageStore, other: ImageStore, registry: RegistryServer, answer: bytes
) -> None:
    digest = make_image(store, "app:1").digest
    told: list[Event] = []
    with Outage(port_of(registry), answer, 1) as outage:
        name = f"127.0.0.1:{outage.port}/app:1"
        await push(store, "app:1", name, skip_tls_verify=True, sink=told.append)
    (again,) = (event for event in told if isinstance(event, Message))
    assert again.warning
    assert f"{name}: trying again in 1s: " in again.text
    with Outage(port_of(registry), answer, 1) as outage:
        name = f"127.0.0.1:{outage.port}/app:1"
        assert await pull(other, name, skip_tls_verify=True) == digest
    assert content(other) == content(store)


async def test_a_registry_that_stays_away_is_named_with_what_it_says(
    other: ImageStore, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skopeo, "_DELAYS", (0.01, 0.02))
    with (
        Outage(port_of(registry), UNAVAILABLE, 99) as outage,
        pytest.raises(TransportError) as caught,
    ):
        await pull(other, f"127.0.0.1:{outage.port}/app:1", skip_tls_verify=True)
    said = f"127.0.0.1:{outage.port} has trouble: it answers 503 (Service Unavailable)"
    assert caught.value.message == said
    assert caught.value.hint == "try again later: what arrived is kept"
