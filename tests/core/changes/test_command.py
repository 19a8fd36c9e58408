"""How a command's text reaches the shell."""

from __future__ import annotations

from sealer.changes import Command, quote
from tests.core.changes.conftest import Disk


def test_the_text_of_a_command_is_no_argument_of_a_process(disk: Disk) -> None:
    found = disk.root / "found"
    run = f"word=hush-7261\ngrep -ls 'hush-726[1]' /proc/[0-9]*/cmdline > {quote(str(found))} || :"
    disk.converge(Command(title="whisper", run=run, limit=20))
    assert found.read_text() == ""


def test_a_command_that_reads_its_input_finds_none(disk: Disk) -> None:
    found = disk.root / "found"
    disk.converge(Command(title="read", run=f"cat > {quote(str(found))}\necho END >> {quote(str(found))}"))
    assert found.read_text() == "END\n"
