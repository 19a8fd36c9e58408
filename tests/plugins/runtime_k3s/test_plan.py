"""The steps that k3s declares, and how core ties them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from sealer.changes import Change, Command, File, Unit
from sealer.model import MASTER, Cluster, Host, Step, at
from sealer.operation.plan import Plan, make_plan
from sealer_runtime_k3s import sealer_base_recipes, sealer_cluster_runtimes
from sealer_runtime_k3s.etcd import can_restart, why_not_restart
from sealer_runtime_k3s.fragments import HAS_JOINED_ETCD, SERVER_TOKEN, is_off
from sealer_runtime_k3s.names import DATA, PROGRAM, SERVER_SECRET, SERVER_TLS
from sealer_runtime_k3s.runtime import K3s
from sealer_runtime_k3s.units import unit_text
from tests.plugins import kit
from tests.plugins.kit import REGISTRY, assert_golden, assert_parses, host, plan_text
from tests.plugins.runtime_k3s.samples import IMAGE

DIRECTORY = Path(__file__).parent


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def steps(view: Cluster) -> list[Step]:
    return [*K3s().create(view), *K3s().join(view, view.hosts[1:])]


def tied(view: Cluster) -> Plan:
    names = ("rootfs", "registry-access")
    return make_plan(steps(view), given=[at(name, member.name) for member in view.hosts for name in names])


def mirrors(member: Host, *domains: str) -> dict[str, Change]:
    return {change.key: change for change in K3s().mirrors(cluster(member), member, REGISTRY, domains)}


def test_the_plugin_provides_the_runtime_and_its_recipe_by_one_name() -> None:
    assert [runtime.name for runtime in sealer_cluster_runtimes()] == ["k3s"]
    assert [recipe.name for recipe in sealer_base_recipes()] == ["k3s"]


def test_the_plan_of_a_master_and_a_node_is_as_it_was_agreed() -> None:
    view = cluster(host(1, MASTER), host(2, labels={"disk": "fast"}))
    assert_golden(DIRECTORY / "plan.golden.yaml", plan_text(steps(view)))


def test_every_script_of_the_plan_parses() -> None:
    for step in steps(cluster(host(1, MASTER), host(2, MASTER), host(3))):
        assert_parses(step)


def test_nodes_join_side_by_side_and_masters_one_after_the_other() -> None:
    plan = tied(cluster(host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4), host(5)))
    assert "k3s/join@10.0.0.2" in plan.waits_for["k3s/join@10.0.0.3"]
    for node in ("10.0.0.4", "10.0.0.5"):
        needed = plan.waits_for[f"k3s/join@{node}"]
        assert not [step for step in needed if step.startswith("k3s/join@")]


def test_a_cluster_of_one_reads_no_token() -> None:
    plan = tied(cluster(host(1, MASTER)))
    assert not [step.id for step in plan.steps if step.id.startswith("k3s/token")]


def test_nodes_never_see_what_makes_a_master() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3))
    planned = {step.id: step for step in steps(view)}
    token = planned["k3s/token@10.0.0.1"]
    assert {key for _, key in planned["k3s/join@10.0.0.3"].uses()} == {"node"}
    assert {key for _, key in planned["k3s/join@10.0.0.2"].uses()} == {"server", "servers", "nodes"}
    assert all(token.value(key).secret for key in ("server", "node", "servers", "nodes"))


def test_the_authority_is_in_the_token_of_the_first_start_alone() -> None:
    """Later ones would take all of it for the password of those who join by this server."""
    changes = {step.id: step for step in steps(cluster(host(1, MASTER), host(2, MASTER)))}[
        "k3s/join@10.0.0.2"
    ].changes
    keys = [change.key for change in changes]
    assert keys.index("command:join token of k3s") < keys.index("unit:k3s.service")
    assert keys.index("unit:k3s.service") < keys.index("file:/etc/rancher/k3s/server-secret")


@pytest.mark.parametrize("text", ["0a1b", "K10ab12::server:0a1b"])
def test_the_password_of_servers_is_read_from_either_form_of_a_token(tmp_path: Path, text: str) -> None:
    secret, authority = tmp_path / "server-secret", tmp_path / "server-ca.crt"
    secret.write_text(text)
    authority.write_text("x")
    script = SERVER_TOKEN.replace(SERVER_SECRET, str(secret)).replace(SERVER_TLS, str(tmp_path))
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"K10[0-9a-f]{64}::server:0a1b\n", done.stdout)


@pytest.mark.parametrize(("there", "joins"), [(("wal",), False), ((), True), (("wal", "tombstone"), True)])
def test_a_server_that_is_no_member_any_more_joins_anew(
    tmp_path: Path, there: tuple[str, ...], joins: bool
) -> None:
    if "wal" in there:
        (tmp_path / "server/db/etcd/member/wal").mkdir(parents=True)
    if "tombstone" in there:
        (tmp_path / "server/db/etcd/tombstone").touch()
    script = HAS_JOINED_ETCD.replace(DATA, str(tmp_path))
    assert (subprocess.run(["sh", "-c", script], check=False).returncode != 0) is joins


def test_a_server_that_was_taken_out_does_not_start_by_itself() -> None:
    """Its token is still good: it would be a member again."""
    view = cluster(host(1, MASTER), host(2))
    server, agent = (unit_text(view.name, server=one.is_master) for one in view.hosts)
    assert "ConditionPathExists=!/var/lib/rancher/k3s/server/db/etcd/tombstone\n" in server
    assert "Condition" not in agent


def test_secrets_are_in_files_for_root_alone() -> None:
    for step in steps(cluster(host(1, MASTER), host(2, MASTER), host(3))):
        for change in step.changes:
            if isinstance(change, File) and ("token" in change.path or "secret" in change.path):
                assert change.mode == 0o600


def test_servers_and_agents_have_their_own_units() -> None:
    planned = steps(cluster(host(1, MASTER), host(2)))
    units = {step.host: c.name for step in planned for c in step.changes if isinstance(c, Unit)}
    assert units == {"10.0.0.1": "k3s.service", "10.0.0.2": "k3s-agent.service"}


def test_registries_are_written_for_root_alone_with_every_domain() -> None:
    text = mirrors(host(2), "docker.io", "quay.io")["file:/etc/rancher/k3s/registries.yaml"]
    assert isinstance(text, File)
    assert all(f'"{domain}": {{' in text.content for domain in ("docker.io", "quay.io"))
    assert text.mode == 0o600


def test_k3s_is_restarted_for_mirrors_only_when_it_runs_and_has_not_read_them() -> None:
    (restart,) = (c for c in mirrors(host(2), "docker.io").values() if isinstance(c, Command))
    assert "k3s-agent.service" in restart.run
    assert "is-active" in restart.unless


@pytest.mark.parametrize(
    ("state", "off"),
    [("active", False), ("activating", False), ("reloading", False), ("inactive", True), ("failed", True)],
)
def test_a_server_that_only_starts_is_not_taken_for_one_that_is_off(
    tmp_path: Path, state: str, off: bool
) -> None:
    script = put(tmp_path, "systemctl", f"echo {state}; [ {state} = active ]") + is_off("k3s.service")
    assert succeeds(script) is off


def test_servers_are_restarted_when_etcd_allows_it_and_waited_for_and_agents_just_restarted() -> None:
    kinds = [type(change).__name__ for change in mirrors(host(1, MASTER), "docker.io").values()]
    assert kinds == ["File", "File", "Wait", "Command", "Wait"]
    assert [type(c).__name__ for c in mirrors(host(2), "docker.io").values()] == ["File", "File", "Command"]
    assert K3s.restarts_for_mirrors


@pytest.mark.parametrize(
    ("members", "answering", "can"),
    [
        ((), (), False),
        ((1,), (1,), True),
        ((1, 2), (1,), True),
        ((1, 2, 3), (1, 2, 3), True),
        ((1, 2, 3), (1, 3), False),
        ((1, 2, 3, 4, 5), (1, 2, 3, 4), True),
        ((1, 2, 3, 4, 5), (1, 2, 3), False),
        ((1, 2, 3), (2, 3), False),
    ],
)
def test_no_server_is_restarted_whose_peers_would_have_no_quorum(
    tmp_path: Path, members: tuple[int, ...], answering: tuple[int, ...], can: bool
) -> None:
    view = [
        {"id": number, "peerURLs": [f"https://10.0.0.{number}:2380"], "clientURLs": ["https://10.0.0.9:2379"]}
        for number in members
    ]
    answers = "|".join(f"*--server=https://10.0.0.{number}:2380*" for number in answering) or "none"
    k3s = put(tmp_path, "k3s", f"case \"$*\" in {answers}) echo '{json.dumps(view)}' ;; *) exit 1 ;; esac")
    script = can_restart(host(1, MASTER)).replace(PROGRAM, "k3s")
    assert succeeds(k3s + script) is can
    if not can:
        told = run(k3s + why_not_restart(host(1, MASTER)).replace(PROGRAM, "k3s")).stdout
        others = len(set(answering) - {1})
        lost = f"of {len(members)} members {others} others answer"
        answer = "would lose its quorum while k3s restarts: " + lost
        assert told == f"etcd {answer if 1 in answering else 'does not answer'}\n"


def put(directory: Path, name: str, text: str) -> str:
    """Make a program of sh, and return the line of sh by which it is found."""
    program = directory / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return f"PATH={directory}:$PATH\n"


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh"], input=script, capture_output=True, text=True, check=False)


def succeeds(script: str) -> bool:
    return run(script).returncode == 0
