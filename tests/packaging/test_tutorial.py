"""The plugin of docs/plugins.md, taken from the page, built, installed and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import ROOT, Environment, ThirdParty, run

USE = """
import sys
from pathlib import Path
from sealer.model import Application
from sealer.plugins import load_plugins

file = Path(sys.argv[1])
types = load_plugins().app_types()
print(*(name for name, kind in types.items() if kind.detect([file])))
print(*types["job"].images(file.parent, [file.name], None))
[change] = types["job"].launch(None, Application(name="migration", type="job", files=(file.name,)))
print(change.run)
"""

MANIFEST = """
apiVersion: batch/v1
kind: Job
metadata: {name: migration}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: migrate, image: "registry.example/migrate:1.0"}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The files of the tutorial as the page has them."""
    page = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for name, text in blocks:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "app_job"


def test_the_tutorials_plugin_is_about_thirty_lines(source: Path) -> None:
    assert len((source / "acme_sealer_app_job.py").read_text().splitlines()) <= 35


def test_the_tutorials_plugin_works_as_the_page_says(
    source: Path, whole: Environment, third_party: ThirdParty, tmp_path: Path
) -> None:
    environment = whole.clone(tmp_path / "venv")
    environment.install(third_party.build(source))
    table = environment.sealer("plugin", "list")
    shown = r"^job +application type +app_job +acme-sealer-app-job +0\.1\.0 +loaded +-$"
    assert re.search(shown, table, re.MULTILINE), table

    context = tmp_path / "context"
    context.mkdir()
    (context / "migrate.job").write_text(MANIFEST)
    assert run(environment.python, "-c", USE, context / "migrate.job").splitlines() == [
        "job",
        "registry.example/migrate:1.0",
        "kubectl apply -f application/apps/migration/migrate.job",
        "kubectl wait --for=condition=complete --timeout=10m -f application/apps/migration/migrate.job",
    ]
