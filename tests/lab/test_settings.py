"""Settings of a Clusterfile that a real Kubernetes cluster follows: its registry, environments of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.testing.lab import Lab
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.images import CLUSTER_IMAGE
from tests.lab.operator import DATA, Operator

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

DOMAIN, PORT = "hub.example.org", 5443

CLUSTERFILE = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata:
  name: my-cluster
spec:
  image: {image}
  ssh: {{pk: {key}}}
  env: [PodCIDR=10.200.0.0/16, CertSANs=cluster.example.org]
  registry:
    localRegistry: {{domain: {domain}, port: {port}}}
  hosts:
    - ips: [{master}]
      roles: [master]
      env: [CertSANs=host.example.org]
    - ips: [{node}]
      roles: [node]
      env: [UseIPasNodeName=true]
"""


@pytest.fixture
def lab(module_lab_nodes: LabNodes) -> Lab:
    return module_lab_nodes(2)


@pytest.fixture
def operator(lab: Lab, user: Operator) -> Iterator[Operator]:
    person = user.trusting(lab)
    yield person
    person.forget_cluster()


def test_the_registry_and_the_environment_of_hosts(lab: Lab, operator: Operator, tmp_path: Path) -> None:
    master, node = lab.nodes
    file = tmp_path / "Clusterfile"
    file.write_text(
        CLUSTERFILE.format(
            image=CLUSTER_IMAGE,
            key=lab.key_path,
            domain=DOMAIN,
            port=PORT,
            master=master.address,
            node=node.address,
        )
    )
    operator.sealer("apply", "-f", str(file))

    for one in lab.nodes:
        assert one.run(["getent", "hosts", DOMAIN]).stdout.split() == [master.address, DOMAIN]
        mirror = one.run(["cat", "/etc/containerd/certs.d/k8s.gcr.io/hosts.toml"]).stdout
        assert f"https://{DOMAIN}:{PORT}/v2/" in mirror
        # What is imported from an archive has a tag alone; what is pulled has a digest in its repository too.
        images = one.run(["ctr", "-n", "k8s.io", "images", "ls", "-q"]).stdout
        assert "k8s.gcr.io/kube-proxy@sha256:" in images
    listening = master.run(["ss", "-ltn"]).stdout
    assert f"{master.address}:{PORT} " in listening
    assert ":5000 " not in listening
    verified = master.run(
        [
            *("openssl", "s_client", "-connect", f"{DOMAIN}:{PORT}", "-servername", DOMAIN),
            *("-verify_hostname", DOMAIN, "-verify_return_error", "-brief"),
            *("-CAfile", f"{DATA}/registry/{DOMAIN}/ca.crt"),
        ],
        input="",
    )
    assert f"Verified peername: {DOMAIN}" in verified.stdout + verified.stderr

    kubectl = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
    names = master.run([*kubectl, "get", "nodes", "-o", "name"]).stdout.split()
    assert sorted(names) == sorted(["node/n1", f"node/{node.address}"])
    certificate = master.run(
        ["openssl", "x509", "-in", "/etc/kubernetes/pki/apiserver.crt", "-noout", "-text"]
    )
    assert "DNS:host.example.org" in certificate.stdout
    assert "DNS:cluster.example.org" not in certificate.stdout
    done = operator.sealer("plan", "-f", str(file), "--detailed-exitcode")
    assert done.stdout == "nothing to do\n"
