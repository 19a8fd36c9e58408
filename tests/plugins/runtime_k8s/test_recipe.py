from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.version import Version

from sealer.build.base_parts import Blueprint
from sealer.errors import ImageError
from sealer.model import Platform
from sealer_app_helm.app_type import Helm
from sealer_container_containerd.runtime import Containerd
from sealer_registry_distribution.registry import Distribution
from sealer_runtime_k8s.recipe import KubernetesRecipe
from tests.core.build_base.http_server import Resource, Server, http_server
from tests.core.build_base.material import foreign_program, script, tar_gz

AMD64 = Platform(architecture="amd64")
ARM64 = Platform(architecture="arm64")
RECIPE = KubernetesRecipe()
BLUEPRINT = Blueprint(recipe=RECIPE, parts=(Containerd(), Distribution(), Helm()))


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with http_server() as running:
        yield running


@pytest.mark.parametrize("text", ["1.33.1", "v1.33.1", " v1.33.1 "])
def test_versions_are_written_as_the_programs_print_them(text: str) -> None:
    assert RECIPE.canonical_version(text) == "v1.33.1"


def test_versions_of_vendors_and_candidates_stay_whole() -> None:
    assert RECIPE.canonical_version("1.34.0-rc.1") == "v1.34.0-rc.1"
    assert RECIPE.canonical_version("v1.31.2+acme.3") == "v1.31.2+acme.3"


@pytest.mark.parametrize(
    "text", ["", "1.33", "stable", "v1.33.x", "1.33.1/../..", "1.33.1?x", "1.2.3 --help"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ImageError, match="is not a version of Kubernetes"):
        RECIPE.canonical_version(text)


@pytest.mark.parametrize("platform", [AMD64, ARM64])
@pytest.mark.parametrize("version", ["v1.20.2", "v1.31.4", "v1.32.0", "v1.36.4", "v1.40.0", "v2.0.0"])
def test_every_component_comes_from_exactly_one_download(version: str, platform: Platform) -> None:
    names = [
        name
        for download in BLUEPRINT.downloads(version, platform)
        for name in (download.members.values() if download.members else (download.component,))
    ]
    assert sorted(names) == sorted(component.name for component in BLUEPRINT.components(platform))


@pytest.mark.parametrize("platform", [AMD64, ARM64])
def test_everything_is_secured_and_for_the_platform(platform: Platform) -> None:
    other = "arm64" if platform == AMD64 else "amd64"
    for download in BLUEPRINT.downloads("v1.33.1", platform):
        assert download.url.startswith("https://")
        assert download.checksum.startswith("https://")
        assert platform.architecture in download.url
        assert other not in f"{download.url} {download.checksum} {download.members}"


GITHUB = "https://github.com"
UPSTREAM = {
    "https://dl.k8s.io/release/v1.33.1/bin/linux/arm64": {
        "kubeadm": "kubeadm.sha256",
        "kubelet": "kubelet.sha256",
        "kubectl": "kubectl.sha256",
    },
    f"{GITHUB}/containerd/containerd/releases/download/v2.2.7": {
        "containerd-2.2.7-linux-arm64.tar.gz": "containerd-2.2.7-linux-arm64.tar.gz.sha256sum",
    },
    f"{GITHUB}/opencontainers/runc/releases/download/v1.3.6": {"runc.arm64": "runc.sha256sum"},
    f"{GITHUB}/kubernetes-sigs/cri-tools/releases/download/v1.33.0": {
        "crictl-v1.33.0-linux-arm64.tar.gz": "crictl-v1.33.0-linux-arm64.tar.gz.sha256",
    },
    f"{GITHUB}/containernetworking/plugins/releases/download/v1.9.1": {
        "cni-plugins-linux-arm64-v1.9.1.tgz": "cni-plugins-linux-arm64-v1.9.1.tgz.sha256",
    },
    f"{GITHUB}/etcd-io/etcd/releases/download/v3.5.21": {
        "etcd-v3.5.21-linux-arm64.tar.gz": "SHA256SUMS",
    },
    f"{GITHUB}/distribution/distribution/releases/download/v2.8.3": {
        "registry_2.8.3_linux_arm64.tar.gz": "registry_2.8.3_linux_arm64.tar.gz.sha256",
    },
    "https://get.helm.sh": {"helm-v3.18.4-linux-arm64.tar.gz": "helm-v3.18.4-linux-arm64.tar.gz.sha256sum"},
}


def test_upstreams_addresses() -> None:
    assert {d.url: d.checksum for d in BLUEPRINT.downloads("v1.33.1", ARM64)} == {
        f"{base}/{file}": f"{base}/{checksum}"
        for base, files in UPSTREAM.items()
        for file, checksum in files.items()
    }


def containerd_for(version: str) -> Version:
    downloads = BLUEPRINT.downloads(version, AMD64)
    return Version(next(d.version for d in downloads if "containerd" in d.members.values()))


# The minimum of a column of containerd's table of supported Kubernetes versions, by minor version; up to
# 1.25 the kubelet may speak CRI v1alpha2, which containerd 2 doesn't.
@pytest.mark.parametrize(
    ("version", "least", "below"),
    [
        ("v1.20.2", "1.5", "2"),
        ("v1.22.17", "1.5", "2"),
        ("v1.30.0", "1.7.13", "2"),
        ("v1.31.0", "1.7.20", "2"),
        ("v1.32.0", "2.1.0", "3"),
        ("v1.34.0", "2.1.3", "3"),
        ("v1.35.0", "2.2.0", "3"),
        ("v1.36.0", "2.3.0", "3"),
        ("v1.38.0", "2.3.0", "3"),
    ],
)
def test_containerd_is_one_that_supports_the_version(version: str, least: str, below: str) -> None:
    assert Version(least) <= containerd_for(version) < Version(below)


def test_crictl_has_the_minor_version_of_kubernetes_as_far_as_one_is_known() -> None:
    def crictl(version: str) -> str:
        return next(d.version for d in BLUEPRINT.downloads(version, AMD64) if "crictl" in d.members.values())

    assert [crictl("v1.20.2"), crictl("v1.33.5"), crictl("v1.99.0")] == ["v1.20.0", "v1.33.0", "v1.36.0"]


def test_versions_older_than_the_recipe_can_be_built_from_files() -> None:
    with pytest.raises(ImageError, match=r"v1\.19\.9 is older") as caught:
        BLUEPRINT.downloads("v1.19.9", AMD64)
    assert "--from DIR" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "platform", [Platform(architecture="s390x"), Platform(os="windows", architecture="amd64")]
)
def test_other_platforms_are_refused(platform: Platform) -> None:
    with pytest.raises(ImageError, match="there are no releases of Kubernetes for"):
        BLUEPRINT.components(platform)


