"""Container images of an application image in a registry, for a cluster that Sealer did not make."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealer.testing.registry import RegistryServer
from tests.apps.control_plane import ControlPlane
from tests.apps.test_command import Person

pytestmark = pytest.mark.kubernetes

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s, namespace: default}
spec:
  replicas: 0
  selector: {matchLabels: {app: %(name)s}}
  template:
    metadata: {labels: {app: %(name)s}}
    spec:
      initContainers: [{name: first, image: "other.example/own:1"}]
      containers:
      - {name: main, image: "busybox:1.35", command: [sleep, "100"]}
      - name: pause
        image: k8s.gcr.io/pause:3.2
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryServer]:
    with RegistryServer(tmp_path / "registry", tls=True, users={"ann": "secret"}) as server:
        yield server


@pytest.fixture
def person(api: ControlPlane, artifacts: Path, registry: RegistryServer, tmp_path: Path) -> Person:
    """Someone who has built an image with container images, and logged in to the registry."""
    found = Person(api, tmp_path)
    trust = found.operator.sealer_home / "certs.d" / registry.address
    trust.mkdir(parents=True)
    shutil.copy(registry.authority, trust / "ca.crt")
    login = ("login", "-u", "ann", "--password-stdin", registry.address)
    found.operator.sealer(*login, stdin="secret")
    archives = tuple(
        word
        for name in ("busybox", "pause")
        for word in ("--image-archive", f"{artifacts}/images/{name}.tar")
    )
    files = {
        "Kubefile": (
            "FROM scratch\nAPP d-web local://web.yaml\nAPP d-more local://more.yaml\nLAUNCH d-web d-more\n"
        ),
        "web.yaml": WEB.replace("other.example/own:1", "k8s.gcr.io/pause:3.2") % {"name": "d-web"},
        "more.yaml": WEB.replace("other.example/own:1", "busybox:1.35") % {"name": "d-more"},
    }
    found.build("delivered:1", files, *archives)
    return found


ENGINE = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusterpolicies.kyverno.io}
spec:
  group: kyverno.io
  scope: Cluster
  names: {kind: ClusterPolicy, plural: clusterpolicies}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
        properties:
          # What the real one says when it has read a policy.
          status:
            type: object
            x-kubernetes-preserve-unknown-fields: true
            default: {conditions: [{type: Ready, status: "True"}]}
---
"""


def images(api: ControlPlane, name: str) -> list[str]:
    pod = api.json("deployment", name)["spec"]["template"]["spec"]
    return [container["image"] for container in (*pod["initContainers"], *pod["containers"])]


def test_images_go_to_a_registry_and_manifests_follow(
    api: ControlPlane, person: Person, registry: RegistryServer
) -> None:
    where = ("--registry", f"{registry.address}/team")
    steps = person.sealer("run", "delivered:1", *where, "--dry-run").stdout
    assert f"push {registry.address}/team/docker.io/library/busybox:1.35" in steps
    assert not registry.data.exists() or not [*registry.data.rglob("link")]

    person.sealer("run", "delivered:1", *where)
    busybox = f"{registry.address}/team/docker.io/library/busybox:1.35"
    pause = f"{registry.address}/team/k8s.gcr.io/pause:3.2"
    assert images(api, "d-web") == [pause, busybox, pause]
    assert images(api, "d-more") == [busybox, busybox, pause]
    trust = f"--cert-dir={person.operator.sealer_home / 'certs.d' / registry.address}"
    asked = ("skopeo", "inspect", "--creds=ann:secret", trust, "--format", "{{.Name}}")
    for name in (busybox, pause):
        done = subprocess.run((*asked, f"docker://{name}"), capture_output=True, text=True, check=True)
        assert done.stdout.strip() == name.rpartition(":")[0]
    again = person.sealer("run", "delivered:1", *where)
    assert "done: 0 steps changed something" in again.stderr
    assert "d-web: nothing would change" in person.sealer("app", "diff", "delivered:1", *where).stderr

    # Where nodes have mirrors nothing is renamed.
    person.sealer("run", "delivered:1", *where, "--image-policy", "none")
    assert images(api, "d-more") == ["busybox:1.35", "busybox:1.35", "k8s.gcr.io/pause:3.2"]
    person.sealer("app", "uninstall", "d-web", "d-more", "--yes")
    left = person.operator.sealer_home / "contexts/context-bare/applications"
    assert [*left.iterdir()] == []


