from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.core.build_base.http_server import Server, http_server


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A misbehaving HTTP server that is asked directly, whatever proxy the environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with http_server() as running:
        yield running
