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
    offered = disk.data / "blobs" / "offered"
    offered.mkdir(parents=True)
    words = " ".join(f"{name}={len(layer)}" for name, layer in zip(NAMES, LAYERS, strict=True))
    text = script(disk, LOOKS_LONG, f"receive {words}")
    sent = stream()
    with subprocess.Popen([*disk.shell, "-c", text], stdin=subprocess.PIPE) as shell:
        assert shell.stdin is not None
        shell.stdin.write(sent[:100_000])
        shell.stdin.flush()
        # The first is looked at and taken, and then the second one is looked at.
        time.sleep(0.8)
        shell.stdin.write(sent[100_000:])
        shell.stdin.close()
        assert shell.wait(timeout=20) == 0
    assert {path.name for path in offered.iterdir()} == set(NAMES)
    assert {path.name for path in (disk.data / "blobs" / "sha256").iterdir()} == set(NAMES)


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
