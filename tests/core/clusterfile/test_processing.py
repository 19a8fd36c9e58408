from __future__ import annotations

import base64

import pytest
import yaml

from sealer.clusterfile.processing import content_of
from sealer.clusterfile.settings import Processor, Strategy
from sealer.errors import UsageError

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {old: b2xk}\n"


def made(data: str, current: str | None = None, *process: str, merge: bool = False) -> str:
    strategy = Strategy.MERGE if merge else Strategy.OVERWRITE
    return content_of(data, current, strategy=strategy, process=tuple(map(Processor, process)), name="f")


def test_a_text_takes_the_place_of_the_file() -> None:
    assert made("any text", "old") == "any text"


def test_data_are_merged_into_every_document() -> None:
    current = "# --- not the end\na: {b: 1, c: [1]}\n---\nd: 2\n---\n"
    found = list(yaml.safe_load_all(made("a: {c: [2], e: 3}", current, merge=True)))
    assert found == [{"a": {"b": 1, "c": [2], "e": 3}}, {"d": 2, "a": {"c": [2], "e": 3}}]


def test_without_a_file_to_merge_into_it_is_made() -> None:
    assert yaml.safe_load(made("a: 1", None, merge=True)) == {"a": 1}


def test_values_become_json_in_base64_in_a_secret() -> None:
    found = yaml.safe_load(
        made("login: {username: a, passwd: b}", SECRET, "value", "toJson", "toBase64", "toSecret")
    )
    assert found["data"]["old"] == "b2xk"
    assert base64.b64decode(found["data"]["login"]) == b'{"username":"a","passwd":"b"}'


def test_a_secret_gets_base64_also_when_nobody_asks_for_it() -> None:
    found = yaml.safe_load(made("password: word", SECRET, "toSecret"))
    assert base64.b64decode(found["data"]["password"]) == b"word"


def test_the_whole_as_json() -> None:
    assert made("a: [1, true]", None, "toJson") == '{"a":[1,true]}'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a: 1", None, "toSecret"), "no file f with a Secret"),
        (("[1]", SECRET, "toSecret"), "no mapping"),
        (("[1]", None, "value", "toJson"), "no mapping, of whose values"),
        (("a: [", None, "toJson"), "no YAML"),
    ],
)
def test_what_does_not_fit_is_told(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(*arguments)


@pytest.mark.parametrize("current", ["[1]", "a: ["])
def test_what_can_not_be_merged_into(current: str) -> None:
    with pytest.raises(UsageError, match="nothing can be merged into it"):
        made("a: 1", current, merge=True)