def test_kubeadm_is_asked_for_the_container_images() -> None:
    query = RECIPE.image_query("v1.33.1")
    assert (query.component, *query.arguments) == (
        "kubeadm",
        "config",
        "images",
        "list",
        "--kubernetes-version",
        "v1.33.1",
    )
    answer = "registry.k8s.io/kube-apiserver:v1.33.1\nregistry.k8s.io/coredns/coredns:v1.12.0\n\n"
    assert RECIPE.container_images("v1.33.1", AMD64, answer) == (
        "registry.k8s.io/kube-apiserver:v1.33.1",
        "registry.k8s.io/coredns/coredns:v1.12.0",
    )


@pytest.mark.parametrize("answer", ["", "\n", "W1122 cannot reach the network\n", "pause:3.2 extra\n"])
def test_an_answer_that_is_no_list_of_images_is_refused(answer: str) -> None:
    with pytest.raises(ImageError, match=r"kubeadm of v1\.33\.1 doesn't list its container images"):
        RECIPE.container_images("v1.33.1", AMD64, answer)


def test_labels_name_both_runtimes() -> None:
    assert BLUEPRINT.labels("v1.33.1", {"containerd": "2.2.7", "kubelet": "v1.33.1"}) == {
        "cluster.alpha.sealer.io/cluster-runtime-type": "kubernetes",
        "cluster.alpha.sealer.io/cluster-runtime-version": "v1.33.1",
        "cluster.alpha.sealer.io/container-runtime-type": "containerd",
        "cluster.alpha.sealer.io/container-runtime-version": "2.2.7",
    }


def test_an_image_with_etcd_says_so() -> None:
    labels = BLUEPRINT.labels("v1.33.1", {"containerd": "2.2.7", "etcd": "3.5.21"})
    assert labels["cluster.alpha.sealer.io/etcd-version"] == "3.5.21"


