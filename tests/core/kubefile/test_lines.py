from __future__ import annotations

import pytest

from sealer.errors import SourceErrors
from sealer.kubefile.lines import cut


def texts(data: str | bytes) -> list[str]:
    encoded = data.encode() if isinstance(data, str) else data
    return [line.text for line in cut(encoded, "Kubefile").logical]


def error(data: bytes) -> tuple[str, str]:
    with pytest.raises(SourceErrors) as caught:
        cut(data, "Kubefile")
    (problem,) = caught.value.problems
    return problem.message, str(problem.place)


def test_blank_lines_and_comments_are_left_out() -> None:
    assert texts("\n# a\nFROM x\n  # b\n\t\nCOPY a b\n") == ["FROM x", "COPY a b"]


def test_continuations_are_joined_and_comments_inside_them_are_left_out() -> None:
    assert texts("LABEL a=1 \\\n  # why\n\n  b=2 \\  \n  c=3\nENV x=1") == [
        "LABEL a=1   b=2   c=3",
        "ENV x=1",
    ]


def test_an_escaped_escape_character_does_not_continue_a_line() -> None:
    assert texts("ENV a=\\\\\nENV b=1") == ["ENV a=\\\\", "ENV b=1"]


def test_a_continuation_may_be_the_end_of_the_file() -> None:
    assert texts("ENV a=1 \\") == ["ENV a=1 "]


def test_line_ends_of_windows_and_a_byte_order_mark_are_no_text() -> None:
    assert texts(b"\xef\xbb\xbfFROM x\r\nCOPY a \\\r\n b\r\n") == ["FROM x", "COPY a  b"]


def test_a_directive_chooses_the_escape_character() -> None:
    lines = cut(b"# escape=`\nCOPY a `\n b\\\n", "Kubefile")
    assert lines.escape == "`"
    assert [line.text for line in lines.logical] == ["COPY a  b\\"]


@pytest.mark.parametrize("before", ["", "# syntax=docker/dockerfile:1\n", "#  check = skip=all\n"])
def test_other_directives_may_come_before(before: str) -> None:
    assert cut(f"{before}#Escape = `\nFROM x".encode(), "Kubefile").escape == "`"


@pytest.mark.parametrize("before", ["# note\n", "\n", "FROM x\n"])
def test_a_directive_after_anything_else_is_a_comment(before: str) -> None:
    assert cut(f"{before}# escape=`\n".encode(), "Kubefile").escape == "\\"


def test_wrong_directives() -> None:
    assert error(b"# escape=^\n") == ("'^' can't be an escape character", "Kubefile:1:10")
    assert error(b"# escape=`\n# escape=`\n") == ("the escape directive is given twice", "Kubefile:2:10")


def test_bytes_that_are_no_text() -> None:
    assert error(b"FROM x\nCOPY \xff a") == ("the text is not UTF-8", "Kubefile:2:6")
    assert error("FROM x\nCOPY ä\0 a".encode()) == ("the text holds a NUL character", "Kubefile:2:7")


def test_bodies_of_heredocs_are_no_instructions() -> None:
    lines = cut(b"COPY <<A <<-'B' /d/\nFROM x\nA\n\tRUN y\n\tB\nENV a=1", "Kubefile").logical
    assert [line.text for line in lines] == ["COPY <<A <<-'B' /d/", "ENV a=1"]
    first, second = lines[0].heredocs
    assert (first.offset, first.name, lines[0].body(first)) == (5, "A", "FROM x\n")
    assert (second.literal, lines[0].body(second)) == (True, "RUN y\n")
    assert lines[0].unterminated is None


def test_a_heredoc_without_an_end_is_told() -> None:
    (line,) = cut(b"RUN <<END\nENV a=1\n", "Kubefile").logical
    assert line.unterminated is not None
    assert line.unterminated.name == "END"


def test_every_character_of_a_logical_line_knows_its_place() -> None:
    source = "\n  ENV a=1 \\\n# b\n    c=2 \\\nd=3"
    (line,) = cut(source.encode(), "Kubefile").logical
    physical = source.split("\n")
    for offset, character in enumerate(line.text):
        place = line.place(offset)
        assert physical[place.line - 1][place.column - 1] == character
    assert str(line.place(len(line.text))) == "Kubefile:5:4"
