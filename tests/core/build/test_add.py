"""ADD: archives, addresses and heredocs; and archives that were made to do harm."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealer.build import archives
from sealer.build.archives import is_archive, unpack
from sealer.errors import ImageError

from .helpers import Workshop, entries, files, names


def info(name: str, **fields: object) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(header, field, value)
    return header


def archive(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]  # any mode
        for header, data in members:
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


TREE = (
    (info("./", type=tarfile.DIRTYPE, mode=0o755), b""),
    (info("./etc/", type=tarfile.DIRTYPE, mode=0o700, uid=3, gid=4), b""),
    (info("./etc/conf", mode=0o640, uid=1, gid=2), b"conf"),
    (info("./etc/link", type=tarfile.SYMTYPE, linkname="../bin/tool"), b""),
    (info("./bin/tool", mode=0o4755), b"tool"),
    (info("./bin/other", type=tarfile.LNKTYPE, linkname="bin/tool"), b""),
)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_of_the_context_is_unpacked_with_what_it_says_of_its_files(
    workshop: Workshop, mode: str
) -> None:
    workshop.put({"tree.bin": archive(*TREE, mode=mode)})
    image = workshop.build("FROM scratch", "ADD tree.bin /opt")
    (layer,) = image.layers
    assert names(workshop.store, layer) == [
        *("opt/", "opt/bin/", "opt/bin/tool", "opt/etc/", "opt/etc/conf", "opt/etc/link", "opt/bin/other")
    ]
    found = {entry.name: entry for entry, _ in entries(workshop.store, layer)}
    conf, tool, other = (found[f"opt/{name}"] for name in ("etc/conf", "bin/tool", "bin/other"))
    assert (conf.mode, conf.uid, conf.gid, conf.mtime) == (0o640, 1, 2, 0)
    assert (found["opt/etc"].mode, found["opt/etc"].uid, found["opt/etc"].gid) == (0o700, 3, 4)
    assert tool.mode == 0o4755
    assert (other.islnk(), other.linkname) == (True, "opt/bin/tool")
    assert files(workshop.store, image)["opt/etc/conf"] == b"conf"


def test_owner_and_mode_of_the_instruction_go_before_those_of_an_archive(workshop: Workshop) -> None:
    workshop.put({"tree.tar": archive((info("a", uid=5), b""))})
    image = workshop.build("FROM scratch", "ADD --chown=7:8 --chmod=0600 tree.tar d/")
    (entry,) = [entry for entry, _ in entries(workshop.store, image.layers[0]) if entry.isreg()]
    assert (entry.name, entry.uid, entry.gid, entry.mode) == ("d/a", 7, 8, 0o600)


def test_an_archive_beside_plain_files(workshop: Workshop) -> None:
    workshop.put({"a.tar": archive((info("in"), b"1")), "plain": "2", "z.gz": gzip.compress(b"no archive")})
    image = workshop.build("FROM scratch", "ADD a.tar plain z.gz d/", "COPY a.tar d/")
    assert sorted(files(workshop.store, image)) == ["d/a.tar", "d/in", "d/plain", "d/z.gz"]


def test_an_archive_may_be_added_as_it_is(workshop: Workshop) -> None:
    workshop.put({"a.tar": archive((info("in"), b"1"))})
    image = workshop.build("FROM scratch", "ADD --unpack=false a.tar d/")
    assert sorted(files(workshop.store, image)) == ["d/a.tar"]


def test_the_same_archive_gives_the_same_layer(workshop: Workshop) -> None:
    workshop.put({"a.tar": archive(*TREE), "b.tar": archive(*TREE[::-1][1:], TREE[-1])})
    one = workshop.build("FROM scratch", "ADD a.tar /", name="a:1")
    workshop.put({"a.tar": archive(*TREE[:1], *TREE[2:5], TREE[1], TREE[5])})
    other = workshop.build("FROM scratch", "ADD a.tar /", name="b:1")
    assert one.layers[0].digest == other.layers[0].digest


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([(info("../x"), b"")], "../x: it lies outside of the archive's root"),
        ([(info("a/../../x"), b"")], "it lies outside of the archive's root"),
        ([(info("/x"), b"")], "/x: it lies outside of the archive's root"),
        ([(info("x", type=tarfile.SYMTYPE, linkname="/etc"), b"")], "it is a link to /etc, an absolute path"),
        (
            [(info("a/x", type=tarfile.SYMTYPE, linkname="../../etc"), b"")],
            "it is a link to ../../etc, outside of the archive",
        ),
        ([(info("x", type=tarfile.LNKTYPE, linkname="/etc/shadow"), b"")], "its other name is outside"),
        ([(info("x", type=tarfile.LNKTYPE, linkname="y"), b"")], "another name of d/y, which is no file"),
        (
            [(info("x", type=tarfile.SYMTYPE, linkname="y"), b""), (info("x/z"), b"")],
            "it lies below a symbolic link",
        ),
        (
            [(info("x", type=tarfile.CHRTYPE, devmajor=1), b"")],
            "it is a device, a pipe or of an unknown",
        ),
        ([(info("x", type=tarfile.BLKTYPE), b"")], "it is a device"),
        ([(info("x", type=tarfile.FIFOTYPE), b"")], "it is a device, a pipe"),
        ([(info("a/.wh.b"), b"")], "a file's name can't start with .wh."),
    ],
)
def test_what_an_archive_must_not_hold(
    workshop: Workshop, members: list[tuple[tarfile.TarInfo, bytes]], said: str
) -> None:
    workshop.put({"bad.tar": archive(*members)})
    with pytest.raises(ImageError) as caught:
        workshop.build("FROM scratch", "ADD bad.tar d")
    assert said in caught.value.message
    assert caught.value.place == "bad.tar"


def test_a_damaged_archive_is_told(workshop: Workshop) -> None:
    workshop.put({"bad.tar.gz": archive((info("a"), b"x" * 100_000), mode="w:gz")[:-4]})
    with pytest.raises(ImageError, match="the archive can't be read"):
        workshop.build("FROM scratch", "ADD bad.tar.gz d")


def test_an_archive_that_comes_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LEAST", 1 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(archive((info("zeros"), bytes(4 << 20)), mode="w:gz"))
    (tmp_path / "out").mkdir()
    with pytest.raises(ImageError, match="the archive comes to more than"):
        unpack(path, "", tmp_path / "out", shown="bomb")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_sparse_file_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    header = info("sparse", type=tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT)
    # Of the old GNU format: one piece of no bytes at 2**60, which is the size of the file (tar(5)).
    huge = b"\x80" + (1 << 60).to_bytes(11, "big")
    block = bytearray(header)
    block[386:410] = huge + b"00000000000\0"
    block[483:495] = huge
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(block) + bytes(1024))
    (tmp_path / "out").mkdir()
    with pytest.raises(ImageError, match="the archive comes to more than"):
        unpack(path, "", tmp_path / "out", shown="a.tar")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(info("x", type=kind, size=1 << 40).tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    (tmp_path / "out").mkdir()
    with pytest.raises(ImageError, match="a header claims 1099511627776 bytes"):
        unpack(path, "", tmp_path / "out", shown="a.tar")


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data in (b"", b"text", gzip.compress(b"text"), b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"):
        path.write_bytes(data)
        assert not is_archive(path)


def test_an_archive_that_no_library_here_can_unpack_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(ImageError, match="compressed with zstd"):
        is_archive(path)


@pytest.fixture
def server() -> Iterator[Callable[[bytes], str]]:
    """A server of one file; returns its address."""
    content = b""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
            pass

    def serve(data: bytes) -> str:
        nonlocal content
        content = data
        return f"http://127.0.0.1:{listening.server_port}/file.tar?token=secret"

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield serve
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_an_address_is_fetched_and_not_unpacked(workshop: Workshop, server: Callable[[bytes], str]) -> None:
    data = archive((info("in"), b"1"))
    digest = hashlib.sha256(data).hexdigest()
    image = workshop.build("FROM scratch", f"ADD --checksum=sha256:{digest} {server(data)} d/")
    (entry,) = [entry for entry, _ in entries(workshop.store, image.layers[0]) if entry.isreg()]
    assert (entry.name, entry.mode) == ("d/file.tar", 0o600)
    (history,) = image.config["history"]
    assert f"sha256={digest}" in history["created_by"]
    assert "secret" not in history["created_by"]


def test_an_archive_that_is_fetched_can_be_unpacked(
    workshop: Workshop, server: Callable[[bytes], str]
) -> None:
    image = workshop.build("FROM scratch", f"ADD --unpack {server(archive((info('in'), b'1')))} d")
    assert files(workshop.store, image) == {"d/in": b"1"}


def test_content_with_another_checksum_is_refused(workshop: Workshop, server: Callable[[bytes], str]) -> None:
    wrong = "0" * 64
    workshop.put({"a": "content"})
    message, line, column = workshop.problem("FROM scratch", f"ADD --checksum=sha256:{wrong} a b")
    assert (message[:26], line, column) == ("a has the digest sha256:ed", 2, 88)
    url = server(b"x")
    (found,) = workshop.problems("FROM scratch", f"ADD --checksum=sha256:{wrong} {url} b")
    assert "has the digest sha256:2d7116" in found.message


def test_heredocs_become_files(workshop: Workshop) -> None:
    workshop.put({"other": "o"})
    image = workshop.build(
        "FROM scratch",
        "ENV who=me",
        "COPY --chmod=0600 <<conf <<'raw' other /etc/",
        "I am $who",
        "conf",
        "$who",
        "raw",
        "COPY <<EOF /one",
        "single",
        "EOF",
    )
    assert files(workshop.store, image) == {
        "etc/conf": b"I am me\n",
        "etc/raw": b"$who\n",
        "etc/other": b"o",
        "one": b"single\n",
    }
    assert [len(list(entries(workshop.store, layer))) for layer in image.layers] == [4, 1]
