"""Tasks on nodes of a real API server, and a Clusterfile made from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealer.clusterfile import parse_clusterfile
from sealer.kubernetes.environment import environment_on
from sealer.model import Phase, Step, Task
from sealer_task_standard import sealer_task_types
from tests.apps.conftest import Bench
from tests.apps.control_plane import ControlPlane
from tests.apps.test_command import Person

pytestmark = pytest.mark.kubernetes

TYPES = {task_type.name: task_type for task_type in sealer_task_types()}


@pytest.fixture
def node(api: ControlPlane) -> Iterator[str]:
    """Return the name of a node with the address of the first master of examples."""
    labels = {"node-role.kubernetes.io/control-plane": "", "kubernetes.io/os": "linux", "zone": "a"}
    found = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one", "labels": labels}}
    api.kubectl("create", "-f", "-", stdin=json.dumps(found))
    found = api.json("node", "one")
    found["status"]["addresses"] = [{"type": "InternalIP", "address": "10.0.0.1"}]
    api.kubectl("replace", "--raw", "/api/v1/nodes/one/status", "-f", "-", stdin=json.dumps(found))
    yield "one"
    api.kubectl("delete", "node", "one")


def done(bench: Bench, kind: str, data: str) -> str:
    task = Task(name="t", type=kind, phase=Phase.POST_INSTALL, data=data)
    changes = tuple(TYPES[kind].changes(bench.cluster, bench.cluster.first_master, task))
    env = bench.site.environment(environment_on(bench.cluster, bench.cluster.first_master))
    outcome = bench.trial.apply(Step(id="t", title="t", host="h", changes=changes, env=env))
    return "" if outcome.complete else outcome.output


def test_a_node_is_labelled_and_tainted_by_its_address(bench: Bench, node: str) -> None:
    assert done(bench, "label", "10.0.0.0-10.0.0.5 disk=fast,zone-\n") == ""
    assert done(bench, "taint", "10.0.0.1 own=yes:NoExecute\n") == ""
    found = bench.api.json("node", node)
    assert found["metadata"]["labels"]["disk"] == "fast"
    assert "zone" not in found["metadata"]["labels"]
    assert {"key": "own", "value": "yes", "effect": "NoExecute"} in found["spec"]["taints"]


def test_an_address_that_no_node_has(bench: Bench) -> None:
    assert "no node has the address 10.0.0.1" in done(bench, "label", "10.0.0.1 a=b\n")


@pytest.fixture
def pods(api: ControlPlane) -> Iterator[Callable[[str, str], None]]:
    """Return what gives a pod of kube-system a phase; pods are gone in the end."""
    made: set[str] = set()

    def tell(name: str, phase: str) -> None:
        if name not in made:
            spec = {"containers": [{"name": "x", "image": "x"}]}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
            api.kubectl("create", "-n", "kube-system", "-f", "-", stdin=json.dumps(pod))
            made.add(name)
        pod = api.json("pod", name, "-n", "kube-system")
        ready = {"type": "Ready", "status": str(phase == "Running")}
        pod["status"] = {"phase": phase, "conditions": [ready]}
        path = f"/api/v1/namespaces/kube-system/pods/{name}/status"
        api.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(pod))

    yield tell
    for name in made:
        api.kubectl("delete", "pod", name, "-n", "kube-system", "--now")


def test_the_check_of_a_cluster_waits_for_pods_that_have_work_to_do(
    bench: Bench, pods: Callable[[str, str], None]
) -> None:
    pods("dns", "Running")
    pods("installer", "Succeeded")
    assert done(bench, "clustercheck", "30") == ""
    pods("proxy", "Pending")
    assert "timed out waiting for the condition on pods/proxy" in done(bench, "clustercheck", "1")


def test_a_clusterfile_is_made_from_a_cluster(api: ControlPlane, tmp_path: Path, node: str) -> None:
    person = Person(api, tmp_path)
    api.kubectl("taint", "node", node, "own=yes:NoSchedule")
    text = person.sealer("gen", "--from-cluster", "my/cluster:1").stdout
    (host,) = parse_clusterfile(text, "C", {}).cluster.hosts
    assert (host.address, host.roles) == ("10.0.0.1", ("master",))
    assert host.labels == {"zone": "a"}
    assert "own=yes:NoSchedule" in host.taints


def test_a_cluster_that_was_registered_is_known_by_its_name(
    api: ControlPlane, tmp_path: Path, node: str
) -> None:
    person = Person(api, tmp_path)
    person.build(
        "named:1",
        {
            "Kubefile": "FROM scratch\nAPP r-one local://a.yaml\nLAUNCH r-one\n",
            "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: r-one, namespace: default}\n",
        },
    )
    person.sealer("gen", "--from-cluster", "--register", "--cluster-name", "shop")
    person.operator.sealer("run", "named:1", "--cluster-name", "shop")
    assert api.has("configmap", "r-one")
    listed = person.operator.sealer("app", "list", "--cluster", "shop", "-o", "json").stdout
    assert '"r-one"' in listed
    refused = person.operator.sealer("cert", "shop", code=2)
    assert "was not made by Sealer" in refused.stderr
    person.operator.sealer("app", "uninstall", "r-one", "--cluster", "shop", "--yes")
    person.operator.sealer("delete", "--all", "shop", "--yes")
    assert api.has("node", node)
    gone = person.operator.sealer("app", "list", "--cluster", "shop", code=2)
    assert "is not known here" in gone.stderr