def test_a_registry_that_refuses_fails_the_applications_and_is_resumed(
    api: ControlPlane, person: Person, registry: RegistryServer
) -> None:
    person.operator.sealer("logout", registry.address)
    failed = person.sealer("run", "delivered:1", "--registry", registry.address, code=5)
    assert "authentication required" in failed.stderr
    assert not api.has("deployment", "d-web")
    person.operator.sealer("login", "-u", "ann", "--password-stdin", registry.address, stdin="secret")
    person.operator.sealer("resume", "context-bare")
    assert images(api, "d-web")[0] == f"{registry.address}/k8s.gcr.io/pause:3.2"
    person.sealer("app", "uninstall", "d-web", "d-more", "--yes")


def test_flags_for_images_are_for_foreign_clusters_and_registries(person: Person) -> None:
    own = person.operator.sealer("run", "delivered:1", "--registry", "r.example", code=2)
    assert "those it made have a registry" in own.stderr
    alone = person.sealer("run", "delivered:1", "--image-policy", "kyverno", code=2)
    assert "is about the registry" in alone.stderr
    wrong = person.sealer("run", "delivered:1", "--registry", "http://r.example", code=2)
    assert "is not the name of a registry" in wrong.stderr


def test_a_policy_and_its_engine_come_and_go_with_applications(
    api: ControlPlane, person: Person, registry: RegistryServer, artifacts: Path
) -> None:
    files = {
        "Kubefile": (
            'FROM scratch\nLABEL "app.alpha.sealer.io/image-policy-plugin"="kyverno"\n'
            "APP kyverno local://engine.yaml\nAPP d-shop local://shop.yaml\nLAUNCH d-shop\n"
        ),
        "engine.yaml": ENGINE + WEB.replace("other.example/own:1", "busybox:1.35") % {"name": "kyverno"},
        "shop.yaml": WEB.replace("other.example/own:1", "busybox:1.35") % {"name": "d-shop"},
    }
    archives = (f"--image-archive={artifacts}/images/{name}.tar" for name in ("busybox", "pause"))
    person.build("policy:1", files, *archives)
    person.sealer("run", "policy:1")
    assert not api.has("deployment", "kyverno")
    person.sealer("run", "policy:1", "--registry", registry.address)
    assert images(api, "d-shop") == ["busybox:1.35", "busybox:1.35", "k8s.gcr.io/pause:3.2"]
    assert images(api, "kyverno")[2] == f"{registry.address}/k8s.gcr.io/pause:3.2"
    policy = api.json("clusterpolicy", "sealer-d-shop")
    targets = policy["spec"]["rules"][0]["context"][0]["variable"]["value"]
    assert targets["busybox:1.35"] == f"{registry.address}/docker.io/library/busybox:1.35"
    again = person.sealer("run", "policy:1", "--registry", registry.address)
    assert "done: 0 steps changed something" in again.stderr

    person.sealer("run", "policy:1", "--registry", registry.address, "--image-policy", "none")
    assert api.get("clusterpolicies") == []
    person.sealer("run", "policy:1", "--registry", registry.address)
    assert api.get("clusterpolicies") == ["clusterpolicy.kyverno.io/sealer-d-shop"]
    person.sealer("app", "uninstall", "d-shop", "--yes")
    assert api.get("clusterpolicies") == []
    hook = "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\n"
    label = "metadata: {name: left, labels: {webhook.kyverno.io/managed-by: kyverno}}\n"
    api.kubectl("apply", "-f", "-", stdin=hook + label)
    person.sealer("app", "uninstall", "kyverno", "--yes")
    assert not api.has("mutatingwebhookconfiguration", "left")
    assert not api.has("customresourcedefinition", "clusterpolicies.kyverno.io")


PLATFORMS = ("amd64", "arm64", "s390x")


