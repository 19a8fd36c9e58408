"""The real helm, and charts for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def helm(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The helm on PATH, or the one in the artifacts' ``bin``."""
    for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "helm"))
    if shutil.which("helm") is None:
        artifacts: Path = request.getfixturevalue("artifacts")
        monkeypatch.setenv("PATH", f"{artifacts / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = shutil.which("helm")
    assert found, (
        "these tests need helm: on PATH, or as bin/helm in the directory that SEALER_ARTIFACTS names"
    )
    return found


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart with a sub-chart, whose images depend on values."""
    root = tmp_path / "mychart"
    files = {
        "Chart.yaml": "apiVersion: v2\nname: mychart\nversion: 0.1.0\n",
        "values.yaml": "tag: release\nextra: false\nsub:\n  tag: test\n",
        "README.md": "a chart\n",
        "templates/_helpers.tpl": '{{- define "image" -}}r.example/{{ .name }}:{{ .tag }}{{- end -}}\n',
        "templates/pod.yaml": _pod('{{ include "image" (dict "name" "app" "tag" .Values.tag) }}'),
        "templates/extra.yaml": f"{{{{- if .Values.extra }}}}\n{_pod('r.example/extra:1')}{{{{- end }}}}\n",
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
        "charts/sub/templates/pod.yaml": _pod("r.example/sub:{{ .Values.tag }}"),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _pod(image: str) -> str:
    head = "kind: Pod\napiVersion: v1\nmetadata: {name: x}\n"
    return f"{head}spec:\n  containers:\n  - image: {image}\n---\n"
