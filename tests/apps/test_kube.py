"""Manifests on a real API server: applied, compared, pruned."""

from __future__ import annotations

import pytest

from sealer.cluster.launch_choice import LaunchChoice
from sealer.model import Step
from tests.apps.conftest import APP_TYPES, Bench

pytestmark = pytest.mark.kubernetes


def settings(name: str, value: str = "1", namespace: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{where}}}\ndata: {{value: '{value}'}}\n"


def namespace(name: str) -> str:
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"


def test_manifests_are_applied_and_then_nothing_is_left_to_do(bench: Bench) -> None:
    bench.put("k-one", "kube", {"a.yaml": namespace("k-one"), "b.yaml": settings("x", namespace="k-one")})
    needed = ["note that k-one is launching", "objects of k-one", "note that k-one is deployed"]
    assert bench.look() == {"app/k-one": needed}
    done = bench.launch()
    assert done["app/k-one"].complete, done["app/k-one"].output
    assert bench.api.json("configmap", "x", "-n", "k-one")["data"] == {"value": "1"}
    assert bench.look() == {"app/k-one": []}


def test_what_was_changed_by_hand_is_found_and_mended(bench: Bench) -> None:
    bench.put("k-drift", "kube", {"a.yaml": settings("k-drift")})
    bench.launch()
    bench.api.kubectl("patch", "configmap", "k-drift", "-p", '{"data":{"value":"by hand"}}')
    assert bench.look() == {"app/k-drift": ["objects of k-drift"]}
    bench.launch()
    assert bench.api.json("configmap", "k-drift")["data"] == {"value": "1"}
    bench.api.kubectl("delete", "configmap", "k-drift")
    assert bench.look() == {"app/k-drift": ["objects of k-drift"]}


def test_what_a_new_version_no_longer_has_goes(bench: Bench) -> None:
    bench.put("k-prune", "kube", {"a.yaml": settings("k-stays"), "b.yaml": settings("k-goes")})
    bench.launch()
    (bench.root / "application/apps/k-prune/b.yaml").unlink()
    bench.put("k-prune", "kube", {"c.yaml": settings("k-comes")})
    bench.digest = f"sha256:{2:064x}"
    assert bench.launch()["app/k-prune"].complete
    assert bench.api.has("configmap", "k-stays")
    assert bench.api.has("configmap", "k-comes")
    assert not bench.api.has("configmap", "k-goes")
    history = bench.api.json("configmap", "app-k-prune", "-n", "sealer-system")["data"]["history"]
    assert len(history.splitlines()) == 2


def test_a_definition_and_what_it_defines_come_in_one_application(bench: Bench) -> None:
    definition = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ships.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: ships, singular: ship, kind: Ship}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""
    ship = "apiVersion: example.org/v1\nkind: Ship\nmetadata: {name: k-ship}\n"
    bench.put("k-crd", "kube", {"a.yaml": f"{ship}---\n{definition}"})
    done = bench.launch()["app/k-crd"]
    assert done.complete, done.output
    assert bench.api.has("ships.example.org", "k-ship")


def test_an_application_that_fails_leaves_what_is_needed_to_take_it_away(bench: Bench) -> None:
    bench.put(
        "k-bad",
        "kube",
        {"a.yaml": settings("k-bad"), "b.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"},
    )
    done = bench.launch()["app/k-bad"]
    assert done.states["objects of k-bad"] == "failed"
    assert "spec.containers" in done.output
    kept = bench.api.json("configmap", "objects-k-bad", "-n", "sealer-system")["data"]["objects"]
    assert kept == "ConfigMap default k-bad\n"
    state = bench.api.json("configmap", "app-k-bad", "-n", "sealer-system")["data"]["state"]
    assert state == "launching"


def test_objects_that_name_no_namespace_go_where_the_user_wants(bench: Bench) -> None:
    bench.put("k-there", "kube", {"a.yaml": settings("x"), "b.yaml": settings("x", namespace="default")})
    assert bench.launch(namespace="k-there")["app/k-there"].complete
    assert bench.api.has("configmap", "x", "-n", "k-there")
    assert bench.api.has("configmap", "x", "-n", "default")
    assert bench.look(namespace="k-there") == {"app/k-there": []}


def test_a_deployment_is_waited_for(bench: Bench) -> None:
    deployment = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s}
