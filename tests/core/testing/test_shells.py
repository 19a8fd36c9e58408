"""Scripts are parsed by every shell there is, and a script that was parsed before is still found wrong."""

from __future__ import annotations

import pytest

from sealer.testing.shells import present_shells, syntax_errors


@pytest.mark.parametrize("time", ["first", "second"])
def test_what_no_shell_can_parse_is_told_of_each(time: str) -> None:
    del time
    found = syntax_errors({"good": "echo yes", "bad": "if true; then echo", "also bad": "if true; then echo"})
    shells = [shell[0] for shell in present_shells()]
    assert [line.partition(" can't parse it: ")[0] for line in found] == [
        f"bad, also bad: {shell}" for shell in shells
    ]


def test_nothing_is_wrong_with_sound_scripts() -> None:
    assert syntax_errors({"a": "echo a", "b": "for x in 1 2; do echo $x; done"}) == []
    assert syntax_errors({}) == []
