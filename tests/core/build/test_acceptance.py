"""The acceptance cases of the Go tool, the Kubefiles it was announced with, and what they come to."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sealer.build.kubefile_build import BuildRequest
from sealer.build.platforms_build import build_platforms
from sealer.events import Message
from sealer.image.inspect import image_spec
from sealer.image.load import load
from sealer.image.push import push
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.image.transport import Transport
from sealer.kubefile import define
from sealer.model import Application, ImageType, Launch
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer
from tests.core.kubefile.helpers import kubefile

from .helpers import AMD64, ARM64, TYPES, Workshop, files

BUSYBOX = shutil.which("busybox") or "/bin/busybox"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n"
CHART = {"Chart.yaml": "apiVersion: v2\nname: a\nversion: 0.1.0\n", "values.yaml": "", "templates/a.yaml": ""}


def below(directory: str, content: Mapping[str, str]) -> dict[str, str]:
    return {f"{directory}/{name}": text for name, text in content.items()}


APPS = {
    **below("yamlapp", {f"{name}.yaml": NAMESPACE % name for name in "abc"}),
    **below("shellapp", {f"{name}.sh": f"echo {name}\n" for name in "abc"}),
    **below("mixedapp", {"install.sh": "bash others/b.sh\n", "others/b.sh": "", "others/c.yaml": ""}),
}


def test_build_with_appcmds(workshop: Workshop) -> None:
    workshop.put(APPS)
    apps = [
        "FROM scratch",
        "APP yamlapp local://yamlapp",
        "APP shellapp local://shellapp",
        "APP mixedapp local://mixedapp",
    ]
    last = 'LAUNCH ["mixedapp", "shellapp"]'
    image = workshop.build(*apps, 'APPCMDS mixedapp ["bash install.sh"]', last)
    assert image.extension.applications == (
        Application(name="yamlapp", type="kube", files=("a.yaml", "b.yaml", "c.yaml")),
        Application(name="shellapp", type="shell", files=("a.sh", "b.sh", "c.sh")),
        Application(name="mixedapp", cmds=("bash install.sh",)),
    )
    assert image.extension.launch == Launch(app_names=("mixedapp", "shellapp"))
    assert {path for path in files(workshop.store, image) if "mixedapp" in path} == {
        "application/apps/mixedapp/install.sh",
        "application/apps/mixedapp/others/b.sh",
        "application/apps/mixedapp/others/c.yaml",
    }
    (found,) = workshop.problems(*apps, last)
    assert "the type of application mixedapp is not recognised" in found.message


def markers(workshop: Workshop) -> None:
    workshop.put({f"{name}/bin/i_am_{name}": name for name in ("amd64", "arm64")})


@pytest.mark.parametrize("platform", [AMD64, ARM64])
def test_build_for_one_platform(workshop: Workshop, platform: object) -> None:
    markers(workshop)
    image = workshop.build("FROM scratch", "COPY ${ARCH}/bin bin", platform=platform)
    assert list(files(workshop.store, image)) == [f"bin/i_am_{image.platform.architecture}"]


def test_build_with_multi_arch_and_push_each(workshop: Workshop, registry: RegistryServer) -> None:
    markers(workshop)
    (workshop.context / "Kubefile").write_text("FROM scratch\nCOPY ${ARCH}/bin bin\n")
    name = f"{registry.address}/multi:1"
    request = BuildRequest(context=workshop.context, name=name)
    asyncio.run(build_platforms(workshop.store, request, [AMD64, ARM64], TYPES))
    for platform in (AMD64, ARM64):
        image = workshop.store.resolve(name, platform)
        assert list(files(workshop.store, image)) == [f"bin/i_am_{platform.architecture}"]
    asyncio.run(push(workshop.store, name, name, skip_tls_verify=True))
    transport = Transport(workshop.store.home, skip_tls_verify=True)
    index = json.loads(asyncio.run(transport.inspect_raw(name)))
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]


def test_the_cases_of_the_parser(workshop: Workshop) -> None:
    workshop.put({"nginx.yaml": NAMESPACE % "n", **below("brigade", CHART)})
    found = define(
        kubefile(
            "FROM scratch",
            "ENV globalKey=globalValue",
            "APP nginx local://nginx.yaml",
            "APPENV nginx key1=value1 key2=value2",
            "APPENV nginx key1=value3",
            "APP github-app local://brigade",
            'CMDS ["kubectl get pods -A", "kubectl get nodes"]',
        )
    )
    assert dict(found.env) == {"globalKey": "globalValue"}
    assert dict(found.applications[0].env) == {"key1": "value3", "key2": "value2"}
    assert found.launch == Launch(cmds=("kubectl get pods -A", "kubectl get nodes"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CHART, "helm"),
        ({f"{name}.yaml": "" for name in "abc"}, "kube"),
        ({f"{name}.sh": "" for name in "abc"}, "shell"),
        ({"a.yaml": "", "b.sh": ""}, None),
        (below("deeper", CHART), None),
    ],
)
def test_types_of_applications(tmp_path: Path, content: dict[str, str], kind: str | None) -> None:
    for name, text in content.items():
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = [name for name, each in TYPES.items() if each.detect([tmp_path / "app"]) is not None]
    assert found == ([] if kind is None else [kind])


BASE = """\
FROM scratch
COPY rootfs .
COPY amd64 .
COPY imageList manifests
LABEL "cluster.alpha.sealer.io/cluster-runtime-version"="v1.22.15"
LABEL "cluster.alpha.sealer.io/cluster-runtime-type"="kubernetes"
LABEL "cluster.alpha.sealer.io/container-runtime-type"="docker"
LABEL "cluster.alpha.sealer.io/container-runtime-version"="20.10.14"
CNI calico local://calico.sh
LAUNCH ["calico"]
"""


def base_image(workshop: Workshop, name: str = "sealerio/kubernetes:v1.22.15") -> StoredImage:
    workshop.put({"rootfs/scripts/init.sh": "", "rootfs/manifests/README": "", "amd64/bin/kubeadm": ""})
    workshop.put({"imageList": "# none\n", "calico.sh": ""})
    return workshop.build(*BASE.splitlines(), name=name)


def test_the_reference_base_image(workshop: Workshop) -> None:
    image = base_image(workshop)
    assert sorted(files(workshop.store, image)) == [
        "application/apps/calico/calico.sh",
        "bin/kubeadm",
        "manifests/README",
        "manifests/imageList",
        "scripts/init.sh",
    ]
    shown = image_spec(image)["imageExtension"]
    labels = {key.rpartition("/")[2]: value for key, value in shown["labels"].items()}
    assert labels["cluster-runtime-version"] == "v1.22.15"
    assert labels["kube-cni"] == '["calico"]'
    assert shown["launch"] == {"app_names": ["calico"]}
    assert not [event for event in workshop.events if isinstance(event, Message)]


def announced(name: str) -> list[str]:
    """Return the lines of a Kubefile that the announcement of version 0.9 prints, comments included."""
    return (Path(__file__).parent / "announced" / f"{name}.Kubefile").read_text().splitlines()


def test_the_announced_labels_of_a_cluster_image(workshop: Workshop) -> None:
    base_image(workshop)
    workshop.build("FROM sealerio/kubernetes:v1.22.15", "LABEL mine=1", name="between:1")
    image = workshop.build(*announced("cluster-labels"))
    labels = image.labels
    assert labels["cluster.alpha.sealer.io/container-runtime-version"] == "20.10.14"
    assert "mine" not in labels
    child = workshop.build("FROM between:1", "LABEL other=2")
    assert {"mine", "other", "cluster.alpha.sealer.io/cluster-runtime-type"} <= child.labels.keys()
    assert "stands for nothing" in " ".join(
        event.text for event in workshop.events if isinstance(event, Message)
    )


def test_the_announced_versions_of_an_application_image_are_not_inherited(workshop: Workshop) -> None:
    image = workshop.build(*announced("application-versions"), type=ImageType.APPLICATION, name="app:1")
    assert image.labels["app.alpha.sealer.io/supported-kube-version"] == "1.22 - 1.24"
    assert image.labels["created-by"] == "sealer.io"
    child = workshop.build("FROM app:1", "LABEL a=1", type=ImageType.APPLICATION)
    assert "app.alpha.sealer.io/supported-kube-version" not in child.labels
    assert child.labels["created-by"] == "sealer.io"


def test_the_announced_cluster_image(workshop: Workshop) -> None:
    base_image(workshop)
    workshop.put(
        {
            "install-calico.sh": "old",
            "install-calico-new.sh": "new",
            "flannel.yaml": NAMESPACE % "flannel",
            "install-alibaba-cloud-csi-driver.sh": "csi",
        }
    )
    image = workshop.build(*announced("cluster"))
    assert [(app.name, app.type, app.files) for app in image.extension.applications] == [
        ("calico", "shell", ("install-calico-new.sh",)),
        ("flannel", "kube", ("flannel.yaml",)),
        ("alibaba-cloud-csi-driver", "shell", ("install-alibaba-cloud-csi-driver.sh",)),
    ]
    assert [path for path in files(workshop.store, image) if "calico" in path] == [
        "application/apps/calico/install-calico-new.sh"
    ]
    shown = image_spec(image)["imageExtension"]["labels"]
    assert json.loads(shown["cluster.alpha.sealer.io/kube-cni"]) == ["calico", "flannel"]
    assert json.loads(shown["cluster.alpha.sealer.io/kube-csi"]) == ["alibaba-cloud-csi-driver"]
    assert image.extension.launch == Launch()
    # The child may launch what the parent's parent has declared.
    launched = workshop.build("FROM sealerio/kubernetes:v1.22.15", "LAUNCH calico", name="child:1")
    assert launched.extension.launch.app_names == ("calico",)


def test_the_announced_application_image(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell script stands in for helm; with the real one see the tests of the plugin."""
    programs = workshop.context.parent / "programs"
    programs.mkdir()
    (programs / "helm").write_text("#!/bin/sh\necho 'kind: List'\n")
    (programs / "helm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    workshop.put(
        {
            "redis.yaml": NAMESPACE % "redis",
            "nginx.yaml": NAMESPACE % "nginx",
            "values.yaml": "key: value\n",
            **below("charts/mysql", CHART),
        }
    )
    image = workshop.build(*announced("application"), type=ImageType.APPLICATION)
    redis, nginx, mysql = image.extension.applications
    assert (redis.type, redis.cmds) == ("kube", ())
    assert nginx.cmds == ("kubectl apply -f nginx.yaml -n nginx-namespace",)
    assert mysql.cmds == ("helm install mysql . -f values.yaml --set key=value",)
    assert image.extension.launch == Launch(app_names=("nginx", "mysql"))
    assert (image.labels["created-by"], image.labels["<key>"]) == ("sealer.io", "<value>")
    (told,) = [event.text for event in workshop.events if isinstance(event, Message)]
    assert "... stands for nothing and is left out" in told


