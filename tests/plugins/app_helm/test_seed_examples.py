"""The Kubefiles with which the project was announced, built as they are written there."""

from __future__ import annotations

from pathlib import Path

from sealer.image.store import ImageStore
from sealer.kubefile.versions import VersionRange
from sealer.model import SUPPORTED_KUBE_VERSION_LABEL, Application, ImageType, Launch
from sealer.testing.images import make_image

from ...core.build.helpers import Workshop, files

CLUSTER = """
    FROM sealerio/kubernetes:v1.22.15

    # Override or provide CNI plugins, the syntax is same with `APP`.
    CNI calico local://install-calico.sh
    CNI calico local://install-calico-new.sh
    CNI flannel local://flannel.yaml

    CSI alibaba-cloud-csi-driver local://install-alibaba-cloud-csi-driver.sh

    LABEL "cluster.alpha.sealer.io/cluster-runtime-version"="v1.22.15"
    # such as kubernetes, k0s, k3s, etc
    LABEL "cluster.alpha.sealer.io/cluster-runtime-type"="kubernetes"
    LABEL "cluster.alpha.sealer.io/container-runtime-type"="docker" \\
          "cluster.alpha.sealer.io/container-runtime-version"="20.10.14"
"""

APPLICATION = """
      FROM scratch

      # NOTE: This value will not be inherited.
      KUBEVERSION 1.22 - 1.24

      # add redis app
      APP redis local://redis.yaml

      # add nginx app
      APP nginx local://nginx.yaml
      APPCMDS nginx ["kubectl apply -f nginx.yaml -n nginx-namespace"]

      # add mysql app
      APP mysql local://charts/mysql/ local://values.yaml
      # `APPCMDS` must be specified when the app has multiple files
      APPCMDS mysql ["helm install mysql .", "-f values.yaml", "--set key=value"]

      LABEL "created-by"="sealer.io"

      LAUNCH ["nginx", "mysql"]
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n"


def workshop(tmp_path: Path) -> Workshop:
    context = tmp_path / "context"
    context.mkdir()
    return Workshop(store=ImageStore(tmp_path / "home"), context=context)


def test_the_cluster_image(tmp_path: Path) -> None:
    shop = workshop(tmp_path)
    make_image(shop.store, "sealerio/kubernetes:v1.22.15", labels={"inherited": "yes"})
    for name in ("install-calico.sh", "install-calico-new.sh", "install-alibaba-cloud-csi-driver.sh"):
        shop.put({name: f"echo {name}\n"})
    shop.put({"flannel.yaml": NAMESPACE})
    image = shop.build(CLUSTER)
    assert image.extension.type is ImageType.CLUSTER
    labels = {name.rpartition("/")[2]: value for name, value in image.labels.items()}
    assert (
        labels.items()
        >= {
            "inherited": "yes",
            "cluster-runtime-type": "kubernetes",
            "cluster-runtime-version": "v1.22.15",
            "container-runtime-type": "docker",
            "container-runtime-version": "20.10.14",
            "kube-cni-calico": "true",
            "kube-cni-flannel": "true",
            "kube-csi-alibaba-cloud-csi-driver": "true",
        }.items()
    )
    assert {app.name: (app.type, app.files) for app in image.extension.applications} == {
        "calico": ("shell", ("install-calico-new.sh",)),
        "flannel": ("kube", ("flannel.yaml",)),
        "alibaba-cloud-csi-driver": ("shell", ("install-alibaba-cloud-csi-driver.sh",)),
    }
    assert not any(path.endswith("install-calico.sh") for path in files(shop.store, image))


def test_the_application_image(tmp_path: Path, chart: Path, helm: str) -> None:
    shop = workshop(tmp_path)
    for template in chart.rglob("templates/*.yaml"):
        template.unlink()
    (chart / "templates/namespace.yaml").write_text(NAMESPACE)
    (shop.context / "charts").mkdir()
    chart.rename(shop.context / "charts/mysql")
    shop.put({"redis.yaml": NAMESPACE, "nginx.yaml": NAMESPACE, "values.yaml": "tag: ours\n"})
    image = shop.build(APPLICATION, type=ImageType.APPLICATION)
    assert image.extension.type is ImageType.APPLICATION
    assert image.labels["created-by"] == "sealer.io"
    versions = VersionRange.parse(image.labels[SUPPORTED_KUBE_VERSION_LABEL])
    assert [versions.allows(version) for version in ("1.21.9", "v1.22.0", "1.24.17", "1.25.0")] == [
        False,
        True,
        True,
        False,
    ]
    assert image.extension.applications == (
        Application(name="redis", type="kube", files=("redis.yaml",)),
        Application(
            name="nginx",
            type="kube",
            files=("nginx.yaml",),
            cmds=("kubectl apply -f nginx.yaml -n nginx-namespace",),
        ),
        Application(
            name="mysql",
            type="helm",
            files=(".", "values.yaml"),
            cmds=("helm install mysql . -f values.yaml --set key=value",),
        ),
    )
    assert image.extension.launch == Launch(app_names=("nginx", "mysql"))
    tree = files(shop.store, image)
    assert tree["application/apps/mysql/Chart.yaml"].startswith(b"apiVersion: v2")
    assert tree["application/apps/mysql/values.yaml"] == b"tag: ours\n"
    child = shop.build("FROM test:1", name="child:1")
    assert SUPPORTED_KUBE_VERSION_LABEL not in child.labels
    assert child.extension.launch == Launch()
