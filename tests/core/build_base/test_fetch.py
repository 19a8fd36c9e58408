from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import subprocess
from pathlib import Path

import pytest

from sealer.build.fetch import FetchSettings, Wanted, fetch, mirrored
from sealer.build.fetch_stream import Retries
from sealer.errors import ImageError, TransportError, VerificationError
from sealer.events import Event, Message, TransferProgress
from tests.core.build_base.http_server import Resource, Server, http_server

CONTENT = os.urandom(300_000)
QUICK = FetchSettings(retries=Retries(attempts=3, delay=0.001), timeout=5)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tool(server: Server, *, checksum: str | None = None, path: str = "/v1/tool") -> Wanted:
    return Wanted(name="tool", url=f"{server.url}{path}", checksum=checksum or digest(CONTENT))


async def test_a_file_is_downloaded_verified_and_kept(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT)
    (first,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    (second,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert first.read_bytes() == CONTENT
    assert second == first
    assert len(server.requests) == 1


async def test_paths_come_back_in_the_order_asked_for(server: Server, tmp_path: Path) -> None:
    contents = [os.urandom(1000 - index) for index in range(8)]
    for index, content in enumerate(contents):
        server.resources[f"/{index}"] = Resource(content, pause=0.001 * (8 - index))
    wanted = [tool(server, path=f"/{i}", checksum=digest(c)) for i, c in enumerate(contents)]
    paths = await fetch(wanted, tmp_path, settings=QUICK)
    assert [path.read_bytes() for path in paths] == contents


async def test_four_files_at_a_time_and_no_more(server: Server, tmp_path: Path) -> None:
    contents = [os.urandom(1000) for _ in range(12)]
    for index, content in enumerate(contents):
        server.resources[f"/{index}"] = Resource(content, pause=0.005)
    wanted = [tool(server, path=f"/{i}", checksum=digest(c)) for i, c in enumerate(contents)]
    await fetch(wanted, tmp_path, settings=QUICK)
    assert server.most_active == 4


@pytest.mark.parametrize(
    "text", ["{hex}", "{hex}\n", "{HEX}  tool\n", "{hex} *./dist/tool\n", "{other}  tool.sig\n{hex}  tool\n"]
)
async def test_the_digest_is_read_from_the_address_of_a_checksum(
    server: Server, tmp_path: Path, text: str
) -> None:
    hexadecimal = hashlib.sha256(CONTENT).hexdigest()
    body = text.format(hex=hexadecimal, HEX=hexadecimal.upper(), other="0" * 64)
    server.resources["/v1/tool"] = Resource(CONTENT)
    server.resources["/v1/tool.sha256"] = Resource(body.encode())
    wanted = tool(server, checksum=f"{server.url}/v1/tool.sha256")
    (path,) = await fetch([wanted], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT
    await fetch([wanted], tmp_path, settings=QUICK)
    assert len(server.requests) == 2


async def test_files_may_share_one_text_of_checksums(server: Server, tmp_path: Path) -> None:
    contents = [os.urandom(1000) for _ in range(6)]
    lines = [f"{hashlib.sha256(content).hexdigest()}  {index}" for index, content in enumerate(contents)]
    signed = "\n".join(("-----BEGIN PGP SIGNED MESSAGE-----", "Hash: SHA256", "", *lines, "-----BEGIN PGP"))
    server.resources["/SHA256SUMS"] = Resource(signed.encode(), pause=0.001)
    for index, content in enumerate(contents):
        server.resources[f"/{index}"] = Resource(content)
    wanted = [tool(server, path=f"/{i}", checksum=f"{server.url}/SHA256SUMS") for i in range(6)]
    paths = await fetch(wanted, tmp_path, settings=QUICK)
    assert [path.read_bytes() for path in paths] == contents


async def test_a_page_that_holds_no_checksum_is_refused(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT)
    server.resources["/v1/tool.sha256"] = Resource(b"<html>please log in</html>")
    with pytest.raises(TransportError, match=r"/v1/tool.sha256 holds no sha256 digest for tool"):
        await fetch([tool(server, checksum=f"{server.url}/v1/tool.sha256")], tmp_path, settings=QUICK)


async def test_a_connection_that_is_cut_is_resumed_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, cuts=[100_000, 100_000, 50_000, 10_000])
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT
    asked = [headers.get("range") for headers in server.asked("/v1/tool")]
    assert asked == [None, "bytes=100000-", "bytes=200000-", "bytes=250000-", "bytes=260000-"]
    assert all(headers.get("if-range", '"one"') == '"one"' for headers in server.asked("/v1/tool"))


async def test_what_an_earlier_run_left_is_resumed(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, cuts=[100_000, 0, 0, 0])
    with pytest.raises(TransportError, match="tool can't be downloaded"):
        await fetch([tool(server)], tmp_path, settings=QUICK)
    server.resources["/v1/tool"] = Resource(CONTENT)
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1].headers["range"] == "bytes=100000-"


async def test_what_an_interrupted_run_left_is_resumed(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, pause=0.05)
    half = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, TransferProgress) and event.moved > 0:
            half.set()

    interrupted = asyncio.create_task(fetch([tool(server)], tmp_path, settings=QUICK, sink=watch))
    await half.wait()
    interrupted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await interrupted
    server.resources["/v1/tool"].pause = 0
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT
    assert int(server.requests[-1].headers["range"].removeprefix("bytes=").removesuffix("-")) > 0


