"""Charts that a registry has, as ``helm push`` puts them there, in an image."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sealer.testing.registry import RegistryServer
from tests.apps.test_helm import CHART
from tests.lab.operator import Operator

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryServer]:
    with RegistryServer(tmp_path / "registry") as server:
        yield server


@pytest.fixture
def operator(tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(home=tmp_path, variables={"PATH": f"{artifacts / 'bin'}:/usr/bin:/bin"})


@pytest.fixture
def archive(operator: Operator, registry: RegistryServer, artifacts: Path, tmp_path: Path) -> Path:
    """Push a chart, and return the archive that was pushed."""
    chart = tmp_path / "c"
    for path, text in CHART.items():
        file = chart / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("image: x", "image: k8s.gcr.io/pause:3.2"))
    helm = [f"{artifacts}/bin/helm"]
    environment: Mapping[str, str] = operator.environment
    for words in (
        ("package", chart),
        ("push", "c-0.1.0.tgz", f"oci://{registry.address}/charts", "--plain-http"),
    ):
        subprocess.run([*helm, *words], cwd=tmp_path, env=environment, check=True, capture_output=True)
    return tmp_path / "c-0.1.0.tgz"


def build(operator: Operator, artifacts: Path, source: str, code: int = 0) -> str:
    context = operator.home / "context"
    context.mkdir(exist_ok=True)
    (context / "Kubefile").write_text(f"FROM scratch\nAPP web {source}\nLAUNCH web\n")
    pause = ("--image-archive", f"{artifacts}/images/pause.tar", "--skip-tls-verify")
    words = ("build", "-t", "chart:1", "--type", "app-installer", *pause, str(context))
    return operator.sealer(*words, code=code).stderr


def test_a_chart_of_a_registry_is_an_application(
    operator: Operator, registry: RegistryServer, archive: Path, artifacts: Path
) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    build(operator, artifacts, f"oci://{registry.address}/charts/c:0.1.0#sha256={digest}")
    found = operator.sealer("inspect", "chart:1").stdout
    assert '"c-0.1.0.tgz"' in found
    assert "k8s.gcr.io/pause:3.2" in found
    said = build(operator, artifacts, f"oci://{registry.address}/charts/c:0.1.0#sha256={'0' * 64}", code=1)
    assert f"has the digest sha256:{digest}" in said
    assert "Kubefile:2:" in said
    missing = build(operator, artifacts, f"oci://{registry.address}/charts/c:9", code=1)
    assert "Kubefile:2:" in missing
