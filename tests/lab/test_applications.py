"""The life of applications on a cluster that Sealer made, over SSH and with real pods.

The cluster is that of ``test_cluster``, which takes it away and looks at what is left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.cluster import Site, eventually

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s%(where)s}
spec:
  replicas: %(replicas)s
  selector: {matchLabels: {app: %(name)s}}
  template:
    metadata: {labels: {app: %(name)s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: "busybox:1.35", command: [sleep, "100000"]}
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n"
KUBEFILE = """\
FROM scratch
KUBEVERSION >= 1.19
COPY helm bin/helm
APP web local://web.yaml
APP chart local://chart
APP tool local://install.sh local://uninstall.sh
APP broken local://broken.yaml
LAUNCH web broken chart tool
"""


def web(replicas: int) -> str:
    return NAMESPACE + DEPLOYMENT % {"name": "web", "where": ", namespace: shop", "replicas": replicas}


@pytest.fixture
def cluster(site: Site) -> Site:
    site.install()
    return site


def build(site: Site, artifacts: Path, context: Path, name: str, *, replicas: int) -> None:
    chart = context / "chart"
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("replicas: 1\n")
    where = {"name": "{{ .Release.Name }}", "where": "", "replicas": "{{ .Values.replicas }}"}
    (chart / "templates/web.yaml").write_text(DEPLOYMENT % where)
    (context / "web.yaml").write_text(web(replicas))
    (context / "broken.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: broken}\n")
    (context / "install.sh").write_text('kubectl create configmap tool --from-literal=who="$WHO"\n')
    (context / "uninstall.sh").write_text("kubectl delete configmap tool\n")
    (context / "Kubefile").write_text(KUBEFILE)
    shutil.copy(artifacts / "bin/helm", context / "helm")
    archives = ("--image-archive", str(artifacts / "images"))
    site.operator.sealer("build", "-t", name, "--type", "app-installer", *archives, str(context))


def states(site: Site) -> dict[str, str]:
    rows = json.loads(site.operator.sealer("app", "list", "-o", "json").stdout)
    return {row["name"]: row["state"] for row in rows if row["name"] != "cni-bridge"}


def test_applications_live_on_a_cluster(cluster: Site, artifacts: Path, tmp_path: Path) -> None:
    build(cluster, artifacts, tmp_path, "shop:1", replicas=2)
    failed = cluster.operator.sealer("run", "shop:1", "-e", "WHO=me", code=5)
    assert "broken" in failed.stderr
    assert states(cluster) == {"web": "ready", "chart": "ready", "tool": "unknown", "broken": "launching"}
    assert len([pod for pod in cluster.ready_pods() if pod.startswith("shop/web-")]) == 2
    cluster.operator.sealer("operations", "abort", "--yes")
    cluster.operator.sealer("app", "uninstall", "broken", "--yes")

    build(cluster, artifacts, tmp_path, "shop:2", replicas=1)
    apps = ("--apps", "web,chart")
    found = cluster.operator.sealer("app", "diff", "shop:2", *apps, "--set", "chart:replicas=2").stdout
    assert "-  replicas: 2\n+  replicas: 1\n" in found
    assert "-  replicas: 1\n+  replicas: 2\n" in found
    cluster.operator.sealer("app", "upgrade", "shop:2", *apps, "--parallel-apps", "--set", "chart:replicas=2")
    assert cluster.ask("get", "deployment", "chart")["status"]["availableReplicas"] == 2
    again = cluster.operator.sealer("run", "shop:2", *apps, "--parallel-apps", "--set", "chart:replicas=2")
    assert "done: 0 steps changed something" in again.stderr

    cluster.operator.sealer("app", "uninstall", "web", "chart", "tool", "--yes")
    assert states(cluster) == {}
    names = [item["metadata"]["name"] for item in cluster.ask("get", "namespaces")["items"]]
    assert "shop" not in names
    kept = cluster.ask("get", "configmaps", "-n", "sealer-system", "-l", "sealer.io/app")["items"]
    assert [item["metadata"]["name"] for item in kept] == ["app-cni-bridge"]
    master = cluster.lab.node("n1")
    assert master.run(["ls", "/var/lib/sealer/my-cluster/applications"]).stdout == ""


def test_container_images_reach_the_nodes_of_any_cluster_through_its_api_server(
    cluster: Site, artifacts: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "box.tar"
    named = f"docker-archive:{archive}:elsewhere.example/box:1"
    copied = ["skopeo", "copy", "--insecure-policy", f"docker-archive:{artifacts}/images/busybox.tar", named]
    subprocess.run(copied, check=True, capture_output=True)
    box = DEPLOYMENT.replace("busybox:1.35", "elsewhere.example/box:1")
    (tmp_path / "box.yaml").write_text(box % {"name": "box", "where": ", namespace: default", "replicas": 2})
    (tmp_path / "Kubefile").write_text("FROM scratch\nAPP box local://box.yaml\nLAUNCH box\n")
    build_words = ("build", "-t", "box:1", "--type", "app-installer", "--image-archive", str(archive))
    cluster.operator.sealer(*build_words, str(tmp_path))
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.operator.sealer("kubeconfig").stdout)
    programs = f"{cluster.kubectl.parent}{os.pathsep}{os.environ['PATH']}"
    stranger = replace(cluster.operator, variables={"PATH": programs})
    there = ("--kubeconfig", str(kubeconfig))

    def all_have(image: str) -> bool:
        nodes = cluster.ask("get", "nodes")["items"]
        return all(any(image in one["names"] for one in node["status"]["images"]) for node in nodes)

    stranger.sealer("run", "box:1", *there, "--to-nodes")
    assert cluster.ask("get", "deployment", "box")["status"]["availableReplicas"] == 2
    left = cluster.ask("get", "pods", "-n", "sealer-system")["items"]
    assert [pod for pod in left if not pod["metadata"].get("deletionTimestamp")] == []
    # Kubelets look at their container images twice a minute and tell the API server with their next report.
    eventually(lambda: all_have("elsewhere.example/box:1"), what="all nodes say that they have the image")
    again = stranger.sealer("run", "box:1", *there, "--to-nodes")
    assert "done: 0 steps changed something" in again.stderr
    stranger.sealer("app", "uninstall", "box", *there, "--yes")

    def containers() -> str:
        nodes = cluster.lab.nodes
        return "".join(node.run(["ctr", "-n", "k8s.io", "containers", "ls"]).stdout for node in nodes)

    # The next tests look at all containers.
    eventually(lambda: "elsewhere.example" not in containers(), what="no container of it is left")
