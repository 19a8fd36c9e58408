"""How a command's text reaches the shell."""

from __future__ import annotations

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
