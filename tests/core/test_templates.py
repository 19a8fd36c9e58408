"""The part of Go's templates that files of cluster images use."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import ImageError
from sealer.templates import render

ENVIRONMENT = {"a": "1", "empty": "", "text": 'x "y"', "secret": "cGFzcw=="}


# What Go's text/template makes of the same with a map, and "" where a key is missing (missingkey=zero).
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("<{{ .a }}>{{.a}}", "<1>1"),
        ("{{ .none }}", ""),
        ("{{ if .a }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if .empty }}yes{{ else }}no{{ end }}", "no"),
        ("{{ if .none }}a{{ else if .a }}b{{ else }}c{{ end }}", "b"),
        ("{{ if .a }}{{ if .none }}x{{ else }}y{{ end }}{{ end }}", "y"),
        ("{{ if .none }}{{ .a }}{{ if .a }}x{{ end }}{{ end }}", ""),
        ('{{ if eq .a "1" }}one{{ end }}', "one"),
        ('{{ if eq .a "2" "1" }}one{{ end }}', "one"),
        ('{{ if ne .a "1" }}one{{ end }}', ""),
        ("{{ if not .none }}x{{ end }}", "x"),
        ("{{ if and .a .empty }}x{{ end }}{{ if or .empty .a }}y{{ end }}", "y"),
        ('{{ .none | default "d" }}', "d"),
        ('{{ default "d" .a }}', "1"),
        ("{{ .text | quote }}", '"x \\"y\\""'),
        ("{{ b64enc .text | b64dec }}", 'x "y"'),
        ("{{ .secret | b64dec | upper }}", "PASS"),
        ('{{ "{{ }}" }}', "{{ }}"),
        ("{{ `raw \\n` }}", "raw \\n"),
        ("a\n {{- .a -}} \n b", "a1b"),
        ("a {{/* nothing }} */}} b", "a  b"),
        ("a{{- /* x */ -}} b", "ab"),
    ],
)
def test_what_a_template_comes_to(text: str, expected: str) -> None:
    assert render(text, "f", ENVIRONMENT) == expected


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a\n b {{ .a", "the action is not closed", "f:2:4"),
        ("{{ if .a }}", "the if has no end", "f:1:1"),
        ("{{ end }}", "there is no if to end", "f:1:1"),
        ("{{ else }}", "there is no if that this else belongs to", "f:1:1"),
        ("{{ if .a }}{{ else }}{{ else }}", "there is no if that this else belongs to", "f:1:22"),
        ("{{ range .a }}", "the function 'range' is unknown", "f:1:1"),
        ("{{ include .a }}", "the function 'include' is unknown", "f:1:1"),
        ("{{ x }}", "'x' is unknown", "f:1:1"),
        ("{{ .a.b }}", "'.a.b' is unknown", "f:1:1"),
        ("{{ eq (.a) .a }}", "the action is malformed, or nested", "f:1:1"),
        ("{{ .a | }}", "an expression is missing", "f:1:1"),
        ("{{ quote }}", "quote takes another number of arguments", "f:1:1"),
        ('{{ "x" | b64dec }}', "b64dec can't be made of this", "f:1:1"),
    ],
)
def test_what_can_not_be_rendered_is_told_with_its_place(text: str, message: str, place: str) -> None:
    with pytest.raises(ImageError) as caught:
        render(text, "f", ENVIRONMENT)
    assert caught.value.message.startswith(f"template: {message}")
    assert str(caught.value.place) == place


PIECES = ["{{", "}}", "-", " ", ".a", "if", "else", "end", "|", '"', "`", "/*", "*/", "x\n", "eq", "("]


@given(st.lists(st.sampled_from(PIECES)))
def test_any_text_is_rendered_or_refused(pieces: list[str]) -> None:
    with suppress(ImageError):
        render("".join(pieces), "f", ENVIRONMENT)
