"""What is said of changes that nothing undoes."""

from __future__ import annotations

from sealer.changes.lasting import what_stays


def test_what_can_not_be_undone_is_named_without_its_kind() -> None:
    assert what_stays(["command:make a token"]) == (
        "no undo is known of: make a token - what it did stays, unless it goes with what is taken back"
    )
    assert what_stays(["command:launch: web", "tree:/srv:0a"]).startswith(
        "no undo is known of: launch: web; /srv:0a - what they did stays"
    )


def test_what_was_only_waited_for_leaves_nothing() -> None:
    assert what_stays(["wait:every node is Ready"]) == ""
    assert "Ready" not in what_stays(["wait:every node is Ready", "command:x"])
    assert what_stays([]) == ""
