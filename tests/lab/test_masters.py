"""Several masters with real Kubernetes: they come, fail, leave and come again, and the cluster goes on.

The tests share one cluster and stand in the order of its life; the last one takes it away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import Lab
from tests.lab.cluster import Site, eventually, make_site
from tests.lab.images import APP_IMAGE, CLUSTER_IMAGE
from tests.lab.operator import Operator

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

ETCDCTL = (
    "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt"
    " --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key"
)
# So that the fill of the disk that all machines of a lab share does not matter.
CLUSTERFILE = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {name: my-cluster}
spec: {}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
evictionHard: {nodefs.available: 1%, imagefs.available: 1%}
"""


@pytest.fixture(scope="module")
def site(user: Operator, artifacts: Path, lab_root: Path) -> Iterator[Site]:
    """Return five machines: n1 to n3 are to be masters, n4 and n5 nodes."""
    del lab_root
    with Lab("test-masters", network="10.97.0.0/24") as lab:
        lab.up(5)
        place = make_site(lab, user.trusting(lab), kubectl=artifacts / "bin/kubectl")
        (place.operator.home / "Clusterfile").write_text(CLUSTERFILE)
        yield place


def addresses(site: Site, *names: str) -> str:
    return ",".join(site.lab.node(name).address for name in names)


def login(site: Site) -> tuple[str, ...]:
    return ("--pk", str(site.lab.key_path))


def members(site: Site, by: str) -> set[str]:
    """Return the names of etcd's members, as one of them says."""
    words = [
        "kubectl",
        "--kubeconfig",
        "/etc/kubernetes/admin.conf",
        "-n",
        "kube-system",
        "exec",
        f"etcd-{by}",
    ]
    text = site.lab.node(by).run([*words, "--", *ETCDCTL.split(), "member", "list"]).stdout
    return {line.split(", ")[2] for line in text.splitlines()}


def ready(site: Site) -> dict[str, bool]:
    return {
        item["metadata"]["name"]: any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in item["status"]["conditions"]
        )
        for item in site.ask("get", "nodes")["items"]
    }


def endpoints(site: Site, node: str) -> set[str]:
    """Return where the balancer of a node leads, as the program was started."""
    pid = (
        site.lab.node(node)
        .run(["systemctl", "show", "-p", "MainPID", "--value", "sealer-api-balancer"])
        .stdout
    )
    words = site.lab.node(node).run(["cat", f"/proc/{pid.strip()}/cmdline"]).stdout.split("\0")
    (found,) = [word for word in words if word.startswith("--endpoints=")]
    return set(found.removeprefix("--endpoints=").replace(":6443", "").split(","))


def web_pods(site: Site) -> dict[str, str]:
    return {name: node for name, node in site.ready_pods().items() if name.startswith("demo/web-")}


def test_a_cluster_of_one_master_grows_to_three(site: Site) -> None:
    file = ("-f", str(site.operator.home / "Clusterfile"))
    words = ("-m", addresses(site, "n1"), "-n", addresses(site, "n4"))
    site.operator.sealer("run", CLUSTER_IMAGE, *file, *words, *login(site))
    assert endpoints(site, "n4") == {addresses(site, "n1")}
    more = ("-m", addresses(site, "n2", "n3"), "-n", addresses(site, "n5"))
    site.operator.sealer("scale-up", *more, *login(site))
    assert members(site, "n3") == {"n1", "n2", "n3"}
    assert ready(site) == dict.fromkeys(["n1", "n2", "n3", "n4", "n5"], True)
    for node in ("n4", "n5"):
        assert endpoints(site, node) == set(addresses(site, "n1", "n2", "n3").split(","))


def test_without_the_first_master_nodes_stay_and_pods_start(site: Site) -> None:
    site.operator.sealer("run", APP_IMAGE)
    eventually(lambda: len(web_pods(site)) == 2, what="the application runs")
    site.lab.node("n1").power_off()
    eventually(lambda: not ready(site)["n1"], what="the loss is noticed", seconds=180)
    # The lease of a node is good for 40 seconds: these renew theirs by another master.
    found = ready(site)
    assert {name for name, is_ready in found.items() if is_ready} == {"n2", "n3", "n4", "n5"}
    before = web_pods(site)
    gone = min(name.partition("/")[2] for name in before)
    site.operator.run(
        str(site.kubectl),
        "-n",
        "demo",
        "delete",
        "pod",
        gone,
        KUBECONFIG=str(site.operator.home / "kubeconfig"),
    )
    eventually(
        lambda: f"demo/{gone}" not in web_pods(site) and len(web_pods(site)) == 2,
        what="another pod starts",
        seconds=180,
    )


def test_to_lose_the_quorum_is_refused(site: Site) -> None:
    operations = site.operator.operations()
    done = site.operator.sealer("delete", "-m", addresses(site, "n2"), "--yes", code=1)
    assert "etcd would lose its quorum: of 2 masters 2 are needed" in done.stderr
    assert addresses(site, "n1") in done.stderr
    assert site.operator.operations() == operations


def test_a_first_master_that_is_lost_is_replaced(site: Site) -> None:
    site.operator.sealer("delete", "-m", addresses(site, "n1"), "--force", "--yes")
    assert members(site, "n2") == {"n2", "n3"}
    assert set(ready(site)) == {"n2", "n3", "n4", "n5"}
    assert endpoints(site, "n5") == set(addresses(site, "n2", "n3").split(","))
    status = json.loads(site.operator.sealer("status", "-o", "json").stdout)
    assert status["hosts"][0]["host"] == addresses(site, "n2")


def test_a_host_comes_again_under_its_old_address(site: Site) -> None:
    site.lab.node("n1").power_on()
    site.operator.sealer("reset", "--hosts", addresses(site, "n1"), "--yes", *login(site))
    site.operator.sealer("scale-up", "-m", addresses(site, "n1"), *login(site))
    assert members(site, "n2") == {"n1", "n2", "n3"}
    assert all(ready(site).values())


def test_certificates_are_made_anew_with_a_further_name(site: Site) -> None:
    def ends() -> dict[tuple[str, str], str]:
        rows = json.loads(site.operator.sealer("cert", "-o", "json").stdout)
        return {(row["host"], row["file"]): row["ends"] for row in rows if not row["authority"]}

    before = ends()
    site.operator.sealer("cert", "--alt-names", "further.example", "--yes")
    after = ends()
    renewed = {where for where, end in after.items() if end != before.get(where)}
    kept = {(host, file) for host, file in after if "/registry/" in file}
    assert renewed == set(after) - kept
    rows = json.loads(site.operator.sealer("cert", "-o", "json").stdout)
    names = [row["names"] for row in rows if row["file"] == "/etc/kubernetes/pki/apiserver.crt"]
    assert len(names) == 3
    assert all("further.example" in found for found in names)
    eventually(lambda: all(ready(site).values()), what="every node is Ready")


def test_masters_leave_until_one_is_left(site: Site) -> None:
    site.operator.sealer("delete", "-m", addresses(site, "n2", "n3"), "-n", addresses(site, "n5"), "--yes")
    assert members(site, "n1") == {"n1"}
    assert ready(site) == {"n1": True, "n4": True}
    refused = site.operator.sealer("delete", "-m", addresses(site, "n1"), "--yes", code=2)
    assert "no master of cluster my-cluster would stay" in refused.stderr
    site.operator.sealer("delete", "--all", "--yes")
    assert site.residue() == {}