def push_for_platforms(name: str, directory: Path, flags: tuple[str, ...]) -> None:
    """Push a container image for several platforms, which differ in their configs alone."""

    def put(content: bytes, kind: str, **further: Any) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs = directory / "blobs/sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        (blobs / digest).write_bytes(content)
        media = f"application/vnd.oci.image.{kind}.v1+json"
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(content), **further}

    manifests = []
    for architecture in PLATFORMS:
        labels = {"Labels": {"architecture": "a label"}}
        config = {"config": labels, "architecture": architecture, "os": "linux", "rootfs": {"type": "layers"}}
        described = put(json.dumps(config).encode(), "config")
        manifest = {"schemaVersion": 2, "config": described, "layers": []}
        platform = {"os": "linux", "architecture": architecture}
        manifests.append(put(json.dumps(manifest).encode(), "manifest", platform=platform))
    index = put(json.dumps({"schemaVersion": 2, "manifests": manifests}).encode(), "index")
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [index]}))
    words = ("skopeo", "copy", "--all", "--insecure-policy", *flags, f"oci:{directory}", f"docker://{name}")
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def nodes(api: ControlPlane) -> Iterator[Any]:
    """Return what makes nodes of an architecture each; they are gone in the end."""
    made: list[str] = []

    def make(*architectures: str) -> None:
        for architecture in architectures:
            node: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": architecture}}
            api.kubectl("create", "-f", "-", stdin=json.dumps(node))
            made.append(architecture)
            node = api.json("node", architecture)
            node["status"]["nodeInfo"] |= {"operatingSystem": "linux", "architecture": architecture}
            path = f"/api/v1/nodes/{architecture}/status"
            api.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(node))

    yield make
    for name in made:
        api.kubectl("delete", "node", name)


def test_images_are_those_for_the_platforms_of_the_nodes(
    api: ControlPlane, person: Person, registry: RegistryServer, nodes: Any, tmp_path: Path
) -> None:
    box = f"{registry.address}/base/box:1"
    trusted = person.operator.sealer_home / "certs.d" / registry.address
    flags = ("--dest-creds=ann:secret", f"--dest-cert-dir={trusted}")
    push_for_platforms(box, tmp_path / "box", flags)
    files = {
        "Kubefile": "FROM scratch\nAPP p-web local://web.yaml\nLAUNCH p-web\n",
        "web.yaml": re.sub(r"(image: \"?)[^\s\",}]+", rf"\g<1>{box}", WEB) % {"name": "p-web"},
    }
    person.build("platforms:1", files, "--platform", "linux/amd64,linux/arm64,linux/s390x")
    person.build("lacking:1", files, "--platform", "linux/amd64,linux/s390x")
    target = f"{registry.address}/team/{registry.address.replace(':', '_')}/base/box:1"

    def offered() -> list[str]:
        asked = ("skopeo", "inspect", "--raw", "--creds=ann:secret", f"--cert-dir={trusted}")
        done = subprocess.run((*asked, f"docker://{target}"), capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        if "manifests" in found:
            return sorted(entry["platform"]["architecture"] for entry in found["manifests"])
        config = tmp_path / "box/blobs/sha256" / found["config"]["digest"].removeprefix("sha256:")
        return [json.loads(config.read_text())["architecture"]]

    words = ("--registry", f"{registry.address}/team", "--app-timeout", "0", "--cmds", "true")
    nodes("arm64")
    lacking = person.sealer("run", "lacking:1", *words, code=1)
    assert "it lacks linux/arm64" in lacking.stderr
    person.sealer("run", "platforms:1", *words)
    assert offered() == ["arm64"]
    nodes("amd64")
    person.sealer("run", "platforms:1", *words)
    assert offered() == ["amd64", "arm64"]
    again = person.sealer("run", "platforms:1", *words)
    assert "done: 0 steps changed something" in again.stderr

    # Whoever names an image by the digest of a list gets a list of what there is.
    digest = json.loads((tmp_path / "box/index.json").read_text())["manifests"][0]["digest"]
    pinned = {"web.yaml": files["web.yaml"].replace(box, f"{box}@{digest}")}
    person.build("pinned:1", pinned, "--platform", "linux/amd64,linux/arm64")
    target = f"{target.removesuffix(':1')}:{digest.replace(':', '-')}"
    person.sealer("run", "pinned:1", *words)
    assert offered() == ["amd64", "arm64"]
    warned = person.sealer("run", "lacking:1", *words, "--platform-policy", "warn")
    assert "it lacks linux/arm64; its pods can't run there" in warned.stderr
