"""A control plane without nodes on this machine: the real etcd, API server and controller manager.

It answers in seconds and needs no root. What needs running pods is tested in the lab instead; a Deployment
of no replicas becomes available here as well.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TOKEN = "0123456789abcdef"
_STARTING = 180.0


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """An API server that answers.

    Attributes:
        kubeconfig: Of an administrator.
        programs: The directory with kubectl and helm.
        version: As ``v1.20.2``.
    """

    kubeconfig: Path
    programs: Path
    version: str

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl, and return what it prints."""
        done = subprocess.run(
            [self.programs / "kubectl", "--kubeconfig", self.kubeconfig, *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *words: str) -> list[str]:
        """Return the names of objects, as ``configmap/web``."""
        return self.kubectl("get", *words, "-o", "name").split()

    def has(self, *words: str) -> bool:
        """Tell whether there is an object."""
        return bool(self.kubectl("get", *words, "--ignore-not-found", "-o", "name").strip())

    def json(self, *words: str) -> Any:
        """Return an object."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))


@contextmanager
def control_plane(artifacts: Path, directory: Path) -> Iterator[ControlPlane]:
    """Start a control plane; it is gone in the end.

    Args:
        artifacts: The files of a Kubernetes release, and archives of container images.
        directory: An empty directory for its files.
    """
    programs = artifacts / "bin"
    with ExitStack() as running:

        def start(name: str, *words: object) -> subprocess.Popen[bytes]:
            log = running.enter_context((directory / f"{name}.log").open("wb"))
            process = subprocess.Popen([str(word) for word in words], stdout=log, stderr=log, cwd=directory)
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        etcd = _unpack(artifacts / "images/etcd.tar", "usr/bin/etcd", directory)
        store, peers, secure = _free_port(), _free_port(), _free_port()
        stored = f"http://127.0.0.1:{store}"
        start(
            "etcd",
            etcd,
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls={stored}",
            f"--advertise-client-urls={stored}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            "--unsafe-no-fsync",
        )
        _make_key(directory / "sa.key")
        (directory / "tokens.csv").write_text(f'{_TOKEN},admin,admin,"system:masters"\n')
        servers = {name: _server(artifacts, name, directory) for name in _SERVERS}
        start(
            "kube-apiserver",
            servers["kube-apiserver"],
            f"--etcd-servers={stored}",
            f"--secure-port={secure}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={directory / 'certificates'}",
            f"--token-auth-file={directory / 'tokens.csv'}",
            f"--service-account-key-file={directory / 'sa.key'}",
            f"--service-account-signing-key-file={directory / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
            "--insecure-port=0",
        )
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(secure)))
        kubeconfig.chmod(0o600)
        version = _wait(programs / "kubectl", kubeconfig, directory)
        start(
            "kube-controller-manager",
            servers["kube-controller-manager"],
            f"--kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={directory / 'sa.key'}",
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
        )
        yield ControlPlane(kubeconfig=kubeconfig, programs=programs, version=version)


_SERVERS = ("kube-apiserver", "kube-controller-manager")


def _server(artifacts: Path, name: str, directory: Path) -> Path:
    """Return a server's program: beside the artifacts, or else out of the archive of its image."""
    beside = artifacts.parent / "programs" / name
    if beside.exists():
        return beside
    return _unpack(artifacts / f"images/{name}.tar", f"usr/local/bin/{name}", directory)


def _unpack(archive: Path, member: str, directory: Path) -> Path:
    with tarfile.open(archive) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest is not None
        for layer in reversed(json.load(manifest)[0]["Layers"]):
            with tarfile.open(fileobj=image.extractfile(layer)) as files:
                if member in files.getnames():
                    files.extract(member, directory / "unpacked", filter="data")
                    return directory / "unpacked" / member
    raise AssertionError(f"{archive} has no {member}")


def _make_key(path: Path) -> None:
    words = ["openssl", "genrsa", "-out", path, "2048"]
    subprocess.run(words, check=True, capture_output=True)


def _kubeconfig(port: int) -> dict[str, Any]:
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bare", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": _TOKEN}}],
        "contexts": [{"name": "bare", "context": {"cluster": "bare", "user": "admin"}}],
        "current-context": "bare",
    }


def _wait(kubectl: Path, kubeconfig: Path, directory: Path) -> str:
    deadline = time.monotonic() + _STARTING
    words = [str(kubectl), "--kubeconfig", str(kubeconfig), "version", "-o", "json", "--request-timeout=5s"]
    ready = [str(kubectl), "--kubeconfig", str(kubeconfig), "get", "namespace", "default", "-o", "name"]
    while time.monotonic() < deadline:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ))
        if done.returncode == 0 and subprocess.run(ready, capture_output=True, check=False).returncode == 0:
            return str(json.loads(done.stdout)["serverVersion"]["gitVersion"])
        time.sleep(0.3)
    raise AssertionError((directory / "kube-apiserver.log").read_text()[-3000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
