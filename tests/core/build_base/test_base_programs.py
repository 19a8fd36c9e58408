from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from sealer.build.base_programs import (
    CannotRunHereError,
    architecture_of,
    ask_version,
    is_for,
    run_program,
)
from sealer.errors import ImageError
from sealer.providers import Component
from tests.core.build_base.material import AMD64, ARM64, foreign_program, script


def program(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tool"
    path.write_bytes(script(text))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_architecture_is_read_from_the_header(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "tool"
    path.write_bytes(foreign_program(architecture))
    assert architecture_of(path) == architecture
    assert [is_for(path, AMD64), is_for(path, ARM64)] == [architecture == "amd64", architecture == "arm64"]


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n" * 9])
def test_what_is_no_elf_program_is_for_every_machine(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tool"
    path.write_bytes(content)
    assert architecture_of(path) is None
    assert is_for(path, AMD64)


async def test_a_program_sees_nothing_of_the_operators_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    answer = await run_program(program(tmp_path, "env; ls -A; cat; echo $HOME"), ())
    assert "hunter2" not in answer
    assert str(Path.home()) not in answer.split()


async def test_its_arguments_and_standard_output_are_its_own(tmp_path: Path) -> None:
    assert await run_program(program(tmp_path, 'echo "$1|$2"; echo warning >&2'), ("a b", "$c")) == "a b|$c\n"


async def test_a_program_without_the_bit_is_run_all_the_same(tmp_path: Path) -> None:
    path = program(tmp_path, "echo yes")
    path.chmod(0o644)
    assert await run_program(path, ()) == "yes\n"
    assert path.stat().st_mode & 0o777 == 0o644


async def test_a_program_for_another_machine_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_bytes(foreign_program("arm64"))
    with pytest.raises(CannotRunHereError):
        await run_program(path, ())


async def test_a_failure_says_what_the_program_said_last(tmp_path: Path) -> None:
    path = program(tmp_path, "echo first >&2; echo 'no such flag' >&2; exit 3")
    with pytest.raises(ImageError, match=r"tool --now fails with status 3: 'no such flag'"):
        await run_program(path, ("--now",))


async def test_a_program_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    path = program(tmp_path, f"sleep 100 & echo $! >{tmp_path}/child; sleep 100")
    with pytest.raises(ImageError, match=r"has not ended after 0\.5 seconds"):
        await run_program(path, (), patience=0.5)
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_an_endless_answer_is_cut_off(tmp_path: Path) -> None:
    answer = await run_program(program(tmp_path, "head -c 5000000 /dev/zero"), ())
    assert 1_000_000 < len(answer) < 1_200_000


async def test_a_version_is_read_by_its_pattern(tmp_path: Path) -> None:
    tool = Component(
        name="tool", path="bin/tool", version_arguments=("-v",), version_pattern=r"^tool version (\S+)"
    )
    path = program(tmp_path, "echo warning: 9.9; echo tool version 1.2 built today")
    assert await ask_version(tool, path) == "1.2"
    path = program(tmp_path, "echo usage: tool")
    with pytest.raises(ImageError, match=r"prints no version: tool -v says 'usage: tool'"):
        await ask_version(tool, path)
