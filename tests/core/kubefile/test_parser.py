from __future__ import annotations

import gc
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealer.errors import SealerError, SourceErrors
from sealer.kubefile import parse, read
from sealer.kubefile.instructions import LaunchApps

from .helpers import VARIABLES, kubefile, problems

WORDS = [
    *("FROM", "COPY", "ADD", "RUN", "ARG", "ENV", "LABEL", "MAINTAINER", "APP", "APPCMDS", "APPENV"),
    *("CNI", "CSI", "KUBEVERSION", "LAUNCH", "CMDS", "CMD"),
]


def test_all_problems_are_reported_in_the_order_of_places() -> None:
    found = problems(
        "FROM scratch",
        "COPY a",
        "APP x y://z w",
        "ENTRYPOINT x",
        'LAUNCH ["a" "b"]',
    )
    assert [(each.place.line, each.place.column) for each in found] == [
        (2, 7),
        (3, 7),
        (3, 13),
        (4, 1),
        (5, 13),
    ]


def test_a_problem_shows_its_line_with_a_caret() -> None:
    (found,) = problems("FROM scratch", "LAUNCH \\", '  ["a" "b"]')
    assert found.place.excerpt() == '  ["a" "b"]\n       ^'


@pytest.mark.parametrize(
    ("word", "hint"),
    [("LAUCH", "did you mean LAUNCH?"), ("COPPY", "did you mean COPY?"), ("appcmd", "did you mean APPCMDS?")],
)
def test_a_misspelt_instruction_is_answered_with_the_nearest(word: str, hint: str) -> None:
    (found,) = problems("FROM scratch", f"{word} x")
    assert (found.message, found.hint) == (f"there is no instruction {word}", hint)


def test_what_is_like_no_instruction_is_answered_with_all() -> None:
    (found,) = problems("FROM scratch", "%%%")
    assert found.hint is not None
    assert all(word in found.hint for word in WORDS)


def test_a_heredoc_without_an_end() -> None:
    (found,) = problems("FROM scratch", "RUN <<END", "END of it")
    assert found.message == "the heredoc has no end: a line that says just END is missing"


@pytest.mark.parametrize("text", [(), ("",), ("# only a comment",)])
def test_a_file_without_instructions(text: tuple[str, ...]) -> None:
    (found,) = problems(*text)
    assert found.message == "the Kubefile has no instruction"


@pytest.mark.parametrize(
    ("lines", "message", "line"),
    [
        (("COPY a b", "FROM scratch"), "FROM must come first", 1),
        (("COPY a b",), "FROM must come first", 1),
        (("FROM a", "FROM b"), "FROM is given twice", 2),
        (("FROM a", "LAUNCH x", "COPY a b"), "COPY comes after LAUNCH, which must be the last", 3),
        (("FROM a", "CMDS x", "ENV a=1"), "ENV comes after CMDS, which must be the last", 3),
        (("FROM a", "LAUNCH x", "LAUNCH y"), "LAUNCH is given twice", 3),
        (("FROM a", "CMDS x", "CMDS y"), "CMDS is given twice", 3),
        (("FROM a", "LAUNCH x", "CMDS y"), "LAUNCH and CMDS exclude each other", 3),
        (("FROM a", "CMDS x", "launch y"), "LAUNCH and CMDS exclude each other", 3),
    ],
)
def test_the_order_of_instructions(lines: tuple[str, ...], message: str, line: int) -> None:
    (found,) = problems(*lines)
    assert (found.message, found.place.line) == (message, line)


def test_an_instruction_that_is_wrong_does_not_make_from_come_late() -> None:
    assert [found.message for found in problems("FORM scratch", "COPY a b")] == [
        "there is no instruction FORM"
    ]


def test_launch_may_be_the_last_instruction() -> None:
    assert isinstance(kubefile("FROM a", "LAUNCH x").instructions[-1], LaunchApps)


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(SealerError, match="cannot read the Kubefile: No such file") as caught:
        read(tmp_path / "Kubefile")
    assert caught.value.place == str(tmp_path / "Kubefile")


PIECES = [*"ab=[],:/\\\"'`$-. \t<>#0{}*\u00e4\ud7ff\U0001f600", "\\\n", "local://", "--"]
LINES = st.lists(
    st.builds(
        lambda word, rest: f"{word} {''.join(rest)}",
        st.sampled_from([*WORDS, "#", "# escape=", "EOF", ""]),
        st.lists(st.sampled_from(PIECES)),
    )
).map("\n".join)


@given(
    st.one_of(
        st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass")), LINES.map(str.encode)
    )
)
@example(b"FROM scratch\nAPP a https://[\n")
@example(b'FROM scratch\nLAUNCH ["\\ud800"]')
@example(b"FROM scratch\nLABEL \\")
def test_any_bytes_are_a_kubefile_or_answered_with_places(data: bytes) -> None:
    try:
        parse(data, VARIABLES)
    except SourceErrors as errors:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        for problem in errors.problems:
            assert 1 <= problem.place.line <= len(lines)
            assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1


@pytest.mark.parametrize(
    "piece",
    [
        *(b"[", b'"', b"'", b"\\", b" ", b"a ", b"a=", b'"a",', b"\\ \n", b"<<E ", b"#\n", b"*"),
        *(b"$x ", b"${a:-", b"${a:-b}", b"1", b"'<<A \" ", b'\\"', b"a=1,", b"sealer.io/x=1 "),
    ],
)
@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"COPY ",
        b"ENV ",
        b"LAUNCH [",
        b"APPCMDS x [",
        b"KUBEVERSION ",
        b"# escape=",
        b"RUN <<A ",
        b'LABEL a="',
    ],
)
def test_time_grows_with_the_length_alone(start: bytes, piece: bytes) -> None:
    """Were it to grow with the square of the length, the longer text would take a hundred times as long."""

    def seconds(length: int) -> float:
        data = b"FROM scratch\n" + start + piece * (length // len(piece))
        gc.disable()  # a collection takes its time from all that other tests have left, not from the text
        try:
            began = time.process_time()
            with suppress(SourceErrors):
                parse(data, VARIABLES)
            return time.process_time() - began
        finally:
            gc.enable()

    assert seconds(200_000) < 40 * max(seconds(20_000), 0.005)
