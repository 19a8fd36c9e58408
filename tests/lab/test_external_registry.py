"""A registry outside of the cluster, with TLS and passwords: images are pushed there, hosts know it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.image.store import ImageStore
from sealer.model import ImageType
from sealer.testing.images import make_image
from sealer.testing.lab import Lab, compare, snapshot
from sealer.testing.lab.fixtures import LabNodes
from sealer.testing.registry import RegistryServer
from tests.lab.faults.ground import claim_systemd
from tests.lab.operator import CLUSTER, Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator
from tests.packed import container_image, packed

pytestmark = pytest.mark.lab

PASSWORD = "s3cret word"
BASE, WEB, LATER = "docker.io/library/base:1", "quay.example/shop/web:1", "quay.example/shop/later:1"

CLUSTERFILE = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {{name: my-cluster}}
spec:
  image: {image}
  ssh: {{pk: {key}}}
  env: ["PLAIN_WITHOUT=service,passing"]
  registry:
    externalRegistry:
      domain: {host}
      port: {port}
      path: team
      {account}
  hosts:
    - ips: [{master}]
      roles: [master]
    - ips: [{node}]
      roles: [node]
"""


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    """Return two nodes that pass for such with systemd, though they have an SSH server and nothing else."""
    found = module_lab_nodes(2, "sshd")
    for node in found.nodes:
        claim_systemd(node)
    return found


@pytest.fixture
def registry(lab: Lab, tmp_path: Path) -> Iterator[RegistryServer]:
    with RegistryServer(
        tmp_path / "registry",
        tls=True,
        users={"ann": PASSWORD},
        host=lab.operator_address,
        command=lab.operator_command,
    ) as server:
        yield server


@pytest.fixture
def operator(lab: Lab, tmp_path: Path) -> Iterator[Operator]:
    person = plain_operator(tmp_path).trusting(lab)
    make_plain_image(
        person,
        ({"etc/hello": b"hello"}, packed(BASE, WEB)),
        container_images=(container_image(BASE), container_image(WEB)),
    )
    make_image(
        ImageStore(person.sealer_home),
        "later:v1",
        layers=({"etc/later": b"later"}, packed(LATER)),
        type=ImageType.APPLICATION,
        container_images=(container_image(LATER),),
    )
    yield person
    person.forget_cluster()


def write(operator: Operator, lab: Lab, registry: RegistryServer, *account: str) -> str:
    """Write a Clusterfile of n1 and n2 with that registry, and return its path."""
    file = operator.home / "Clusterfile"
    text = CLUSTERFILE.format(
        image=IMAGE,
        key=lab.key_path,
        host=registry.host,
        port=registry.port,
        account="\n      ".join(account),
        master=lab.node("n1").address,
        node=lab.node("n2").address,
    )
    file.write_text(text)
    return str(file)


def tags(registry: RegistryServer) -> set[str]:
    """Return the names that the registry serves images by."""
    repositories = registry.data / "docker/registry/v2/repositories"
    links = repositories.rglob("_manifests/tags/*/current/link")
    return {f"{link.parents[4].relative_to(repositories)}:{link.parents[1].name}" for link in links}


def test_images_are_pushed_and_hosts_know_where_they_are(
    operator: Operator, lab: Lab, registry: RegistryServer
) -> None:
    before = {node.name: snapshot(node) for node in lab.nodes}
    account = ("username: ann", "passwordFrom: env:WORD", f"caFile: {registry.authority}")
    words = ("-f", write(operator, lab, registry, *account))
    wrong = with_word(operator, "wrong")
    failed = wrong.sealer("apply", *words, code=1)
    assert f"the registry {registry.address} can't be used as ann" in failed.stderr
    assert "nothing was changed" in failed.stderr
    assert {node.name: snapshot(node) for node in lab.nodes} == before
    unset = operator.sealer("apply", *words, code=1)
    assert "the environment variable WORD is not set" in unset.stderr

    right = with_word(operator, PASSWORD)
    planned = json.loads(right.sealer("plan", *words, "-o", "json").stdout)
    steps = {step["step"]: step for step in planned["steps"]}
    pushes = [change["change"] for step in steps.values() for change in step["changes"]]
    assert f"push {registry.address}/team/{BASE}, {registry.address}/team/{WEB}" in pushes
    assert tags(registry) == set()

    right.sealer("apply", *words)
    assert tags(registry) == {f"team/{BASE}", f"team/{WEB}"}
    basic = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    for node in lab.nodes:
        told, _, authority = node.run(["cat", "/etc/plain/registry"]).stdout.partition("\n")
        assert told == f"{registry.address}/team {basic} team/docker.io team/quay.example"
        assert authority == registry.authority.read_text()
    assert right.sealer("plan", *words, "--detailed-exitcode").stdout == "nothing to do\n"
    right.sealer("run", "later:v1", "--ignore-kube-version")
    assert f"team/{LATER}" in tags(registry)
    # It is no longer there, and what was pushed before is.
    shutil.rmtree(registry.data / f"docker/registry/v2/repositories/team/{LATER.partition(':')[0]}")
    right.sealer("run", "later:v1", "--ignore-kube-version")
    assert f"team/{LATER}" in tags(registry)

    said = right.sealer("delete", "--all", "--yes").stderr
    assert f"the container images stay in the registry {registry.address}" in said
    assert tags(registry) == {f"team/{BASE}", f"team/{WEB}", f"team/{LATER}"}
    assert not (operator.sealer_home / "clusters" / CLUSTER / "operator").exists()
    assert [compare(before[node.name], snapshot(node)) for node in lab.nodes] == [(), ()]
    assert_unwritten(operator, PASSWORD, basic)


def with_word(operator: Operator, password: str) -> Operator:
    """Return the same person with the password in the environment."""
    return replace(operator, variables={**operator.variables, "WORD": password})


def assert_unwritten(operator: Operator, *secrets: str) -> None:
    """See that no file of the operator's home directory holds a secret."""
    for path in operator.sealer_home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path


def test_a_push_that_is_cut_off_is_resumed_with_the_credentials_of_a_login(
    operator: Operator, lab: Lab, registry: RegistryServer
) -> None:
    trust = operator.sealer_home / "certs.d" / registry.address
    trust.mkdir(parents=True)
    shutil.copy(registry.authority, trust / "ca.crt")
    login = ("login", "-u", "ann", "--password-stdin", registry.address)
    operator.sealer(*login, stdin=PASSWORD)
    words = ("-f", write(operator, lab, registry))
    # What is to be pushed can't be stored.
    registry.data.mkdir()
    registry.data.joinpath("docker").write_text("no directory")
    failed = operator.sealer("apply", *words, code=5)
    assert "push " in failed.stderr
    registry.data.joinpath("docker").unlink()
    operator.sealer("resume")
    assert tags(registry) == {f"team/{BASE}", f"team/{WEB}"}
    node = lab.node("n2").run(["cat", "/etc/plain/registry"]).stdout
    assert base64.b64encode(f"ann:{PASSWORD}".encode()).decode() in node
