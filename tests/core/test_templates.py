"""The part of Go's templates that files of images use."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import ImageError, Place
from sealer.templates import render

ENVIRONMENT = {"a": "1", "empty": "", "text": 'x "y"', "secret": "cGFzcw==", "no": "false", "IPv4": "1"}


# What Go's text/template makes of the same with a map, and "" where a key is missing (missingkey=zero).
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a { b } c }} d", "a { b } c }} d"),
        ("<{{ .a }}>{{.a}}{{ .IPv4}}", "<1>11"),
        ("{{ .none }}", ""),
        ("{{ if .a }}yes{{ else }}no{{ end }}", "yes"),
        ("{{if .empty}}yes{{else}}no{{end}}", "no"),
        ("{{ if .no }}yes{{ end }}", "yes"),
        ("{{ if false }}yes{{ else if true }}no{{ end }}", "no"),
        ("{{ if .none }}a{{ else if .a }}b{{ else }}c{{ end }}", "b"),
        ("{{ if .a }}{{ if .none }}x{{ else }}y{{ end }}{{ end }}", "y"),
        ("{{ if .none }}{{ .a }}{{ if .a }}x{{ end }}{{ end }}", ""),
        ('{{ if eq .a "1" }}one{{ end }}', "one"),
        ('{{ if eq .a "2" "1" }}one{{ end }}', "one"),
        ("{{ if eq .a 1 2 }}one{{ end }}", "one"),
        ('{{ if ne .a "1" }}one{{ end }}', ""),
        ('{{ eq .a "1" }} {{ not .a }}', "true false"),
        ("{{ if not .none }}x{{ end }}", "x"),
        ("{{ if and .a .empty }}x{{ end }}{{ if or .empty .a }}y{{ end }}", "y"),
        ("{{ and .a .text }}{{ or .empty .a }}", 'x "y"1'),
        ("{{ if and .a (not .empty) }}{{ if (eq (upper `b`) `B`) }}in{{ end }}{{ end }}", "in"),
        ('{{ .none | default "d" }}', "d"),
        ("{{ .empty | upper | default `d` }}{{ default 3 .a }}", "d1"),
        ('{{ default "d" .a }}', "1"),
        ("{{ .text | quote }}", '"x \\"y\\""'),
        ("{{ b64enc .text | b64dec }}", 'x "y"'),
        ("{{ .secret | b64dec | upper }}", "PASS"),
        ('{{ "{{ }}" }}', "{{ }}"),
        ("{{ `raw \\n` }}", "raw \\n"),
        ("a\n {{- .a -}} \n b", "a1b"),
        ("a {{-3}}", "a -3"),
        ("a {{/* nothing }} */}} b", "a  b"),
        ("a{{- /* x */ -}} b", "ab"),
    ],
)
def test_what_a_template_comes_to(text: str, expected: str) -> None:
    assert render(text, ENVIRONMENT, "f") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ .a", "the action has no }}"),
        ("{{ if .a }}", "the if has no end"),
        ("{{ if .a }}" * 51 + "{{ end }}" * 51, "ifs are nested deeper than 50"),
        ("{{ end }}", "there is no if to end"),
        ("{{ else }}", "there is no if that this else belongs to"),
        ("{{ else if .a }}", "there is no if that this else belongs to"),
        ("{{ if .a }}{{ else }}{{ else }}", "there is no if that this else belongs to"),
        ("{{ if .a }}{{ else with .a }}", "'with' can't stand here"),
        ("{{ if }}", "an expression is missing"),
        ("{{ }}", "an expression is missing"),
        ("{{ .a | }}", "an expression is missing"),
        ("{{ range .a }}{{ end }}", "'range' is no function"),
        ("{{ if .empty }}{{ include .a }}{{ end }}", "'include' is no function"),
        ("{{ .a | sha256sum }}", "'sha256sum' is no function"),
        ("{{ .a | .a }}", "'.a' is no function"),
        ("{{ x }}", "'x' is no function"),
        ("{{ .a.b }}", "'.a.b' is not understood"),
        ("{{ $x := .a }}", "'$x' is not understood"),
        ("{{ .a .a }}", "'.a' can't stand here"),
        ("{{ .a end }}", "'end' can't stand here"),
        ("{{ (.a }}", "a ) is missing"),
        ("{{ " + "(" * 52 + " .a", "the action has no }}"),
        ("{{ " + "(" * 52 + ".a" + ")" * 52 + " }}", "parentheses are nested deeper than 50"),
        ("{{ quote }}", "quote takes 1 values, not 0"),
        ("{{ .a | default }}", "default takes 2 values, not 1"),
        ("{{ eq .a }}", "eq takes at least 2 values, not 1"),
        ('{{ "x" | b64dec }}', "b64dec was given something that is no base64"),
        ('{{ "\\q" }}', '"\\q" is malformed'),
    ],
)
def test_what_can_not_be_rendered_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ImageError) as caught:
        render(f"x\n  {text}", ENVIRONMENT, "f")
    assert caught.value.message.startswith(f"template: {message}")
    assert re.match(r"f:2:\d+", str(caught.value.place))


def test_a_place_is_that_of_the_action() -> None:
    with pytest.raises(ImageError) as caught:
        render("a\n b {{ .a }}{{ x }}\nc", ENVIRONMENT, "f")
    assert caught.value.place == Place(file="f", line=2, column=12, text=" b {{ .a }}{{ x }}")


def test_where_it_counts_a_variable_that_is_not_set_is_an_error() -> None:
    forgiven = (
        '{{ if .none }}x{{ end }}{{ .none | default "d" }}{{ .none | upper | default "e" }}{{ or .none .a }}'
        "{{ if .none }}{{ .none }}{{ end }}{{ .empty }}"
    )
    assert render(forgiven, ENVIRONMENT, "f", strict=True) == "de1"
    for text in ("{{ .none }}", "{{ .none | quote }}", "{{ eq .none .a }}"):
        with pytest.raises(ImageError, match="the variable none is not set") as caught:
            render(text, ENVIRONMENT, "f", strict=True)
        assert 'default "…"' in (caught.value.hint or "")


@given(st.text())
def test_a_text_without_actions_stays_as_it_is(text: str) -> None:
    plain = text.replace("{{", "{")
    assert render(plain, {}, "f") == plain


PIECES = [
    "{{",
    "}}",
    "-",
    " ",
    ".a",
    "if",
    "else",
    "end",
    "|",
    '"',
    "`",
    "/*",
    "*/",
    "x\n",
    "eq",
    "(",
    ")",
    "1",
]


@given(st.lists(st.sampled_from(PIECES)) | st.lists(st.text(alphabet='{}-.|()"`a if end\\n')), st.booleans())
def test_any_text_is_rendered_or_refused_with_a_place(pieces: list[str], strict: bool) -> None:
    try:
        render("".join(pieces), ENVIRONMENT, "f", strict=strict)
    except ImageError as error:
        assert isinstance(error.place, Place)  # noqa: PT017  # most texts are refused, and some are not
