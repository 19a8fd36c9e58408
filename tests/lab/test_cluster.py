"""The whole path with real Kubernetes: build, share, run, look, put an application on top, delete.

The tests share one cluster and stand in the order of a cluster's life; the last one takes it away.
"""

from __future__ import annotations

import json

import pytest

from sealer.testing.lab import Node
from tests.lab.cluster import Site, eventually
from tests.lab.faults.table import FAULTS, Outcome
from tests.lab.images import APP_IMAGE, BASE_IMAGE, CLUSTER_IMAGE, digests
from tests.lab.operator import Operator

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

NODE_PORT = 30080
"""Where the application's service is on every node."""


@pytest.fixture
def cluster(site: Site) -> Site:
    """Return the site with its cluster running."""
    site.install()
    return site


@pytest.fixture
def application(cluster: Site) -> Site:
    """Return the site with the application on its cluster."""
    cluster.operator.sealer("run", APP_IMAGE)
    return cluster


def ctr(node: Node, *words: str) -> list[str]:
    return node.run(["ctr", "-n", "k8s.io", *words]).stdout.splitlines()


def test_images_keep_their_digests_through_a_registry(builder: Operator, user: Operator) -> None:
    built = digests(builder)
    assert set(built) == {BASE_IMAGE, CLUSTER_IMAGE, APP_IMAGE}
    pulled = digests(user)
    assert pulled[CLUSTER_IMAGE] == built[CLUSTER_IMAGE]
    assert pulled[APP_IMAGE] == built[APP_IMAGE]


def test_three_nodes_are_ready(cluster: Site) -> None:
    status = json.loads(cluster.operator.sealer("status", "-o", "json").stdout)
    assert status["state"] == "done"
    assert [(host["reachable"], host["ready"]) for host in status["hosts"]] == [("yes", "Ready")] * 3
    assert status["drift"] == {"changes": 0, "steps": [], "unknown": []}
    assert set(status["registry"]["hosts"].values()) == {"answers"}
    assert min(one["days"] for one in status["certificates"]) > 300
    # That a pod of the control plane is ready its kubelet may say a minute late.
    cluster.operator.sealer("check", "--post", "--ignore", "cluster-system-pods", code=0)
    items = cluster.ask("get", "nodes")["items"]
    assert {item["metadata"]["name"] for item in items} == {"n1", "n2", "n3"}


def test_pods_of_the_network_run_on_every_node(cluster: Site) -> None:
    def network() -> list[str]:
        return sorted(node for pod, node in cluster.ready_pods().items() if "/cni-bridge-" in pod)

    eventually(lambda: network() == ["n1", "n2", "n3"], what="a pod of the network on every node")
    assert cluster.workloads()["kube-system/coredns"] == 2
    cluster.wait_for_pods()


def test_every_image_was_pulled_by_its_own_name_though_nothing_leads_outside(cluster: Site) -> None:
    assert cluster.operator.run("ip", "route", "show", "default") == ""
    used: set[str] = set()
    for node in cluster.lab.nodes:
        images = {line.split()[1] for line in ctr(node, "containers", "ls")[1:]}
        known = ctr(node, "images", "ls", "-q")
        # What is imported from an archive has a tag alone; what is pulled has a digest in its repository too.
        pulled = {name.partition("@")[0] for name in known if "@sha256:" in name}
        assert {image.rpartition(":")[0] for image in images} <= pulled
        used |= images
    assert {"docker.io/library/busybox:1.35", "k8s.gcr.io/kube-apiserver:v1.20.2"} <= used


def test_the_registry_is_back_after_it_was_killed(cluster: Site) -> None:
    assert FAULTS["registry/cluster"].outcome is Outcome.UNHURT
    master, node = cluster.lab.node("n1"), cluster.lab.node("n2")
    asking = ["systemctl", "show", "--property=MainPID", "sealer-registry.service"]
    killed = master.run(asking).stdout
    master.run(["systemctl", "kill", "--signal=KILL", "sealer-registry.service"])
    image = "docker.io/library/busybox:1.35"
    ctr(node, "images", "rm", image)
    pull = ["crictl", "--runtime-endpoint", "unix:///run/containerd/containerd.sock", "pull", image]
    eventually(lambda: node.run(pull, check=False).returncode == 0, what="an image can be pulled again")
    assert master.run(asking).stdout != killed


def test_nothing_is_left_to_do(cluster: Site) -> None:
    assert cluster.operator.sealer(*cluster.plan_words, "--detailed-exitcode").stdout == "nothing to do\n"


def test_running_the_image_again_changes_nothing(cluster: Site) -> None:
    done = cluster.operator.sealer(*cluster.run_words)
    assert "done: 0 steps changed something" in done.stderr


def test_a_file_changed_by_hand_is_all_that_a_plan_finds(cluster: Site) -> None:
    path = "/etc/systemd/system/kubelet.service"
    node = cluster.lab.node("n2")
    original = node.run(["cat", path]).stdout
    node.run(["sh", "-c", f"echo '# by hand' >> {path}"])
    done = cluster.operator.sealer(*cluster.plan_words, "--detailed-exitcode", "-o", "json", code=7)
    needed = {(step["host"], step["step"]): step["changes"] for step in json.loads(done.stdout)["steps"]}
    found = {where: changes for where, changes in needed.items() if changes}
    assert found == {
        (node.address, f"kubernetes/prepare@{node.address}"): [
            {"change": "unit kubelet.service", "reason": f"the content of {path} differs"}
        ]
    }
    cluster.operator.sealer(*cluster.run_words)
    assert node.run(["cat", path]).stdout == original


def test_an_application_image_runs_on_top(application: Site) -> None:
    def web() -> list[str]:
        return [pod for pod in application.ready_pods() if pod.startswith("demo/web-")]

    eventually(lambda: len(web()) == 2, what="both pods of the application")


def test_the_page_of_the_application_is_served_on_every_node(application: Site) -> None:
    for node in application.lab.nodes:
        for other in application.lab.nodes:
            page = node.run(
                ["wget", "-q", "-T", "20", "-O", "-", f"http://{other.address}:{NODE_PORT}/"]
            ).stdout
            assert "<h1>Hello from a sealed cluster</h1>" in page


def test_running_the_application_again_changes_nothing(application: Site) -> None:
    assert "done: 0 steps changed something" in application.operator.sealer("run", APP_IMAGE).stderr


def test_no_secret_is_in_what_the_operator_keeps(application: Site) -> None:
    registry = "/var/lib/sealer/my-cluster/registry/sea.hub"
    master = application.lab.node("n1")
    secrets = [master.run(["cat", f"{registry}/{name}"]).stdout.strip() for name in ("password", "basic")]
    assert all(len(secret) > 8 for secret in secrets)
    clusters = application.operator.sealer_home / "clusters"
    # Nobody else comes into them, whatever the modes of files that scripts make there.
    assert all(directory.stat().st_mode & 0o077 == 0 for directory in clusters.iterdir())
    kept = [path for path in clusters.rglob("*") if path.is_file()]
    assert {"request.json", "journal.jsonl", "log", "cluster.json"} <= {path.name for path in kept}
    for path in kept:
        content = path.read_bytes()
        assert not any(secret.encode() in content for secret in secrets), path
        if "operator" not in path.relative_to(clusters).parts:
            assert path.stat().st_mode & 0o077 == 0, path


def test_deletion_leaves_nothing_behind(application: Site) -> None:
    application.delete()
    residue = application.residue()
    assert residue == {}, "\n".join(str(one) for found in residue.values() for one in found)
    assert not application.is_installed
