"""Remote files of applications, from a server that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealer.build.fetch_stream import Retries
from sealer.build.remote import Downloads, download
from sealer.errors import Place, SourceErrors
from sealer.events import Message
from sealer.kubefile.instructions import RemoteSource

from ..build_base.http_server import Resource, Server, http_server
from .helpers import Workshop, files

FAST = Retries(attempts=3, delay=0.01)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with http_server() as running:
        yield running


def source(server: Server, path: str, pin: str | None = None) -> RemoteSource:
    return RemoteSource(
        url=f"{server.url}/{path}",
        file_name=path.rpartition("/")[2],
        digest=pin,
        place=Place(file="Kubefile", line=2, column=7),
    )


async def test_remote_files_become_part_of_an_application(server: Server, workshop: Workshop) -> None:
    content = b"kind: Namespace\n"
    server.resources["/d/a.yaml?token=secret"] = Resource(content=content)
    image = await workshop.building("FROM scratch", f"APP web {server.url}/d/a.yaml?token=secret")
    assert files(workshop.store, image) == {"application/apps/web/a.yaml": content}
    assert image.extension.applications[0].files == ("a.yaml",)
    (entry,) = image.config["history"]
    assert entry["created_by"] == f"APP web {server.url}/d/a.yaml#{digest(content).replace(':', '=')}"
    (warning,) = [event.text for event in workshop.events if isinstance(event, Message) and event.warning]
    assert "without TLS and without a digest" in warning


async def test_a_pinned_file_is_checked(server: Server, workshop: Workshop) -> None:
    server.resources["/a.sh"] = Resource(content=b"echo\n")
    pin = digest(b"echo\n").replace(":", "=")
    await workshop.building("FROM scratch", f"APP web {server.url}/a.sh#{pin}")
    server.resources["/a.sh"] = Resource(content=b"evil\n")
    with pytest.raises(SourceErrors) as caught:
        await workshop.building("FROM scratch", f"APP web {server.url}/a.sh#{pin}")
    (found,) = caught.value.problems
    assert (found.place.line, found.place.column) == (2, 9)
    assert found.message == f"{server.url}/a.sh has the digest {digest(b'evil' + bytes([10]))}"


async def test_a_status_other_than_success_is_an_error_and_all_are_told(
    server: Server, tmp_path: Path
) -> None:
    server.resources["/there"] = Resource(content=b"x")
    wanted = {tmp_path / name: source(server, name) for name in ("one", "there", "two")}
    with pytest.raises(SourceErrors) as caught:
        await download(wanted, Downloads(retries=FAST))
    assert len(caught.value.problems) == 2
    assert all("404" in problem.message for problem in caught.value.problems)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


async def test_failures_that_may_pass_are_tried_again(server: Server, tmp_path: Path) -> None:
    server.resources["/a"] = Resource(content=b"abc", statuses=[503, 502])
    assert await download({tmp_path / "a": source(server, "a")}, Downloads(retries=FAST)) == {
        tmp_path / "a": digest(b"abc")
    }
    assert len(server.asked("/a")) == 3


async def test_an_answer_without_end_is_refused(server: Server, tmp_path: Path) -> None:
    server.resources["/a"] = Resource(content=bytes(100_000))
    with pytest.raises(SourceErrors):
        await download({tmp_path / "a": source(server, "a")}, Downloads(retries=FAST, maximum=1000))
    assert not (tmp_path / "a").exists()


async def test_a_server_that_is_not_there(tmp_path: Path, unused_tcp_port: int) -> None:
    away = Server()
    away.url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(SourceErrors) as caught:
        await asyncio.wait_for(download({tmp_path / "a": source(away, "a")}, Downloads(retries=FAST)), 30)
    assert caught.value.problems[0].hint is not None
