"""Commands on hosts: quoting in one place, and who is chosen."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.cluster.executing import Executed, Execution, chosen_hosts, environment, script_of
from sealer.clusterfile import ClusterSpec, HostSpec
from sealer.errors import UsageError

SPEC = ClusterSpec(
    hosts=(
        HostSpec(address="10.0.0.2", roles=("node",), labels={"zone": "a"}),
        HostSpec(address="10.0.0.1", roles=("master",)),
        HostSpec(address="10.0.0.3", roles=("node",)),
    )
)


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=2))
def test_the_words_of_a_command_reach_it_as_they_are(words: list[str]) -> None:
    if any(words):
        assert shlex.split(script_of(words)) == words


def test_one_word_is_a_script() -> None:
    assert script_of(["df -h / | tail -1"]) == "df -h / | tail -1"


@pytest.mark.parametrize("words", [[], [""], ["", ""]])
def test_nothing_to_run(words: list[str]) -> None:
    with pytest.raises(UsageError, match="what is to be run"):
        script_of(words)


@pytest.mark.parametrize(
    ("roles", "hosts", "expected"),
    [
        ("", "", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        ("master", "", ["10.0.0.1"]),
        ("master,node", "10.0.0.2-10.0.0.9", ["10.0.0.2", "10.0.0.3"]),
        ("", "zone=a,10.0.0.1", ["10.0.0.1", "10.0.0.2"]),
        ("node", "zone=a", ["10.0.0.2"]),
    ],
)
def test_hosts_are_chosen_by_roles_and_by_selectors(roles: str, hosts: str, expected: list[str]) -> None:
    found = chosen_hosts(SPEC, Execution(words=("x",), roles=roles, hosts=hosts))
    assert [host.address for host in found] == expected


def test_no_host_is_chosen() -> None:
    with pytest.raises(UsageError, match="no host of cluster my-cluster is chosen") as caught:
        chosen_hosts(SPEC, Execution(words=("x",), hosts="10.9.9.9"))
    assert "10.0.0.1 (master)" in (caught.value.hint or "")


def test_the_environment_bears_blanks_and_quotes() -> None:
    spec = ClusterSpec(name="c", data_root="/data of 'ours'")
    script = environment(spec, "/etc/a b.conf") + '\nprintf "%s|%s" "${PATH%%:*}" "$KUBECONFIG"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "/data of 'ours'/c/rootfs/bin|/etc/a b.conf"
    assert "KUBECONFIG" not in environment(spec, "")


def test_a_host_that_could_not_be_asked_is_plain_data_too() -> None:
    plain = Executed(host="a", exit_status=None, problem="no route").to_plain()
    assert plain == {
        "host": "a",
        "exit_status": None,
        "stdout": "",
        "stderr": "",
        "error": "no route",
        "seconds": 0.0,
    }
