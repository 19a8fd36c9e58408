"""Whether a host is taken: what it answers, and what is made of that."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path

import pytest

from sealer.kubernetes import MARK, HostsApart, Unused, occupancy, owner
from sealer.model import Cluster, Host, Probe
from sealer.testing import example_cluster, example_facts, example_host
from tests.shells import every_shell

STATE = Probe(name="toy/state", script="")


class NoOther(Unused):
    id = "toy-unused"
    probe = STATE


def answer(shell: tuple[str, ...], directory: Path, runs: str) -> str:
    """Run the script on a host where one unit runs."""
    script = occupancy(
        units=(f"{directory}/toy.service", f"{directory}/toy-node.service"),
        others=("toy", "other"),
        paths=(f"{directory}/left", f"{directory}/*.yaml"),
    )
    stub = f'systemctl() {{ [ "$3" = "{runs}" ]; }}\n'
    return subprocess.run(shell, input=stub + script, capture_output=True, text=True, check=True).stdout


@every_shell
def test_a_host_says_whose_it_is_or_what_it_has_of_others(shell: tuple[str, ...], tmp_path: Path) -> None:
    assert answer(shell, tmp_path, "") == "none\n"
    (tmp_path / "left").mkdir()
    (tmp_path / "a.yaml").touch()
    assert answer(shell, tmp_path, "other") == f"runs other\nleft {tmp_path}/left\nleft {tmp_path}/a.yaml\n"
    (tmp_path / "toy-node.service").write_text(f"{MARK}my-cluster\n[Unit]\n")
    assert answer(shell, tmp_path, "other") == "ours my-cluster\n"


def host(said: str) -> Host:
    return example_host(1, master=True, facts=example_facts(answers={STATE.name: said} if said else {}))


def found(said: str) -> list[str]:
    return [finding.found for finding in NoOther().evaluate(example_cluster(host(said)))]


def test_hosts_that_are_free_or_of_this_cluster_will_do() -> None:
    assert found("none") == found("ours demo") == []


def test_hosts_of_others_are_named_with_what_they_have() -> None:
    assert found("ours another") == ["it belongs to the cluster another"]
    assert found("runs other\nleft /etc/other") == ["signs of Kubernetes: other, /etc/other"]
    assert len(found("")) == 1


def test_a_host_that_has_signs_of_others_belongs_to_no_cluster() -> None:
    assert owner(host("ours demo"), STATE) == "demo"
    assert owner(host("left demo"), STATE) == owner(host(""), STATE) == ""


class Apart(HostsApart):
    id = "toy-networks"

    def networks(self, cluster: Cluster) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        return [ipaddress.ip_network(text) for text in cluster.env["networks"].split()]


@pytest.mark.parametrize(
    ("networks", "hosts"), [("10.42.0.0/16 fd00::/48", []), ("10.0.0.2/32 fd00::/48", ["10.0.0.2"])]
)
def test_hosts_do_not_lie_in_networks_of_pods(networks: str, hosts: list[str]) -> None:
    view = example_cluster(env={"networks": networks})
    assert [finding.host for finding in Apart().evaluate(view)] == hosts
