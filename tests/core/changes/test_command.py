"""How a command's text reaches the shell, and what tells one command from another."""

from __future__ import annotations

from dataclasses import replace

from sealer.changes import Command, quote
from sealer.changes.script import Setting, converge_script
from tests.core.changes.conftest import Disk, planned


def test_the_text_of_a_command_is_no_argument_of_a_process(disk: Disk) -> None:
    found = disk.root / "found"
    run = f"word=hush-7261\ngrep -ls 'hush-726[1]' /proc/[0-9]*/cmdline > {quote(str(found))} || :"
    disk.converge(Command(title="whisper", run=run, limit=20))
    assert found.read_text() == ""


def test_a_command_that_reads_its_input_finds_none(disk: Disk) -> None:
    found = disk.root / "found"
    disk.converge(Command(title="read", run=f"cat > {quote(str(found))}\necho END >> {quote(str(found))}"))
    assert found.read_text() == "END\n"


def test_an_attempt_of_another_operation_is_reverted_as_well(disk: Disk) -> None:
    half, flag = disk.root / "half", disk.root / "flag"
    command = Command(
        title="install",
        run=f"mkdir {quote(str(half))}\n[ -e {quote(str(flag))} ]",
        unless=f"[ -e {quote(str(flag))} ] && [ -e {quote(str(half))} ]",
        revert=f"rm -rf {quote(str(half))}",
    )
    assert not disk.converge(command).complete
    script = converge_script(Setting(data=str(disk.data), operation="op-2"), planned([command]))
    report, log = disk.run(script)
    assert "File exists" not in log
    assert half.exists()
    assert [change.state for change in report.changes] == ["failed"]


def test_a_guard_and_no_wording_tells_guarded_commands_apart() -> None:
    made = [Command(title="make", run=f"echo {word}", creates="/made") for word in ("one", "two")]
    assert made[0].fingerprint() == made[1].fingerprint()
    assert made[0].fingerprint() != replace(made[0], creates="/other").fingerprint()
    free = [Command(title="make", run=f"echo {word}") for word in ("one", "two")]
    assert free[0].fingerprint() != free[1].fingerprint()
