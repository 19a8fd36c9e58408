from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.hosts.output import KEPT_LINES, LINE_LIMIT, Collector, LineSplitter, OutputTooLarge


def split(pieces: list[bytes]) -> list[str]:
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    for piece in pieces:
        splitter.add(piece)
    splitter.finish()
    return lines


@given(st.lists(st.binary(max_size=20)))
def test_lines_do_not_depend_on_how_the_bytes_arrive(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert split(pieces) == split([whole]) == split([bytes([byte]) for byte in whole])


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1)))
def test_lines_come_through_unchanged(lines: list[str]) -> None:
    assert split(["".join(f"{line}\n" for line in lines).encode()]) == lines


def test_progress_meters_become_lines() -> None:
    assert split([b"10%\r20%\r\ndone"]) == ["10%", "20%", "done"]


def test_a_long_line_is_cut() -> None:
    assert split([b"x" * (LINE_LIMIT + 5), b"yy\nnext\n"]) == ["x" * LINE_LIMIT, "next"]


def test_the_last_lines_are_kept() -> None:
    splitter = LineSplitter()
    splitter.add(b"".join(b"%d\n" % number for number in range(KEPT_LINES + 10)))
    assert list(splitter.last) == [str(number) for number in range(10, KEPT_LINES + 10)]


def test_output_has_a_limit() -> None:
    collector = Collector(5)
    collector.add(b"12345")
    with pytest.raises(OutputTooLarge):
        collector.add(b"6")
    assert collector.value() == b"12345"
