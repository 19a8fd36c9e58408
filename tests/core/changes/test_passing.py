"""Image layers that a host offers to others while it gets them."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from sealer.changes.helpers import passing, runner
from sealer.changes.quoting import quote

from .conftest import Disk

LAYERS = (b"one" * 1000, b"two" * 100_000)
NAMES = tuple(hashlib.sha256(layer).hexdigest() for layer in LAYERS)

LOOKS_LONG = 'stat() { command stat "$@" 2>/dev/null; sleep 0.5; }'
"""What is seen of a file is old when it is told."""


def stream() -> bytes:
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, layer in zip(NAMES, LAYERS, strict=True):
                member = tarfile.TarInfo(name)
                member.size = len(layer)
                tar.addfile(member, io.BytesIO(layer))
        return buffer.getvalue()


def script(disk: Disk, *lines: str) -> str:
    return "\n".join((runner(), passing(), f"data={quote(str(disk.data))}", *lines, ""))


def test_a_layer_whose_end_comes_while_it_is_looked_at_is_offered_too(disk: Disk) -> None:
    offered = disk.data / "blobs" / "offered" / "one"
    offered.mkdir(parents=True)
    words = " ".join(f"{name}={len(layer)}" for name, layer in zip(NAMES, LAYERS, strict=True))
    text = script(disk, LOOKS_LONG, f"receive {words}")
    sent = stream()
    with subprocess.Popen([*disk.shell, "-c", text], stdin=subprocess.PIPE) as shell:
        assert shell.stdin is not None
        shell.stdin.write(sent[:100_000])
        shell.stdin.flush()
        while not (offered / NAMES[0]).exists():
            time.sleep(0.01)
        # The second one is looked at by now.
        time.sleep(0.2)
        shell.stdin.write(sent[100_000:])
        shell.stdin.close()
        assert shell.wait(timeout=20) == 0
    assert {path.name for path in offered.iterdir()} == set(NAMES)
    assert {path.name for path in (disk.data / "blobs" / "sha256").iterdir()} == set(NAMES)


STARTS = """\
#!/bin/sh
while [ "$1" != -p ]; do shift; done
echo "Server listening on 0.0.0.0 port $2."
exec sleep 30
"""


def test_what_is_offered_twice_ends_each_for_itself_and_what_was_cut_off_is_cleared(disk: Disk) -> None:
    offered, blobs = disk.data / "blobs" / "offered", disk.data / "blobs" / "sha256"
    (offered / "of a host that lost its power").mkdir(parents=True)
    blobs.mkdir()
    (blobs / NAMES[0]).write_bytes(LAYERS[0])
    sshd = disk.root / "sshd"
    sshd.write_text(STARTS)
    sshd.chmod(0o755)
    place = (
        f"private_place() {{ place=$(mktemp -d {disk.root}/sealer-layers-XXXXXX); trap leave_place EXIT; }}"
    )
    lines = (f"PATH={disk.root}:$PATH", place, "own_address() { echo here; }", "exec 3>&1")

    def begin(port: int) -> subprocess.Popen[str]:
        text = script(disk, *lines, f"offer_layers host user {port}")
        running = subprocess.Popen(
            [*disk.shell, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert running.stdout is not None
        assert running.stdout.readline() == f"here {port}\n"
        return running

    def held() -> list[list[str]]:
        return sorted(sorted(path.name for path in one.iterdir()) for one in offered.iterdir())

    with begin(20001) as first, begin(20002) as second:
        offering = script(disk, f"mkdir -p {disk.data}/blobs/incoming", f"cd {disk.data}/blobs/incoming")
        subprocess.run([*disk.shell, "-c", f"{offering}offer_layer {NAMES[0]}"], check=True)
        assert held() == [[NAMES[0]]] * 2
        second.communicate("all\n", timeout=20)
        assert held() == [[NAMES[0]]]
        first.communicate("all\n", timeout=20)
        assert (first.returncode, second.returncode) == (0, 0)
    assert not offered.exists()
    assert not list(disk.root.glob("sealer-layers-*"))


def offer(root: Path) -> list[str]:
    """Return what answers a host that asks for layers."""
    _, _, rest = passing().partition("<< 'OFFER'\n")
    place = root / "place"
    place.mkdir()
    (place / "where").write_text(f"{root / 'offered'}\n")
    (place / "offer").write_text(rest.partition("OFFER\n")[0])
    return ["sh", str(place / "offer")]


def test_who_asks_for_a_layer_that_will_not_come_is_sent_away_with_what_there_is(tmp_path: Path) -> None:
    offered = tmp_path / "offered"
    offered.mkdir()
    (offered / NAMES[0]).write_bytes(LAYERS[0])
    asked = {"SSH_ORIGINAL_COMMAND": " ".join(NAMES), "PATH": os.environ["PATH"]}
    with subprocess.Popen(offer(tmp_path), stdout=subprocess.PIPE, env=asked) as shell:
        with pytest.raises(subprocess.TimeoutExpired):
            shell.wait(timeout=1)
        (offered / ".all").touch()
        try:
            said, _ = shell.communicate(timeout=20)
        finally:
            shell.kill()
    with tarfile.open(fileobj=io.BytesIO(said)) as tar:
        assert tar.getnames() == [NAMES[0]]
