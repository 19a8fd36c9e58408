"""What a Clusterfile says of applications and their files, on a real API server."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.apps.control_plane import ControlPlane
from tests.apps.test_command import Person
from tests.apps.test_helm import CHART
from tests.plugins.app_helm.test_seed_examples import APPLICATION

pytestmark = pytest.mark.kubernetes

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {text: %s}\n"

SEED = """\
apiVersion: sealer.cloud/v2
kind: Cluster
metadata:
  name: my-cluster
spec:
  image: myimage-with-nginx-mysql:v1
  appNames: [ "nginx" ]
---
apiVersion: sealer.io/v2
kind: Application
metadata:
  name: my-apps
spec:
  configs:
  - name: app1
    launch:
      cmds:
      - kubectl apply -f ns.yaml
      - kubectl apply -f nginx.yaml -n namespace
  - name: app2
    launch:
      cmds:
      - helm install my-nginx bitnami/nginx
  - name: app3
    launch:
      cmds:
      - bash nginx.sh
"""
"""The Clusterfile with which settings of applications were announced, its indentation aside."""


@pytest.fixture
def person(api: ControlPlane, tmp_path: Path) -> Person:
    return Person(api, tmp_path)


def run(person: Person, clusterfile: str, *words: str, code: int = 0) -> str:
    file = person.operator.home / "Clusterfile"
    file.write_text(clusterfile)
    return person.sealer("run", "-f", str(file), *words, code=code).stderr


def test_the_clusterfile_of_the_announcement(api: ControlPlane, person: Person) -> None:
    person.build(
        "myimage-with-nginx-mysql:v1",
        {
            "Kubefile": "FROM scratch\nAPP nginx local://nginx.yaml\nAPP mysql local://mysql.yaml\n"
            'LAUNCH ["nginx", "mysql"]\n',
            "nginx.yaml": SETTINGS % ("seed-nginx", "x"),
            "mysql.yaml": SETTINGS % ("seed-mysql", "x"),
        },
    )
    run(person, SEED)
    assert api.has("configmap", "seed-nginx")
    assert not api.has("configmap", "seed-mysql")


def test_the_application_image_of_the_announcement(api: ControlPlane, person: Person) -> None:
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nginx}\n"
    chart = {f"charts/mysql/{path}": text for path, text in CHART.items() if "web" not in path}
    files = {"Kubefile": dedent(APPLICATION), "redis.yaml": settings, "nginx.yaml": settings, **chart}
    person.build("announced:1", {**files, "values.yaml": "colour: blue\n"})
    refused = person.sealer("run", "announced:1", code=3)
    assert "is made for Kubernetes 1.22 - 1.24" in refused.stderr
    api.kubectl("create", "namespace", "nginx-namespace")
    person.sealer("run", "announced:1", "--ignore-kube-version")
    assert api.has("configmap", "nginx", "-n", "nginx-namespace")
    assert api.json("configmap", "mysql-a")["data"] == {"colour": "blue"}
    assert {"nginx", "mysql"} <= set(person.apps())
    assert "redis" not in person.apps()


def test_launch_commands_of_the_clusterfile_take_the_place_of_the_images(
    api: ControlPlane, person: Person
) -> None:
    person.build(
        "commands:1",
        {
            "Kubefile": 'FROM scratch\nAPP app1 local://dir\nAPPCMDS app1 ["false"]\nLAUNCH app1\n',
            "dir/ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: namespace}\n",
            "dir/nginx.yaml": SETTINGS % ("seed-page", "x"),
        },
    )
    run(person, SEED.replace('appNames: [ "nginx" ]', "env: []"), "commands:1")
    assert api.has("configmap", "seed-page", "-n", "namespace")


def test_files_are_replaced_merged_and_rendered(api: ControlPlane, person: Person) -> None:
    person.build(
        "files:1",
        {
            "Kubefile": "FROM scratch\nAPP f-app local://dir\nAPPENV f-app COLOUR=red SIZE=1\n"
            'APPCMDS f-app ["kubectl apply -f a.yaml -f b.yaml -f c.yaml"]\nLAUNCH f-app\n',
            "dir/a.yaml": SETTINGS % ("f-merged", "image"),
            "dir/b.yaml.tmpl": SETTINGS % ("f-rendered", "'{{ .COLOUR }} {{ .SIZE | default 2 }}'"),
            "dir/c.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: f-secret}\n",
        },
    )
    clusterfile = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {name: c}
---
apiVersion: sealer.io/v2
kind: Application
metadata: {name: a}
spec:
  configs:
  - name: f-app
    env: [COLOUR=blue]
    files:
    - {path: a.yaml, strategy: merge, data: {data: {more: user}}}
---
apiVersion: sealer.io/v1
kind: Config
metadata: {name: s}
spec: {path: c.yaml, appName: f-app, process: value|toJson|toSecret, dataFrom: "env:LOGIN"}
"""
    person.operator.variables["LOGIN"] = "login: {user: ann, passwd: s3cret-word}"
    run(person, clusterfile, "files:1")
    assert api.json("configmap", "f-merged")["data"] == {"text": "image", "more": "user"}
    assert api.json("configmap", "f-rendered")["data"] == {"text": "blue 1"}
    login = base64.b64decode(api.json("secret", "f-secret")["data"]["login"])
    assert json.loads(login) == {"user": "ann", "passwd": "s3cret-word"}
    kept = [path for path in (person.operator.sealer_home / "clusters").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if "s3cret-word" in path.read_text(errors="replace")]


def test_a_template_that_is_not_understood_is_refused_with_its_place(person: Person) -> None:
    person.build(
        "bad:1",
        {
            "Kubefile": 'FROM scratch\nAPP t-app local://dir\nAPPCMDS t-app ["true"]\nLAUNCH t-app\n',
            "dir/a.tmpl": "x\n{{ range .X }}{{ end }}\n",
        },
        "--lenient",
    )
    told = person.sealer("run", "bad:1", code=1).stderr
    assert "application/apps/t-app/a.tmpl:2:1: template: 'range' is no function" in told


def test_comparing_and_upgrading_heed_the_clusterfile(api: ControlPlane, person: Person) -> None:
    chart = {f"chart/{path}": text for path, text in CHART.items() if "web" not in path}
    person.build("u:1", {"Kubefile": "FROM scratch\nAPP u-chart local://chart\nLAUNCH u-chart\n", **chart})
    config = "{name: u-chart, values: {colour: green}}, {name: u-chrat}"
    clusterfile = f"""\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {{name: c}}
---
apiVersion: sealer.io/v2
kind: Application
metadata: {{name: a}}
spec: {{configs: [{config}]}}
"""
    told = run(person, clusterfile, "u:1")
    assert "no application u-chrat (did you mean u-chart?)" in told
    assert api.json("configmap", "u-chart-a")["data"] == {"colour": "green"}
    file = ("-f", str(person.operator.home / "Clusterfile"))
    assert "nothing would change" in person.sealer("app", "diff", "u:1", *file).stderr
    assert "done: 0 steps changed" in person.sealer("app", "upgrade", "u:1", *file).stderr
    assert "+  colour: blue\n" in person.sealer("app", "diff", "u:1", *file, "--set", "colour=blue").stdout
    person.sealer("app", "uninstall", "u-chart", "--yes")
