"""Charts on a real API server, with the real helm."""

from __future__ import annotations

import pytest
import yaml

from sealer.cluster.set_values import set_values
from sealer.model import Step
from tests.apps.conftest import APP_TYPES, Bench

pytestmark = pytest.mark.kubernetes

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n",
    "values.yaml": "colour: red\nextra: false\n",
    "templates/a.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-a'}\n"
        "data: {colour: '{{ .Values.colour }}'}\n"
    ),
    "templates/b.yaml": (
        "{{ if .Values.extra }}\napiVersion: v1\nkind: ConfigMap\n"
        "metadata: {name: '{{ .Release.Name }}-b'}\n{{ end }}\n"
    ),
    "templates/web.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  replicas: 0
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: x, image: x}]}
""",
}


def test_a_chart_is_installed_and_then_nothing_is_left_to_do(bench: Bench) -> None:
    bench.put("h-one", "helm", CHART)
    done = bench.launch(namespace="h-space", release="web")["app/h-one"]
    assert done.complete, done.output
    assert bench.api.json("configmap", "web-a", "-n", "h-space")["data"] == {"colour": "red"}
    assert bench.look(namespace="h-space", release="web") == {"app/h-one": []}


def test_values_decide_and_another_value_is_an_upgrade(bench: Bench) -> None:
    bench.put("h-values", "helm", CHART)
    bench.launch()
    values = yaml.safe_dump(set_values("colour=blue,extra=true"))
    assert "chart of h-values" in bench.look(values=("colour: green\n", values))["app/h-values"]
    done = bench.launch(values=("colour: green\n", values))["app/h-values"]
    assert done.complete, done.output
    assert bench.api.json("configmap", "h-values-a")["data"] == {"colour": "blue"}
    assert bench.api.has("configmap", "h-values-b")
    assert bench.launch(values=("colour: green\n",))["app/h-values"].complete
    assert not bench.api.has("configmap", "h-values-b")


def test_a_release_that_was_cut_off_is_gone_on_with(bench: Bench) -> None:
    bench.put("h-cut", "helm", CHART)
    bench.launch()
    (secret,) = bench.api.get("secret", "-l", "owner=helm,name=h-cut")
    patch = '{"metadata":{"labels":{"status":"pending-install"}}}'
    bench.api.kubectl("patch", secret, "-p", patch)
    bench.digest = f"sha256:{2:064x}"
    assert bench.launch()["app/h-cut"].complete


def test_a_chart_is_taken_away_without_a_trace(bench: Bench) -> None:
    app = bench.put("h-away", "helm", CHART)
    bench.launch()
    (launch,) = bench.steps()
    changes = tuple(APP_TYPES["helm"].uninstall(bench.cluster, app))
    step = Step(id="u", title="u", host="h", changes=changes, env=launch.env, directory=str(bench.root))
    done = bench.trial.apply(step)
    assert done.complete, done.output
    assert not bench.api.has("configmap", "h-away-a")
    assert bench.api.get("secret", "-l", "owner=helm,name=h-away") == []
    assert set(bench.trial.look(step).states.values()) == {"same"}


def test_a_chart_that_fails_says_why(bench: Bench) -> None:
    bench.put("h-bad", "helm", {**CHART, "templates/c.yaml": '{{ fail "a colour is missing" }}'})
    done = bench.launch()["app/h-bad"]
    assert done.states["chart of h-bad"] == "failed"
    assert "a colour is missing" in done.output
