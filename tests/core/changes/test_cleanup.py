"""What is only done when things are taken back."""

from __future__ import annotations

from sealer.changes import Cleanup, Command, quote, rollback_only
from sealer.changes.script import rollback_script

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


def test_what_is_for_a_rollback_alone_is_left_out_where_everything_goes(disk: Disk) -> None:
    log = disk.root / "log"
    changes = (
        Command(title="first", run="true", revert=rollback_only(f"echo first >> {quote(str(log))}")),
        Cleanup(title="last", run=rollback_only(f"echo last >> {quote(str(log))}\nfalse")),
    )
    disk.converge(*changes)
    assert disk.undo().complete
    assert not log.exists()
    disk.converge(*changes, Command(title="of before", run="true"))
    report, _ = disk.run(rollback_script(disk.setting(), "op-1"))
    assert not report.complete
    assert log.read_text() == "last\nfirst\n"
