"""Merging of documents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import PlanError
from sealer_runtime_k8s.merge import arguments_as_lists, arguments_as_mappings, merge

names = st.sampled_from(["a", "b", "apiServer", "networking"])
leaves = st.one_of(st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
documents = st.recursive(
    st.dictionaries(names, leaves, max_size=3),
    lambda inner: st.dictionaries(names, st.one_of(leaves, inner), max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(st.sampled_from(["v", "node-ip", "profiling"]), st.text(max_size=3))


@given(documents)
def test_merging_a_document_with_itself_or_nothing_changes_nothing(document: dict[str, Any]) -> None:
    assert merge(document, document) == merge(document, {}) == merge({}, document) == document


@given(documents, documents)
def test_what_the_user_says_is_in_the_result(base: dict[str, Any], over: dict[str, Any]) -> None:
    def holds(result: Any, wanted: Any) -> bool:
        if isinstance(wanted, dict) and isinstance(result, dict):
            return all(holds(result[key], value) for key, value in wanted.items())
        return bool(result == wanted)

    result = merge(base, over)
    assert holds(result, over)
    assert set(result) == set(base) | set(over)


@given(arguments, arguments)
def test_arguments_are_merged_by_name(base: dict[str, str], over: dict[str, str]) -> None:
    result = merge({"apiServer": {"extraArgs": base}}, {"apiServer": {"extraArgs": over}})
    assert arguments_as_mappings(result)["apiServer"]["extraArgs"] == base | over


@given(arguments)
def test_arguments_survive_being_written_the_other_way(given_arguments: dict[str, str]) -> None:
    document = {"etcd": {"local": {"extraArgs": given_arguments}}}
    assert arguments_as_mappings(arguments_as_lists(document)) == document


def test_inputs_are_left_as_they_were() -> None:
    base = {"apiServer": {"certSANs": ["a"]}}
    result = merge(base, {"apiServer": {"certSANs": ["b", "a"]}})
    assert result == {"apiServer": {"certSANs": ["a", "b"]}}
    assert base == {"apiServer": {"certSANs": ["a"]}}


def test_numbers_and_truth_values_become_the_words_that_programs_take() -> None:
    given_arguments = {
        "audit-log-maxage": 7,
        "profiling": False,
        "v": "2",
        "kube-api-qps": 0.5,
        "alone": None,
    }
    wanted = {"audit-log-maxage": "7", "profiling": "false", "v": "2", "kube-api-qps": "0.5", "alone": ""}
    document = {"apiServer": {"extraArgs": given_arguments}}
    assert arguments_as_mappings(document) == {"apiServer": {"extraArgs": wanted}}
    as_list = [{"name": name, "value": value} for name, value in given_arguments.items()]
    assert arguments_as_mappings({"apiServer": {"extraArgs": as_list}}) == {
        "apiServer": {"extraArgs": wanted}
    }
    assert arguments_as_lists({"extraArgs": None}) == {"extraArgs": []}


@pytest.mark.parametrize("value", ["--v=2", [{"value": "2"}], ["--v=2"], {"v": ["2"]}, {3: "x"}, 7])
def test_what_is_no_argument_is_refused(value: object) -> None:
    for read in (arguments_as_lists, arguments_as_mappings):
        with pytest.raises(PlanError, match="kubeletExtraArgs of kubeadm's configuration holds"):
            read({"nodeRegistration": {"kubeletExtraArgs": value}})