OLDER = {
    """\
FROM kubernetes:v1.19.8
COPY etc .
COPY imageList manifests
CMD kubectl apply -f etc/tigera-operator.yaml
CMD kubectl apply -f etc/custom-resources.yaml
""": ("kubectl apply -f etc/tigera-operator.yaml", "kubectl apply -f etc/custom-resources.yaml"),
    """\
FROM registry.cn-qingdao.aliyuncs.com/sealer-io/kubernetes:v1.19.8
# add redis chart
COPY charts charts
CMD helm install redis charts/redis --set "auth.enabled=false" -n redis --create-namespace
""": ('helm install redis charts/redis --set "auth.enabled=false" -n redis --create-namespace',),
    """\
FROM kubernetes-with-raw-docker:v1.19.8
COPY manifests .
CMD until kubectl get crd x; do sleep 1; done && echo "$HOME"
""": ('until kubectl get crd x; do sleep 1; done && echo "$HOME"',),
}


@pytest.mark.parametrize(("text", "commands"), OLDER.items())
def test_kubefiles_of_older_releases(text: str, commands: tuple[str, ...]) -> None:
    found = define(kubefile(*text.splitlines()))
    assert found.launch == Launch(cmds=commands)
    assert {caution.message for caution in found.cautions} == {"CMD is deprecated"}


def test_another_tools_image_is_built_upon_and_run_in(workshop: Workshop, tmp_path: Path) -> None:
    """An image that skopeo has written, with a shell, and a command that changes it."""
    source = ImageStore(tmp_path / "foreign")
    make_image(source, "shell:1", layers=[{"bin/busybox": Path(BUSYBOX).read_bytes()}], type=None)
    layout = f"oci:{source.layout.root}:docker.io/library/shell:1"
    archive = f"oci-archive:{tmp_path / 'foreign.tar'}:docker.io/library/shell:1"
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", layout, archive], check=True)
    load(workshop.store, tmp_path / "foreign.tar")
    image = workshop.build("FROM shell:1", 'RUN ["/bin/busybox", "touch", "/made"]')
    assert "made" in files(workshop.store, image)