async def test_a_file_that_changed_in_between_is_downloaded_anew(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(os.urandom(300_000), cuts=[100_000, 0, 0, 0], etag='"old"')
    with pytest.raises(TransportError):
        await fetch([tool(server)], tmp_path, settings=QUICK)
    server.resources["/v1/tool"] = Resource(CONTENT, etag='"new"')
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT


async def test_a_date_serves_to_resume_when_there_is_no_strong_tag(server: Server, tmp_path: Path) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.resources["/v1/tool"] = Resource(CONTENT, cuts=[100_000], etag='W/"weak"', modified=date)
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1].headers["if-range"] == date


async def test_a_server_that_marks_no_version_is_asked_for_the_whole_again(
    server: Server, tmp_path: Path
) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, cuts=[100_000], etag="")
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT
    assert "range" not in server.requests[-1].headers


async def test_parts_of_two_versions_put_together_are_found_out(server: Server, tmp_path: Path) -> None:
    lying = '"same tag for both"'
    server.resources["/v1/tool"] = Resource(os.urandom(300_000), cuts=[100_000, 0, 0, 0], etag=lying)
    with pytest.raises(TransportError):
        await fetch([tool(server)], tmp_path, settings=QUICK)
    server.resources["/v1/tool"] = Resource(CONTENT, etag=lying)
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT


async def test_wrong_bytes_are_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(b"something else")
    with pytest.raises(
        VerificationError, match=r"tool from .*/v1/tool has the digest sha256:\w+, but its recipe"
    ):
        await fetch([tool(server)], tmp_path, settings=QUICK)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []


async def test_errors_that_pass_are_waited_for(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, statuses=[503, 429], headers="retry-after: 0\r\n")
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT


async def test_errors_that_stay_end_it(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, statuses=[503] * 9)
    with pytest.raises(TransportError, match="the server answers 503") as caught:
        await fetch([tool(server)], tmp_path, settings=QUICK)
    assert caught.value.hint is not None
    assert len(server.requests) == QUICK.retries.attempts


async def test_what_is_not_there_is_asked_for_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"tool can't be downloaded from .*: the server answers 404"):
        await fetch([tool(server)], tmp_path, settings=QUICK)
    assert len(server.requests) == 1


async def test_a_server_that_stalls_is_given_up(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, pause=30)
    settings = FetchSettings(retries=Retries(attempts=1), timeout=0.2)
    with pytest.raises(TransportError, match="tool can't be downloaded"):
        await asyncio.wait_for(fetch([tool(server)], tmp_path, settings=settings), 10)


async def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(location=f"{server.url}/elsewhere")
    server.resources["/elsewhere"] = Resource(CONTENT, cuts=[1000])
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    assert path.read_bytes() == CONTENT


async def test_a_file_damaged_in_the_cache_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT)
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK)
    path.write_bytes(b"damaged")
    events: list[Event] = []
    (path,) = await fetch([tool(server)], tmp_path, settings=QUICK, sink=events.append)
    assert path.read_bytes() == CONTENT
    assert [event.text for event in events if isinstance(event, Message)] == [
        "tool was damaged in the cache; it is downloaded again"
    ]


