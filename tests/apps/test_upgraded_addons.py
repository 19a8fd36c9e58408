"""What kubeadm keeps in a cluster is what it was when an upgrade is taken back, on a real API server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer_runtime_k8s.upgrade import keep_addons, put_addons_back
from tests.apps.control_plane import ControlPlane

pytestmark = pytest.mark.kubernetes

OBJECTS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: kubeadm-config, namespace: kube-system}
data: {ClusterConfiguration: "kubernetesVersion: v1.20.2\\n"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubelet-config-1.20, namespace: kube-system}
data: {kubelet: "maxPods: 110\\n"}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-proxy, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-proxy}}
  template:
    metadata: {labels: {k8s-app: kube-proxy}}
    spec: {containers: [{name: kube-proxy, image: "k8s.gcr.io/kube-proxy:v1.20.2"}]}
"""
IMAGE = "jsonpath={.spec.template.spec.containers[0].image}"


def sh(script: str) -> None:
    subprocess.run(["sh", "-e"], input=script, text=True, check=True, capture_output=True)


def test_addons_are_put_back_as_they_were(api: ControlPlane, tmp_path: Path) -> None:
    kubectl = f"{api.programs}/kubectl --kubeconfig {api.kubeconfig}"
    path = f"{tmp_path}/kept addons.yaml"
    api.kubectl("create", "-f", "-", stdin=OBJECTS)
    try:
        sh(keep_addons(kubectl, path))
        newer = OBJECTS.replace("v1.20.2", "v1.20.15").replace("maxPods: 110", "maxPods: 50")
        api.kubectl("replace", "-f", "-", stdin=newer)
        api.kubectl("-n", "kube-system", "annotate", "ds", "kube-proxy", "note=newer")
        sh(put_addons_back(kubectl, path))
        image = api.kubectl("-n", "kube-system", "get", "ds", "kube-proxy", "-o", IMAGE)
        assert image == "k8s.gcr.io/kube-proxy:v1.20.2"
        kubeadm = api.json("-n", "kube-system", "cm", "kubeadm-config")
        assert kubeadm["data"] == {"ClusterConfiguration": "kubernetesVersion: v1.20.2\n"}
        kubelet = api.json("-n", "kube-system", "cm", "kubelet-config-1.20")
        assert kubelet["data"] == {"kubelet": "maxPods: 110\n"}
        # Once more, when an attempt was cut off.
        sh(put_addons_back(kubectl, path))
    finally:
        api.kubectl("delete", "-f", "-", stdin=OBJECTS)
