"""Applications on a cluster that Sealer did not make, as a user puts them there: no SSH, no root."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.apps.control_plane import ControlPlane
from tests.apps.test_helm import CHART
from tests.lab.operator import Done, Operator

pytestmark = pytest.mark.kubernetes

PAGE = """\
apiVersion: v1
kind: Namespace
metadata: {name: %(name)s}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: page, namespace: %(name)s}
data: {text: %(text)s}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: %(name)s}
stringData: {pass: %(text)s-password}
"""


class Person:
    """Someone with a kubeconfig, who types commands."""

    def __init__(self, api: ControlPlane, directory: Path) -> None:
        path = f"{api.programs}{os.pathsep}{os.environ['PATH']}"
        self.operator = replace(Operator(home=directory), variables={"PATH": path})
        self.cluster = ("--kubeconfig", str(api.kubeconfig), "--context", "bare")
        self.context = directory / "context"

    def build(self, name: str, files: Mapping[str, str], *further: str) -> None:
        for path, text in files.items():
            file = self.context / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        words = ("-t", name, "--type", "app-installer", *further, str(self.context))
        self.operator.sealer("build", *words)

    def sealer(self, *words: str, code: int = 0) -> Done:
        return self.operator.sealer(*words, *self.cluster, "--progress", "plain", code=code)

    def apps(self) -> dict[str, str]:
        rows = json.loads(self.sealer("app", "list", "-o", "json").stdout)
        return {row["name"]: row["state"] for row in rows}


@pytest.fixture
def person(api: ControlPlane, tmp_path: Path) -> Person:
    return Person(api, tmp_path)


def test_the_whole_life_of_applications(api: ControlPlane, person: Person) -> None:
    kubefile = (
        "FROM scratch\nKUBEVERSION >= 1.19\nAPP c-page local://page.yaml\nAPP c-chart local://chart\n"
        "APP c-tool local://install.sh local://uninstall.sh\nLAUNCH c-page c-chart c-tool\n"
    )
    files = {
        "Kubefile": kubefile,
        "page.yaml": PAGE % {"name": "c-page", "text": "one"},
        **{f"chart/{path}": text for path, text in CHART.items() if "web" not in path},
        "install.sh": 'kubectl create configmap c-tool --from-literal=who="$WHO"\n',
        "uninstall.sh": "kubectl delete configmap c-tool\n",
    }
    person.build("life:1", files)
    planned = person.sealer("run", "life:1", "-e", "WHO=me", "--dry-run").stdout
    assert "launch c-page" in planned
    assert not api.has("namespace", "c-page")

    person.sealer("run", "life:1", "-e", "WHO=me")
    assert person.apps().items() >= {"c-page": "ready", "c-chart": "ready", "c-tool": "unknown"}.items()
    assert api.json("configmap", "c-tool")["data"] == {"who": "me"}
    assert "done: 0 steps changed something" in person.sealer("run", "life:1", "-e", "WHO=me").stderr

    person.build("life:2", {"page.yaml": PAGE % {"name": "c-page", "text": "two"}})
    found = person.sealer("app", "diff", "life:2", "--set", "c-chart:colour=blue", "--apps", "c-page,c-chart")
    assert "-  text: one\n+  text: two\n" in found.stdout
    assert "-  colour: red\n+  colour: blue\n" in found.stdout
    assert "+  pass: (secret) that differs\n" in found.stdout
    assert "password" not in found.stdout
    assert "b25lLXBhc3N3b3Jk" not in found.stdout
    assert api.json("configmap", "page", "-n", "c-page")["data"] == {"text": "one"}

    person.sealer("app", "upgrade", "life:2", "--set", "c-chart:colour=blue", "--apps", "c-page,c-chart")
    assert api.json("configmap", "page", "-n", "c-page")["data"] == {"text": "two"}
    assert api.json("configmap", "c-chart-a")["data"] == {"colour": "blue"}
    status = json.loads(person.sealer("app", "status", "c-page", "-o", "json").stdout)
    assert [entry["image"].rpartition("/")[2] for entry in status[0]["history"]] == ["life:1", "life:2"]

    person.sealer("app", "uninstall", "c-tool", "c-chart", "c-page", "--yes")
    assert not {"c-page", "c-chart", "c-tool"} & set(person.apps())
    assert not api.has("namespace", "c-page")
    assert not api.has("configmap", "c-chart-a")
    assert not api.has("configmap", "c-tool")
    left = api.get("configmaps", "-n", "sealer-system")
    assert not [name for name in left if "c-page" in name or "c-chart" in name or "c-tool" in name]
    person.sealer("run", "life:1", "--apps", "c-tool", "-e", "WHO=again")
    assert api.json("configmap", "c-tool")["data"] == {"who": "again"}


def test_an_image_for_other_versions_is_refused_unless_the_user_insists(
    api: ControlPlane, person: Person
) -> None:
    files = {"Kubefile": "FROM scratch\nKUBEVERSION >= 1.99\nAPP c-new local://a.yaml\nLAUNCH c-new\n"}
    person.build("new:1", {**files, "a.yaml": PAGE % {"name": "c-new", "text": "x"}})
    refused = person.sealer("run", "new:1", code=3)
    assert f"is made for Kubernetes >= 1.99, and cluster context-bare has {api.version}" in refused.stderr
    assert not api.has("namespace", "c-new")
    person.sealer("run", "new:1", "--ignore-kube-version")
    assert api.has("namespace", "c-new")


def test_one_that_fails_keeps_the_others_and_is_resumed(api: ControlPlane, person: Person) -> None:
    files = {
        "Kubefile": (
            "FROM scratch\nAPP f-one local://one.sh\nAPP f-two local://two.yaml\n"
            'LABEL "app.alpha.sealer.io/requires.f-three"="f-one"\nAPP f-three local://three.yaml\n'
            "LAUNCH f-one f-two f-three\n"
        ),
        "one.sh": "test -e $GATE\n",
        "two.yaml": PAGE % {"name": "f-two", "text": "x"},
        "three.yaml": PAGE % {"name": "f-three", "text": "x"},
    }
    person.build("fails:1", files)
    gate = person.operator.home / "gate"
    failed = person.sealer("run", "fails:1", "-e", f"GATE={gate}", code=5)
    assert "sealer resume context-bare" in failed.stderr
    assert api.has("namespace", "f-two")
    assert not api.has("namespace", "f-three")
    gate.touch()
    person.operator.sealer("resume", "context-bare")
    assert api.has("namespace", "f-three")


def test_a_plan_is_kept_and_carried_out_as_it_was_seen(api: ControlPlane, person: Person) -> None:
    files = {"Kubefile": "FROM scratch\nAPP p-one local://a.yaml\nLAUNCH p-one\n"}
    person.build("planned:1", {**files, "a.yaml": PAGE % {"name": "p-one", "text": "x"}})
    kept = person.operator.home / "plan.json"
    person.sealer("plan", "planned:1", "--out", str(kept))
    assert not api.has("namespace", "p-one")
    person.operator.sealer("apply", str(kept))
    assert api.has("namespace", "p-one")


def test_a_context_that_does_not_exist(person: Person) -> None:
    failed = person.operator.sealer("app", "list", *person.cluster[:2], "--context", "bear", code=2)
    assert "has no context bear" in failed.stderr
    assert "contexts: bare" in failed.stderr
