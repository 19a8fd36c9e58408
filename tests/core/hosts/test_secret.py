from __future__ import annotations

import base64
import json
import pickle
import shlex
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import SealerError, UsageError
from sealer.hosts import Redactor, Secret, SshSettings, resolve_secret

# A mask is made of asterisks, so a secret made of them can't be told from it.
secrets = st.text(st.characters(exclude_characters="*", codec="utf-8"), min_size=1, max_size=20)


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {secret!s:>5} %s" % secret
    assert "hunter2" not in shown
    assert "***" in shown
    assert secret.reveal() == "hunter2"


def test_settings_with_secrets_do_not_show_them() -> None:
    settings = SshSettings(password=Secret("hunter2"), passphrase=Secret("open sesame"))
    assert "hunter2" not in repr(settings)
    assert "sesame" not in repr(settings)


def test_a_secret_can_not_be_written_down() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("hunter2"))


def test_secrets_with_equal_values_are_equal() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "hunter2")
    assert resolve_secret("env:MY_PASSWORD").reveal() == "hunter2"


def test_from_a_file_without_its_final_newline(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("two\nlines\n\n")
    assert resolve_secret(f"file:{tmp_path}/password").reveal() == "two\nlines\n"


def test_from_a_program() -> None:
    assert resolve_secret("cmd:printf '%s\\n' 'it is:me'").reveal() == "it is:me"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE is not set"),
        ("file:/nonexistent/password", "No such file"),
        ("cmd:exit 3", "failed with status 3"),
        ("cmd:true", "empty"),
        ("cmd:printf '\\377'", "no UTF-8"),
    ],
)
def test_what_can_not_be_fetched_is_told(reference: str, words: str) -> None:
    with pytest.raises(SealerError, match=words):
        resolve_secret(reference)


@pytest.mark.parametrize("text", ["hunter2", "vault:hunter2", "env:", ""])
def test_a_secret_in_place_of_a_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_secret(text)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@given(st.lists(secrets, min_size=1, max_size=5), st.data())
def test_no_secret_is_left_in_a_text(values: list[str], data: st.DataObject) -> None:
    pieces = st.lists(st.one_of(st.sampled_from(values), st.text(max_size=10)), max_size=10)
    text = "".join(data.draw(pieces))
    redacted = Redactor(map(Secret, values)).redact(text)
    assert [value for value in values if value in redacted] == []


@given(st.text(st.characters(exclude_characters="~")))
def test_texts_without_secrets_stay_as_they_are(text: str) -> None:
    assert Redactor(["~hunter2~"]).redact(text) == text


@pytest.mark.parametrize(
    "write",
    [
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.b64encode(f"{value}\n".encode()).decode(),
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: quote(value, safe=""),
        shlex.quote,
    ],
)
def test_secrets_are_found_in_other_forms(write: object) -> None:
    value = 'it\'s a "pässword"/&'
    assert callable(write)
    redacted = Redactor([value]).redact(f"before {write(value)} after")
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert "***" in redacted
    assert len(redacted) < 20


def test_each_line_of_a_long_secret_is_masked() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqh\nkiG9w0BAQEFAASCB\n-----END KEY-----\n"
    redactor = Redactor([key])
    assert redactor.redact("  kiG9w0BAQEFAASCB") == "  ***"
    assert redactor.redact(f"key={key}.") == "key=***."


def test_a_secret_that_begins_another_does_not_uncover_its_end() -> None:
    redactor = Redactor(["hunter"])
    redactor.add("hunter2000")
    assert redactor.redact("it is hunter2000") == "it is ***"
