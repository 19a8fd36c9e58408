from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.clusterfile.template import render_template
from sealer.errors import ImageError, Place

VARIABLES = {"NAME": "web", "EMPTY": "", "CODED": "d2Vi", "IPv4": "1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {{ .NAME }} b", "a web b"),
        ("{{.NAME}}{{ .NAME}}", "webweb"),
        ("{{ .NAME | b64enc }}", "d2Vi"),
        ("{{ b64dec .CODED | upper | quote }}", '"WEB"'),
        ('{{ .MISSING | default "x" }}{{ .EMPTY | default `y` }}{{ default 3 .NAME }}', "xyweb"),
        ("a\n{{- /* nothing */ -}}\n b", "ab"),
        ("{{ if .NAME }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if .MISSING }}yes{{ else if eq .NAME `web` }}else{{ end }}", "else"),
        ("{{ if and .NAME (not .EMPTY) }}{{ if ne .NAME `x` }}in{{ end }}{{ end }}", "in"),
        ("{{ if or .EMPTY .MISSING }}{{ .NOWHERE }}{{ end }}", ""),
        ("{{ if eq .IPv4 1 2 }}one{{ end }}", "one"),
        ("a { b } c }} d", "a { b } c }} d"),
        ("a  {{- .NAME -}}  b", "awebb"),
    ],
)
def test_what_is_understood(text: str, expected: str) -> None:
    assert render_template(text, VARIABLES, "f") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ .MISSING }}", "the variable MISSING is not set"),
        ("{{ range .NAME }}{{ end }}", "range is no function"),
        ("{{ .NAME.field }}", "is not understood"),
        ("{{ .NAME | sha256sum }}", "sha256sum is no function; known are b64enc"),
        ("{{ $x := .NAME }}", "is not understood"),
        ("{{ .NAME .NAME }}", "is not understood"),
        ("{{ .NAME | default }}", "default takes 2 values, not 1"),
        ("{{ if .NAME }}", "this if has no end"),
        ("{{ end }}", "there is no if"),
        ("{{ else }}", "there is no if"),
        ("{{ }}", "this action is empty"),
        ("{{ .NAME ", "this action has no }}"),
        ("{{ .NAME | b64dec }}", "no base64"),
        ("{{ else if .NAME }}", "there is no if"),
        ("{{ (.NAME }}", "a ) is missing"),
    ],
)
def test_anything_else_is_an_error_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ImageError, match="f:2:3: ") as caught:
        render_template(f"x\n  {text}", VARIABLES, "f")
    assert message in caught.value.message
    assert isinstance(caught.value.place, Place)


@given(st.text())
def test_a_text_without_actions_stays_as_it_is(text: str) -> None:
    plain = text.replace("{{", "{")
    assert render_template(plain, {}, "f") == plain


@given(st.text(alphabet='{}-.|()"`a if end else eq\n'))
def test_no_text_breaks_it(text: str) -> None:
    found = _rendered(text)
    assert found is None or isinstance(found, Place)


def _rendered(text: str) -> object:
    try:
        render_template(text, VARIABLES, "f")
    except ImageError as error:
        return error.place
    return None
