"""Pieces of sh that container runtimes share, run by real shells."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.kubernetes import end_containers
from sealer.kubernetes.cni import cni_is_installed, install_cni, restore_cni
from tests.shells import every_shell, run


@pytest.fixture
def pretender(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """Two shells that look like shims of two containerds; each has a child, as a container would be."""
    ours, other = f"{tmp_path}/a.sock", f"{tmp_path}/b.sock"
    words = ["sh", "-c", "sleep 300 & echo $!; wait", "containerd-shim-runc-v2", "-address"]
    shims = [
        subprocess.Popen([*words, socket, "-id", "x"], stdout=subprocess.PIPE) for socket in (ours, other)
    ]
    yield ours, shims[0], shims[1]
    for shim in shims:
        with shim:
            shim.kill()


@every_shell
def test_the_shims_of_one_containerd_end_with_all_their_children(
    shell: tuple[str, ...], pretender: tuple[str, subprocess.Popen[bytes], subprocess.Popen[bytes]]
) -> None:
    socket, ours, other = pretender
    assert ours.stdout is not None
    assert other.stdout is not None
    child, survivor = ours.stdout.readline().strip().decode(), other.stdout.readline().strip().decode()
    # The list of processes still has those that ended until their parent has waited for them.
    ended = subprocess.Popen([*shell, "-e", "-s"], stdin=subprocess.PIPE)
    assert ended.stdin is not None
    ended.stdin.write(end_containers(socket).encode())
    ended.stdin.close()
    assert ours.wait(10) == -9
    assert ended.wait(20) == 0
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
    assert other.poll() is None
    subprocess.run(["kill", survivor], check=True)


@every_shell
def test_cni_programs_come_and_those_before_come_back(shell: tuple[str, ...], tmp_path: Path) -> None:
    source, target, entry = (tmp_path / name for name in ("source", "opt/cni/bin", "entry"))
    for directory in (source, target, entry):
        directory.mkdir(parents=True)
    (source / "bridge").write_text("ours")
    (source / "loopback").write_text("ours")
    (target / "bridge").write_text("theirs")
    holds = cni_is_installed(str(source), str(target))
    install = install_cni(str(source), str(target))
    assert run(shell, holds).returncode != 0
    for _ in range(2):
        assert run(shell, install, entry=str(entry)).returncode == 0
    assert run(shell, holds).returncode == 0
    assert (target / "bridge").read_text() == "ours"
    assert (target / "loopback").stat().st_mode & 0o777 == 0o755
    assert run(shell, restore_cni(str(target)), entry=str(entry)).returncode == 0
    assert (target / "bridge").read_text() == "theirs"


@every_shell
def test_an_image_without_cni_programs_changes_nothing(shell: tuple[str, ...], tmp_path: Path) -> None:
    assert run(shell, cni_is_installed(str(tmp_path), "/opt/cni/bin")).returncode == 0
