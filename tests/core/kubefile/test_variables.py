"""ARG, ENV and what stands in for ``$NAME``."""

from __future__ import annotations

import pytest

from sealer.errors import SourceErrors
from sealer.kubefile import Variables, parse
from sealer.kubefile.instructions import App, Copy, Env, From, Label, Run
from sealer.model import Platform

from .helpers import AMD64, VARIABLES, kubefile, problems

ARM64 = Platform(architecture="arm64", variant="v8")


def env(*lines: str, variables: Variables = VARIABLES) -> dict[str, str]:
    """Return what the ENV and LABEL instructions after FROM set."""
    found = kubefile("FROM scratch", *lines, variables=variables).instructions
    return {pair.name: pair.value for each in found if isinstance(each, Env | Label) for pair in each.pairs}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$x", "1"),
        ("${x}", "1"),
        ("a$x.b", "a1.b"),
        ("${x}y$e", "1y"),
        ("${none:-d}", "d"),
        ("${none-d}", "d"),
        ("${e:-d}", "d"),
        ("${e-d}", ""),
        ("${x:-d}", "1"),
        ("${x:+y}", "y"),
        ("${e:+y}", ""),
        ("${e+y}", "y"),
        ("${none+y}", ""),
        ("${x:?gone}", "1"),
        ("${none:-${x}$x}", "11"),
        ("${none:-'$x'}", "$x"),
        ("'$x'", "$x"),
        ('"$x"', "1"),
        ("\\$x", "$x"),
        ('"\\$x"', "$x"),
        ("$", "$"),
        ("$1", "$1"),
        ("${x:-${none:?gone}}", "1"),
    ],
)
def test_variables_in_values(text: str, expected: str) -> None:
    assert env("ENV x=1 e=", f"ENV found={text}")["found"] == expected


def test_what_one_line_sets_the_next_one_sees() -> None:
    assert env("ENV a=old", "ENV a=new b=$a", "LABEL c=$a") == {"a": "new", "b": "old", "c": "new"}


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("${x", "the brace is not closed", 11),
        ("${}", "the name of a variable is missing", 11),
        ("a${none:?it is gone}", "the brace is not closed", 12),
        ("a${none:?gone}", "none must be set: gone", 12),
        ("${x/a/b}", "this form is unknown", 11),
        ("${a:-" * 25 + "}" * 25, "variables are nested too deeply", 111),
    ],
)
def test_malformed_variables(text: str, message: str, column: int) -> None:
    (found, *_) = problems("FROM scratch", f"ENV found={text}")
    assert (found.message, found.place.column) == (message, column)


def test_a_short_file_does_not_grow_without_bounds() -> None:
    lines = ["ENV a=aaaaaaaaaa", *["ENV a=$a$a$a$a$a$a$a$a$a$a"] * 10]
    (first, *_) = problems("FROM scratch", *lines)
    assert first.message == "the text comes to more than 131072 characters"
    lines = ["ENV a=" + "a" * 100_000, *["LABEL b=$a"] * 100]
    assert "variables of the file come to more than" in problems("FROM scratch", *lines)[0].message


def test_arguments_have_the_values_that_are_given() -> None:
    given = Variables(platform=AMD64, inherited={}, arguments={"a": "given", "c": ""})
    lines = ("ARG a=default", "ARG b=$a", "ARG c=d", "LABEL a=$a b=$b c=$c")
    assert env(*lines, variables=given) == {"a": "given", "b": "given", "c": ""}
    assert env(*lines) == {"a": "default", "b": "default", "c": "d"}


def test_environment_goes_before_arguments() -> None:
    assert env("ENV a=env", "ARG a=arg", "LABEL l=$a")["l"] == "env"


def test_arguments_before_from_are_for_from_until_they_are_declared_anew() -> None:
    found = kubefile("ARG tag=1.0", "ARG other=x", "FROM base:$tag", "ARG tag", "LABEL a=$tag b=$other")
    assert str(found.base.image) == "base:1.0"
    (label,) = [each for each in found.instructions if isinstance(each, Label)]
    assert [pair.value for pair in label.pairs] == ["1.0", ""]
    assert [caution.message for caution in found.cautions] == ["the variable other is not set"]


def test_the_platform_is_known_everywhere() -> None:
    variables = Variables(platform=ARM64, machine=AMD64, inherited={})
    found = kubefile(
        "FROM --platform=$BUILDPLATFORM base:$TARGETARCH",
        "COPY $ARCH/bin ${TARGETOS}-$TARGETVARIANT/",
        "ARG TARGETPLATFORM",
        "LABEL a=$TARGETPLATFORM",
        variables=variables,
    )
    base, copy, _, label = found.instructions
    assert isinstance(base, From)
    assert (str(base.platform), str(base.image)) == ("linux/amd64", "base:arm64")
    assert isinstance(copy, Copy)
    assert (str(copy.sources[0]), str(copy.destination)) == ("arm64/bin", "linux-v8/")
    assert isinstance(label, Label)
    assert label.pairs[0].value == "linux/arm64/v8"


