"""The plugin of docs/plugins.md passes its contract, with the tests that the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs/plugins.md").read_text(encoding="utf-8")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The plugin's module and all tests of the page; a block without a name gets one."""
    (module,) = re.findall(r"<!-- file: \S+\.py -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "acme_sealer_app_job.py").write_text(module)
    blocks = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "\ndef test_" in text]
    blocks += re.findall(r"<!-- test: \S+ -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    for number, text in enumerate(blocks):
        (tmp_path / f"test_{number}.py").write_text(text)
    return tmp_path


def test_the_tests_of_the_page_pass(directory: Path) -> None:
    paths = [str(directory), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, directory],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"^(\d+) passed", done.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) > 100


def test_the_shown_conformance_test_is_short() -> None:
    (text,) = re.findall(r"<!-- test: \S+ -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    (body,) = re.findall(r"class TestJob.*", text, re.DOTALL)
    assert len([line for line in body.splitlines() if line.strip()]) <= 7
