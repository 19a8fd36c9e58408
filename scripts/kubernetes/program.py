"""Kubernetes itself, from Debian's source package: unpacked, repaired, compiled without cgo."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from debian import Debian
from steps import Steps

COMMANDS = (
    "kubeadm",
    "kubectl",
    "kubelet",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)
HELPERS = ("clusterdns", "crictl", "pause")
"""Programs of ours that stand in for what Debian does not ship; built inside the tree for its libraries."""

_TREE = "src/k8s.io/kubernetes"
_MARK = b"+k8s:openapi-gen="
_SKIPPED = ("/_examples/", "/sample-apiserver/", "/testdata/", "/code-generator/")


class Go:
    """A Go toolchain that was unpacked from Debian packages.

    Args:
        steps: Runs it.
        root: The directory the packages were unpacked in.
        cache: Where it keeps what it compiled.
    """

    PACKAGES = ("golang-1.19-go", "golang-1.19-src", "golang-github-modern-go-reflect2-dev")

    def __init__(self, steps: Steps, root: Path, cache: Path) -> None:
        self._steps = steps
        self._root = root / "usr/lib/go-1.19"
        self._cache = cache
        self.reflect2 = root / "usr/share/gocode/src/github.com/modern-go/reflect2"

    def variables(self, path: Path) -> dict[str, str]:
        """Return the environment in which Go works on the GOPATH ``path`` and fetches nothing."""
        return {
            "GOROOT": str(self._root),
            "GOPATH": str(path),
            "GOCACHE": str(self._cache),
            "GO111MODULE": "off",
            "GOFLAGS": "",
            "GOPROXY": "off",
            "CGO_ENABLED": "0",
            "PATH": f"{self._root}/bin:{os.environ['PATH']}",
        }

    def build(self, path: Path, output: Path, packages: list[str], flags: str) -> None:
        """Compile packages of the Kubernetes tree in the GOPATH ``path``."""
        options = ["-trimpath", "-ldflags", flags, "-o", str(output)]
        command = [str(self._root / "bin/go"), "build", *options, *packages]
        self._steps.run(command, cwd=path / _TREE, variables=self.variables(path))


def unpack(path: Path, debian: Debian, steps: Steps, go: Go) -> None:
    """Make a GOPATH with the Kubernetes tree, ready to compile."""
    tree = path / _TREE
    tree.mkdir(parents=True)
    archive = debian.source("kubernetes", path)
    steps.run(["tar", "-x", "--strip-components=1", "-C", tree, "-f", archive])
    for file in path.glob("kubernetes_*"):
        file.unlink()
    # The reflect2 that 1.20 vendors crashes in programs built by Go 1.18 or newer; Debian's own does not.
    vendored = tree / "vendor/github.com/modern-go/reflect2"
    for file in vendored.glob("*.go"):
        file.unlink()
    for file in go.reflect2.iterdir():
        if file.suffix in {".go", ".s"} and not file.name.endswith("_test.go"):
            shutil.copy(file, vendored)
    _generate(path, steps, go)


def _generate(path: Path, steps: Steps, go: Go) -> None:
    """Generate the API server's description of its types, which the source package lacks."""
    tree = path / _TREE
    generator = path / "openapi-gen"
    go.build(path, generator, ["./vendor/k8s.io/kube-openapi/cmd/openapi-gen"], "")
    arguments = {
        "-i": ",".join(sorted(set(_described(tree)))),
        "-p": "k8s.io/kubernetes/pkg/generated/openapi",
        "-O": "zz_generated.openapi",
        "-h": "hack/boilerplate/boilerplate.generatego.txt",
        "-r": str(path / "openapi.report"),
        "--output-base": str(path / "src"),
    }
    words = [word for pair in arguments.items() for word in pair]
    steps.run([generator, "--logtostderr", *words], cwd=tree, variables=go.variables(path))


def _described(tree: Path) -> Iterator[str]:
    """Yield the packages that ask to be part of the description."""
    tops = {
        **{tree / name: f"k8s.io/kubernetes/{name}" for name in ("pkg", "cmd", "plugin")},
        tree / "staging/src/k8s.io": "k8s.io/kubernetes/vendor/k8s.io",
    }
    for top, package in tops.items():
        for file in top.rglob("*.go"):
            name = file.as_posix()
            if (
                name.endswith("_test.go")
                or file.name.startswith("zz_generated")
                or any(s in name for s in _SKIPPED)
            ):
                continue
            if _MARK in file.read_bytes():
                yield f"{package}/{file.parent.relative_to(top).as_posix()}"


def compile_all(output: Path, path: Path, go: Go, *, version: str, helpers: Path) -> None:
    """Compile Kubernetes under a version, and the helpers, into a directory.

    Args:
        output: The directory.
        path: The GOPATH that ``unpack`` made.
        go: The toolchain.
        version: What the programs say they are: ``v1.20.2``.
        helpers: The directory of the helpers' sources.
    """
    go.build(path, output, [f"./cmd/{name}" for name in COMMANDS], f"-s -w {_stamps(version)}")
    packages = []
    for name in HELPERS:
        target = path / _TREE / "cmd" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(helpers / name, target)
        packages.append(f"./cmd/{name}")
    # Apart, since Go writes the flags into what it builds: the helpers are the same in every version.
    go.build(path, output, packages, "-s -w")


def _stamps(version: str) -> str:
    match = re.fullmatch(r"v(\d+)\.(\d+)\.\d+", version)
    if match is None:
        raise ValueError(f"{version} is no version")
    values = {
        "gitMajor": match[1],
        "gitMinor": match[2],
        "gitVersion": version,
        "gitCommit": "debian",
        "gitTreeState": "clean",
        "buildDate": "2021-01-13T00:00:00Z",
    }
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(
        f"-X k8s.io/kubernetes/vendor/{place}.{name}={value}"
        for place in places
        for name, value in values.items()
    )
