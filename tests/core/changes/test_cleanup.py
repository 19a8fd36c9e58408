"""What is only done when things are taken back."""

from __future__ import annotations

from sealer.changes import Cleanup, Command, quote

from .conftest import Disk


def test_a_cleanup_does_nothing_until_things_are_taken_back_and_then_in_its_turn(disk: Disk) -> None:
    log = quote(str(disk.root / "log"))
    changes = (
        Command(title="first", run="true", revert=f"echo first >> {log}"),
        Cleanup(title="in between", run=f"echo cleanup >> {log}"),
        Command(title="last", run="true", revert=f"echo last >> {log}"),
    )
    assert [change.state for change in disk.converge(*changes).changes] == ["changed"] * 3
    assert not (disk.root / "log").exists()
    assert [change.state for change in disk.converge(*changes).changes] == ["same"] * 3
    other = Cleanup(title="in between", run="another wording")
    assert [change.state for change in disk.converge(other).changes] == ["same"]
    assert disk.undo().complete
    assert (disk.root / "log").read_text() == "last\ncleanup\nfirst\n"