# What the programs print, one line per layout that releases have had.
PRINTED = {
    "kubeadm": {"v1.33.1\n": "v1.33.1"},
    "kubelet": {"Kubernetes v1.33.1\n": "v1.33.1"},
    "kubectl": {
        '{\n  "clientVersion": {\n    "major": "1",\n    "gitVersion": "v1.33.1",\n    "x": ""\n  },\n'
        '  "kustomizeVersion": "v5.6.0"\n}\n': "v1.33.1",
    },
    "containerd": {
        "containerd github.com/containerd/containerd v1.7.34 0123abc\n": "1.7.34",
        "containerd github.com/containerd/containerd/v2 v2.2.7 0123abc\n": "2.2.7",
        "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n": "1.6.20~ds1",
    },
    "etcd": {"etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8\n": "3.4.23"},
}


def test_versions_are_found_in_what_programs_print() -> None:
    import re

    patterns = {c.name: c.version_pattern for c in BLUEPRINT.components(AMD64) if c.version_arguments}
    assert set(patterns) == set(PRINTED)
    for name, answers in PRINTED.items():
        for answer, version in answers.items():
            match = re.search(patterns[name], answer, re.MULTILINE)
            assert match is not None
            assert match[1] == version


PROGRAMS = {
    "kubeadm": """case "$1" in
version) echo v1.33.1;;
config) [ "$*" = "config images list --kubernetes-version v1.33.1" ] && echo registry.k8s.io/pause:3.10;;
esac""",
    "kubelet": "echo Kubernetes v1.33.1",
    "kubectl": """echo '  "gitVersion": "v1.33.1",'""",
    "containerd": "echo containerd github.com/containerd/containerd/v2 v2.2.7 abc",
    "etcd": "echo etcd Version: 3.5.21",
}


def publish(server: Server, platform: Platform, content: Callable[[str], bytes]) -> None:
    """Serve a release as upstream has it, below the names of upstream's hosts."""
    for download in BLUEPRINT.downloads("v1.33.1", platform):
        name = download.url.rsplit("/", 1)[-1]
        file = content(download.component)
        if download.members:
            file = tar_gz({f"./{member}": content(name) for member, name in download.members.items()})
        digest = sha256(file).hexdigest()
        line = digest if "dl.k8s.io" in download.url else f"{digest}  {name}\n"
        server.resources["/" + download.url.removeprefix("https://")] = Resource(file)
        sums = server.resources.setdefault("/" + download.checksum.removeprefix("https://"), Resource())
        sums.content += line.encode()


@pytest.mark.parametrize("platform", [AMD64, ARM64])
async def test_a_release_is_gathered_from_a_mirror(
    tmp_path: Path, server: Server, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sealer.build.base_material import Order, gather
    from sealer.build.fetch import FetchSettings

    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    publish(server, ARM64, lambda name: foreign_program("arm64"))
    publish(server, AMD64, lambda name: script(PROGRAMS.get(name, "exit 9")))
    material = await gather(
        Order(
            blueprint=BLUEPRINT,
            version="1.33.1",
            platform=platform,
            directory=None,
            fetch=FetchSettings(mirror=server.url),
            cache=tmp_path / "cache",
            scratch=tmp_path,
        )
    )
    assert tuple(component for component, _ in material.files) == BLUEPRINT.components(platform)
    assert material.labels["cluster.alpha.sealer.io/cluster-runtime-version"] == "v1.33.1"
    assert material.labels["cluster.alpha.sealer.io/container-runtime-version"] == "2.2.7"
    assert material.pulled == ("registry.k8s.io/pause:3.10",)


@pytest.mark.kubernetes
async def test_a_base_image_is_built_of_real_artifacts_and_again_with_the_same_digest(
    artifacts: Path, tmp_path: Path
) -> None:
    from sealer.build.base import BaseRequest, build_base
    from sealer.image.platforms import host_platform
    from sealer.image.reference import parse_reference
    from sealer.image.store import ImageStore

    request = BaseRequest(
        blueprint=BLUEPRINT,
        name=parse_reference("kubernetes:test"),
        platform=host_platform(),
        directory=artifacts,
    )
    stores = ImageStore(tmp_path / "one"), ImageStore(tmp_path / "two")
    first, second = [(await build_base(request, store)).digest for store in stores]
    assert first == second
    metadata = stores[0].resolve("kubernetes:test").metadata
    version = metadata.labels["cluster.alpha.sealer.io/cluster-runtime-version"]
    assert RECIPE.canonical_version(version) == version
    assert metadata.labels["cluster.alpha.sealer.io/container-runtime-version"][0].isdigit()
    packed = {image.image.rsplit("/", 1)[-1] for image in metadata.container_images}
    components = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    assert packed >= {f"{name}:{version}" for name in components}
    assert {"pause", "etcd", "coredns"} <= {name.partition(":")[0] for name in packed}
