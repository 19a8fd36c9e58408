"""Certificates made anew: what goes, what stays, and in which order."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sealer.changes import Command
from sealer.model import MASTER, Cluster, Host, Renewal, Step
from sealer.operation.plan import make_plan
from sealer_runtime_k0s.names import DATA
from sealer_runtime_k0s.runtime import K0s
from tests.plugins import kit
from tests.plugins.kit import host
from tests.plugins.runtime_k0s.samples import IMAGE


def cluster(*hosts: Host) -> Cluster:
    return kit.cluster(*hosts, image=IMAGE, container_runtime=None)


def renewal(view: Cluster) -> dict[str, Step]:
    return {step.id: step for step in K0s().renew(view, Renewal(stamp="1"))}


def command_of(step: Step) -> Command:
    return next(change for change in step.changes if isinstance(change, Command))


def made_anew(step: Step, data: Path) -> set[str]:
    """Run the command of a step below another directory, without systemd, and return which files are left."""
    script = f"set -e\nsystemctl() {{ :; }}\n{command_of(step).run.replace(DATA, str(data))}"
    subprocess.run(["sh"], input=script, text=True, check=True)
    return {str(file.relative_to(data)) for file in data.rglob("*") if file.is_file()}


def test_controllers_come_one_after_the_other_and_workers_after_them() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3), host(4))
    plan = make_plan(tuple(renewal(view).values()))
    assert "k0s/renew@10.0.0.1" in plan.waits_for["k0s/renew@10.0.0.2"]
    for node in ("10.0.0.3", "10.0.0.4"):
        assert plan.waits_for[f"k0s/renew@{node}"] == {"k0s/token/worker@10.0.0.1"}
    assert "k0s/renew@10.0.0.2" in plan.waits_for["k0s/token/worker@10.0.0.1"]


def test_authorities_and_the_keys_of_service_accounts_stay(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    (pki / "etcd").mkdir(parents=True)
    (tmp_path / "kubelet/pki").mkdir(parents=True)
    kept = {
        *(f"pki/{name}.{end}" for name in ("ca", "front-proxy-ca", "etcd/ca") for end in ("crt", "key")),
        "pki/sa.key",
        "pki/sa.pub",
    }
    gone = {
        *(f"pki/{name}.{end}" for name in ("server", "admin", "etcd/peer") for end in ("crt", "key")),
        "pki/admin.conf",
        "kubelet.conf",
        "kubelet/pki/kubelet-client-current.pem",
    }
    for name in kept | gone:
        (tmp_path / name).write_text("x")
    step = renewal(cluster(host(1, MASTER)))["k0s/renew@10.0.0.1"]
    assert made_anew(step, tmp_path) == kept


def test_a_worker_gets_a_new_token_that_nobody_else_reads() -> None:
    step = renewal(cluster(host(1, MASTER), host(2)))["k0s/renew@10.0.0.2"]
    assert {source for source, _ in step.uses()} == {"k0s/token/worker@10.0.0.1"}
    assert command_of(step).run.startswith("umask 077\n")


def test_all_files_with_certificates_are_listed_and_no_keys() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER, env={"EnableWorker": "false"}), host(3))
    first, second, worker = (K0s().certificate_files(view, one) for one in view.hosts)
    assert set(first) == {*second, *worker}
    assert not [path for path in first if path.endswith(".key")]


def test_what_a_kubelet_serves_with_is_listed_whoever_signed_it() -> None:
    found = K0s().certificate_files(cluster(host(1, MASTER), host(2)), host(2))
    assert {path.rpartition("/")[2] for path in found} == {
        "kubelet-client-current.pem",
        "kubelet-server-current.pem",
        "kubelet.crt",
    }