spec:
  replicas: %d
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: x, image: x}]}
"""
    bench.put("k-ready", "kube", {"a.yaml": deployment % ("k-ready", 0)})
    assert bench.launch()["app/k-ready"].states["k-ready is ready"] in ("changed", "same")
    bench.put("k-never", "kube", {"a.yaml": deployment % ("k-never", 1)})
    done = bench.launch(timeout=2)["app/k-never"]
    assert done.states["k-never is ready"] == "failed"


def test_a_kustomization_is_built_and_applied(bench: Bench) -> None:
    bench.put(
        "k-custom",
        "kustomize",
        {
            "kustomization.yaml": "bases: [base]\nnamePrefix: k-custom-\n",
            "base/kustomization.yaml": "resources: [a.yaml]\n",
            "base/a.yaml": settings("a"),
        },
    )
    assert bench.launch()["app/k-custom"].complete
    assert bench.api.has("configmap", "k-custom-a")
    assert bench.look() == {"app/k-custom": []}


def test_an_oam_application_is_refused_without_its_controller_and_applied_with_it(bench: Bench) -> None:
    head = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: k-oam}\n"
    bench.put("k-oam", "oam", {"a.yaml": f"{head}spec: {{components: []}}\n"})
    done = bench.launch()["app/k-oam"]
    assert not done.complete
    assert "no controller for the Open Application Model" in done.output
    bench.api.kubectl("apply", "-f", "-", stdin=OAM_DEFINITION)
    bench.api.kubectl("wait", "--for=condition=Established", "crd/applications.core.oam.dev", "--timeout=60s")
    done = bench.launch()["app/k-oam"]
    assert done.complete, done.output
    assert bench.api.has("applications.core.oam.dev", "k-oam")


OAM_DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.core.oam.dev}
spec:
  group: core.oam.dev
  scope: Namespaced
  names: {plural: applications, singular: application, kind: Application}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


def test_what_is_taken_away_leaves_nothing(bench: Bench) -> None:
    files = {"a.yaml": namespace("k-away"), "b.yaml": settings("x", namespace="k-away")}
    app = bench.put("k-away", "kube", files)
    bench.launch()
    (launch,) = bench.steps()
    changes = tuple(APP_TYPES["kube"].uninstall(bench.cluster, app))
    step = Step(id="u", title="u", host="h", changes=changes, env=launch.env, directory=str(bench.root))
    done = bench.trial.apply(step)
    assert done.complete, done.output
    assert not bench.api.has("namespace", "k-away")
    assert not bench.api.has("configmap", "objects-k-away", "-n", "sealer-system")
    assert set(bench.trial.look(step).states.values()) == {"same"}


def test_in_parallel_all_are_applied_before_any_is_waited_for(bench: Bench) -> None:
    for name in ("k-first", "k-second"):
        bench.put(name, "kube", {"a.yaml": settings(name)})
    bench.labels["app.alpha.sealer.io/requires.k-second"] = "k-first"
    steps = bench.steps(LaunchChoice(parallel=True))
    assert [step.provides[0] for step in steps] == [
        "launched/k-first",
        "launched/k-second",
        "app/k-first",
        "app/k-second",
    ]
    assert steps[1].requires == ("app/k-first",)
    assert all(outcome.complete for outcome in bench.launch(LaunchChoice(parallel=True)).values())
    assert bench.look(LaunchChoice(parallel=True)) == {step.provides[0]: [] for step in steps}


def test_a_status_that_changes_is_no_difference(bench: Bench) -> None:
    claim = (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: k-claim}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
    )
    bench.put(
        "k-status", "kube", {"a.yaml": claim, "b.yaml": settings("k-status", "1").replace("value", "status")}
    )
    assert bench.launch()["app/k-status"].complete
    assert bench.look() == {"app/k-status": []}
    bench.api.kubectl("patch", "configmap", "k-status", "-p", '{"data":{"status":"2"}}')
    assert bench.look() == {"app/k-status": ["objects of k-status"]}


def test_a_single_object_with_a_field_called_status(bench: Bench) -> None:
    bench.put("k-one-status", "kube", {"a.yaml": settings("k-one-status").replace("value", "status")})
    assert bench.launch()["app/k-one-status"].complete
    assert bench.look() == {"app/k-one-status": []}
    bench.api.kubectl("patch", "configmap", "k-one-status", "-p", '{"data":{"status":"2"}}')
    assert bench.look() == {"app/k-one-status": ["objects of k-one-status"]}
