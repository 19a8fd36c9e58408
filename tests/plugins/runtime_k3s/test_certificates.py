"""Certificates made anew: what goes, what stays, and in which order."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sealer.changes import Command
from sealer.model import MASTER, Cluster, Host, Renewal, Step
from sealer.operation.plan import Plan, make_plan
from sealer_runtime_k3s.names import DATA, KUBECTL
from sealer_runtime_k3s.runtime import K3s
from tests.plugins import kit
from tests.plugins.kit import assert_parses, host
from tests.plugins.runtime_k3s.samples import IMAGE, image

KEPT = {
    *(
        f"server/tls/{name}.{end}"
        for name in ("server-ca", "client-ca", "request-header-ca", "etcd/server-ca", "etcd/peer-ca")
        for end in ("crt", "key")
    ),
    "server/tls/service.key",
    "server/tls/client-kubelet.key",
    "agent/client-ca.crt",
    "agent/server-ca.crt",
}
GONE = {
    *(
        f"{name}.{end}"
        for name in (
            "server/tls/client-admin",
            "server/tls/serving-kube-apiserver",
            "server/tls/etcd/client",
            "server/tls/etcd/peer-server-client",
            "agent/client-kubelet",
            "agent/serving-kubelet",
        )
        for end in ("crt", "key")
    ),
    "server/tls/dynamic-cert.json",
}
"""What a k3s of 1.21 has on a server."""


def cluster(*hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": IMAGE, "container_runtime": None, **over})


def renewal(view: Cluster, *, expired: bool = False) -> dict[str, Step]:
    return {step.id: step for step in K3s().renew(view, Renewal(stamp="1", expired=expired))}


def commands(step: Step) -> list[Command]:
    return [change for change in step.changes if isinstance(change, Command)]


def tied(steps: dict[str, Step]) -> Plan:
    for step in steps.values():
        assert_parses(step)
    return make_plan(tuple(steps.values()))


def test_servers_come_one_after_the_other_and_agents_after_all_of_them() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3), host(4))
    plan = tied(renewal(view))
    assert plan.waits_for["k3s/renew@10.0.0.2"] == {"k3s/renew@10.0.0.1"}
    for node in ("10.0.0.3", "10.0.0.4"):
        assert plan.waits_for[f"k3s/renew@{node}"] == {"k3s/renew@10.0.0.1", "k3s/renew@10.0.0.2"}


def test_servers_whose_certificates_ended_wait_for_nothing_before_all_have_new_ones() -> None:
    plan = tied(renewal(cluster(host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4)), expired=True))
    servers = {f"k3s/renew@10.0.0.{number}" for number in (1, 2, 3)}
    assert all(not plan.waits_for[step] for step in servers)
    assert plan.waits_for["k3s/renewed@10.0.0.1"] == servers
    assert "k3s/renewed@10.0.0.1" in plan.waits_for["k3s/renewed@10.0.0.2"]
    assert not plan.waits_for["k3s/renew@10.0.0.4"] & servers


def test_authorities_and_the_keys_that_others_know_stay(tmp_path: Path) -> None:
    for name in KEPT | GONE:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    (command,) = commands(renewal(cluster(host(1, MASTER)))["k3s/renew@10.0.0.1"])
    script = command.run.replace(KUBECTL, "true").replace(DATA, str(tmp_path))
    subprocess.run(["sh"], input=f"set -e\nsystemctl() {{ :; }}\n{script}", text=True, check=True)
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()} == KEPT


def test_an_agent_forgets_its_own_alone(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    for name in ("client-ca.crt", "server-ca.crt", "client-kubelet.crt", "client-kubelet.key"):
        (tmp_path / "agent" / name).write_text("x")
    (command,) = commands(renewal(cluster(host(1, MASTER), host(2)))["k3s/renew@10.0.0.2"])
    script = command.run.replace(DATA, str(tmp_path))
    subprocess.run(["sh"], input=f"set -e\nsystemctl() {{ :; }}\n{script}", text=True, check=True)
    assert {file.name for file in (tmp_path / "agent").iterdir()} == {"client-ca.crt", "server-ca.crt"}


def test_what_listens_in_front_of_the_api_server_has_its_certificate_nowhere_else_any_more() -> None:
    """A secret keeps it for all servers; with expired ones only the API server itself can be asked."""
    view = cluster(host(1, MASTER), host(2, MASTER))
    (now,) = commands(renewal(view)["k3s/renew@10.0.0.1"])
    assert now.run.index("delete secret k3s-serving") < now.run.index("systemctl stop")
    ended = renewal(view, expired=True)
    (first,) = commands(ended["k3s/renew@10.0.0.1"])
    assert "delete secret" not in first.run
    (later,) = commands(ended["k3s/renewed@10.0.0.1"])
    assert "cred/admin.kubeconfig -n kube-system delete secret k3s-serving" in later.run


def test_a_k3s_that_rotates_certificates_itself_does_so_while_it_is_off() -> None:
    view = cluster(host(1, MASTER), host(2), image=image("v1.33.1+k3s1"))
    for expired in (False, True):
        planned = renewal(view, expired=expired)
        for step in ("k3s/renew@10.0.0.1", "k3s/renew@10.0.0.2"):
            (command,) = commands(planned[step])
            stop, rotate, start = command.run.splitlines()
            assert stop.startswith("systemctl stop")
            assert rotate == "/usr/local/bin/k3s certificate rotate"
            assert start.startswith("systemctl start --no-block")
        assert not commands(planned["k3s/renewed@10.0.0.1"]) if expired else True


def test_all_files_with_certificates_are_listed_and_no_keys() -> None:
    view = cluster(host(1, MASTER), host(2))
    server, agent = (K3s().certificate_files(view, one) for one in view.hosts)
    assert set(agent) < set(server)
    assert not [path for path in server if path.endswith(".key")]