async def test_progress_ends_with_the_whole_file(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, cuts=[100_000])
    events: list[Event] = []
    await fetch([tool(server)], tmp_path, settings=QUICK, sink=events.append)
    progress = [event for event in events if isinstance(event, TransferProgress)]
    assert {event.total for event in progress} == {len(CONTENT)}
    assert progress[-1].moved == len(CONTENT)


async def test_a_mirror_keeps_host_and_path_below_its_own(server: Server, tmp_path: Path) -> None:
    server.resources["/cache/dl.example.com/v1/tool"] = Resource(CONTENT)
    wanted = Wanted(name="tool", url="https://dl.example.com/v1/tool", checksum=digest(CONTENT))
    settings = FetchSettings(mirror=f"{server.url}/cache/", retries=QUICK.retries)
    (path,) = await fetch([wanted], tmp_path, settings=settings)
    assert path.read_bytes() == CONTENT


def test_an_address_without_a_mirror_stays_as_it_is() -> None:
    assert mirrored("https://dl.example.com/v1/tool", None) == "https://dl.example.com/v1/tool"


async def test_a_mirrors_password_is_sent_but_never_shown(server: Server, tmp_path: Path) -> None:
    mirror = server.url.replace("http://", "http://user:pass-word@")
    wanted = Wanted(name="tool", url="https://dl.example.com/v1/tool", checksum=digest(CONTENT))
    settings = FetchSettings(mirror=mirror, retries=QUICK.retries)
    with pytest.raises(TransportError) as caught:
        await fetch([wanted], tmp_path, settings=settings)
    assert "pass-word" not in f"{caught.value} {caught.value.hint}"
    assert server.requests[0].headers["authorization"].startswith("Basic ")


async def test_two_runs_at_once_share_one_download(server: Server, tmp_path: Path) -> None:
    server.resources["/v1/tool"] = Resource(CONTENT, pause=0.01)
    first, second = await asyncio.gather(
        fetch([tool(server)], tmp_path, settings=QUICK), fetch([tool(server)], tmp_path, settings=QUICK)
    )
    assert first == second
    assert len(server.requests) == 1


async def test_an_unreachable_server_is_named(tmp_path: Path, server: Server) -> None:
    wanted = Wanted(name="tool", url="http://127.0.0.1:1/tool", checksum=digest(CONTENT))
    with pytest.raises(TransportError, match=r"tool can't be downloaded from http://127.0.0.1:1/tool"):
        await fetch([wanted], tmp_path, settings=QUICK)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of nobody's authority, for the loopback, with its key in one file."""
    path = tmp_path / "server.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", path, "-out", path], check=True, capture_output=True)
    return path


async def test_a_certificate_of_an_unknown_authority_is_refused_at_once(
    tmp_path: Path, certificate: Path, server: Server
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with http_server(context) as secured:
        secured.resources["/v1/tool"] = Resource(CONTENT)
        with pytest.raises(TransportError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            await fetch([tool(secured)], tmp_path / "cache", settings=QUICK)
        assert "SSL_CERT_FILE" in (caught.value.hint or "")
        assert secured.requests == []


async def test_an_authority_of_ones_own_is_trusted_and_must_not_lead_out_of_tls(
    tmp_path: Path, certificate: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server.resources["/plain"] = Resource(CONTENT)
    async with http_server(context) as secured:
        secured.resources["/v1/tool"] = Resource(CONTENT)
        secured.resources["/leaves"] = Resource(location=f"{server.url}/plain")
        (path,) = await fetch([tool(secured)], tmp_path / "cache", settings=QUICK)
        assert path.read_bytes() == CONTENT
        with pytest.raises(TransportError, match=r"it leads to http://.*, which is not secured by TLS"):
            await fetch([tool(secured, path="/leaves")], tmp_path / "empty", settings=QUICK)


async def test_a_checksum_of_another_kind_is_the_recipes_fault(tmp_path: Path, server: Server) -> None:
    with pytest.raises(ImageError, match="'md5:abc' is no checksum of a download"):
        await fetch([tool(server, checksum="md5:abc")], tmp_path, settings=QUICK)


async def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path, server: Server) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImageError, match="downloads can't be kept in"):
        await fetch([tool(server)], tmp_path / "file", settings=QUICK)