def test_variables_in_applications_and_globs() -> None:
    found = kubefile(
        "FROM scratch", "ENV v=2 n=web", "APP $n local://app-$v.yaml", 'COPY ["a $v", "b/"]', "COPY c\\*$v d"
    )
    app, as_json, glob = found.instructions[2:]
    assert isinstance(app, App)
    assert (str(app.name), app.sources[0]) == ("web", app.sources[0])
    assert "path='app-2.yaml'" in repr(app.sources[0])
    assert isinstance(as_json, Copy)
    assert str(as_json.sources[0]) == "a 2"
    assert isinstance(glob, Copy)
    assert str(glob.sources[0]) == "c\\*2"


def test_commands_keep_their_variables_for_the_shell() -> None:
    found = kubefile("FROM scratch", "ENV a=1", "APP w local://a", "APPCMDS w run $a", "CMD x $a")
    assert [getattr(each, "command", "") for each in found.instructions[-2:]] == ["run $a", "x $a"]


def test_an_unset_variable_is_warned_of_with_the_nearest_name() -> None:
    (caution,) = kubefile("FROM scratch", "ENV VERSION=1", "COPY a$VERSON b").cautions
    assert (caution.message, str(caution.place)) == ("the variable VERSON is not set", "Kubefile:3:7")
    assert caution.hint == "did you mean VERSION?"


def test_arguments_that_nothing_declares_are_told() -> None:
    given = {"used": "1", "unused": "2", "HTTPS_PROXY": "p", "TARGETARCH": "x"}
    variables = Variables(platform=AMD64, inherited={}, arguments=given)
    assert kubefile("FROM scratch", "ARG used", variables=variables).unused == ("unused",)


def test_what_depends_on_a_parent_that_is_not_at_hand_is_left_out() -> None:
    text = b"FROM base\nENV a=1\nENV a=$PARENT\nAPP w local://$a\nLAUNCH"
    unknown = Variables(platform=AMD64)
    with pytest.raises(SourceErrors) as caught:
        parse(text, unknown)
    assert [problem.place.line for problem in caught.value.problems] == [5]
    found = parse(text.removesuffix(b"LAUNCH"), unknown)
    assert (len(found.instructions), found.settled) == (2, False)
    known = Variables(platform=AMD64, inherited={"PARENT": "p"})
    settled = parse(text.removesuffix(b"LAUNCH"), known)
    assert settled.settled
    assert "path='p'" in repr(settled.instructions[-1])


def test_scratch_has_no_environment_to_wait_for() -> None:
    found = parse(b"FROM scratch\nENV a=$b\n", Variables(platform=AMD64))
    assert (found.settled, len(found.cautions)) == (True, 1)


def test_a_quote_in_a_path_that_is_not_closed() -> None:
    (found,) = problems("FROM scratch", 'COPY "a b" c')
    assert (found.message, found.place.column) == ("the quote is not closed", 6)


def test_heredocs_take_variables_unless_their_word_is_quoted() -> None:
    found = kubefile("FROM scratch", "ENV a=1", "COPY <<A <<'B' x /d/", "a=$a", "A", "a=$a", "B", "LABEL l=2")
    copy = found.instructions[2]
    assert isinstance(copy, Copy)
    assert [(each.name, each.content) for each in copy.inline] == [("A", "a=1\n"), ("B", "a=$a\n")]
    assert [str(source) for source in copy.sources] == ["x"]


@pytest.mark.parametrize(
    ("lines", "command", "script"),
    [
        (("RUN echo $a",), ("/bin/sh", "-c", "echo $a"), ""),
        (('RUN ["a", "b c"]',), ("a", "b c"), ""),
        (("RUN [ -f x ] && y",), ("/bin/sh", "-c", "[ -f x ] && y"), ""),
        (("RUN <<EOF", "a", " b", "EOF"), ("/bin/sh", "-c", "a\n b\n"), ""),
        (("RUN <<-EOF", "\ta", "\tEOF"), ("/bin/sh", "-c", "a\n"), ""),
        (("RUN <<EOF", "#!/bin/x", "EOF"), (), "#!/bin/x\n"),
        (
            ("RUN cat <<EOF >/f && b", "$a", "EOF"),
            ("/bin/sh", "-c", "cat <<EOF >/f && b\n$a\nEOF\n"),
            "",
        ),
        (("RUN echo $((1<<2)) '<<A' <<<x",), ("/bin/sh", "-c", "echo $((1<<2)) '<<A' <<<x"), ""),
    ],
)
def test_commands_of_run(lines: tuple[str, ...], command: tuple[str, ...], script: str) -> None:
    found = kubefile("FROM scratch", *lines, "LABEL last=1")
    run = found.instructions[1]
    assert isinstance(run, Run)
    assert (run.command, run.script) == (command, script)
    assert isinstance(found.instructions[-1], Label)
