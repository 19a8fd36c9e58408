"""``sealer build`` as people type it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sealer.cli.program import run
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.model import ImageType

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build context, which is the working directory too."""
    directory = tmp_path / "context"
    directory.mkdir()
    (directory / "Kubefile").write_text("FROM scratch\nLABEL from=context\nCOPY file .\n")
    (directory / "file").write_text("content")
    monkeypatch.chdir(directory)
    return directory


def built(name: str) -> StoredImage:
    return ImageStore(Path(os.environ["SEALER_HOME"])).resolve(name)


def test_name_and_digest_are_all_that_standard_output_gets(context: Path, capsys: Captured) -> None:
    assert run(["build", "-t", "app:1"]) == 0
    image = built("app:1")
    assert capsys.readouterr().out == f"docker.io/library/app:1@{image.digest}\n"
    assert image.extension.type is ImageType.CLUSTER
    assert image.labels["from"] == "context"


def test_all_flags(context: Path, tmp_path: Path) -> None:
    other = tmp_path / "Other"
    other.write_text("FROM scratch\nCOPY file .\n")
    flags = ["--type", "app-installer", "--platform", "linux/arm64", "--label", "a=b=c", "--label", "d="]
    flags += ["--annotation", "org.opencontainers.image.source=https://a?b=c"]
    assert run(["build", "-f", str(other), "-t", "app:1", *flags, "--quiet", str(context)]) == 0
    image = built("app:1")
    assert image.extension.type is ImageType.APPLICATION
    assert str(image.platform) == "linux/arm64"
    assert (image.labels["a"], image.labels["d"]) == ("b=c", "")
    assert "from" not in image.labels
    assert image.manifest.annotations["org.opencontainers.image.source"] == "https://a?b=c"


def test_without_container_images_none_is_looked_for(context: Path) -> None:
    (context / "Kubefile").write_text("FROM scratch\nCOPY web.yaml manifests/\n")
    (context / "web.yaml").write_text("kind: Pod\nspec: {containers: [{image: 'nowhere.invalid/web:1'}]}\n")
    assert run(["build", "-q", "-t", "app:1", "--build-mode", "lite"]) == 0
    image = built("app:1")
    assert "sealer.image.container.images" not in image.manifest.annotations


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "Missing option '-t' / '--tag'"),
        (["-t", "a", "--type", "cluster"], 2, "'cluster' is not one of 'kube-installer', 'app-installer'"),
        (["-t", "a", "--platform", "arm64"], 1, "'arm64' is not a platform"),
        (["-t", "a", "--label", "x"], 2, "--label x: no name with a value"),
        (["-t", "a", "--annotation", "=x"], 2, "--annotation =x: no name with a value"),
        (["-t", "a", "--annotation", "sealer.image.extension={}"], 2, "what makes it an image of Sealer's"),
        (["-t", "a", "--build-mode", "lite", "--image-list", "file"], 2, "packs no container images"),
        (["-t", "A"], 1, "is not the name of an image"),
        (["-t", "a", "-f", "none"], 1, "cannot read the Kubefile"),
        (["-t", "a", "none"], 1, "cannot read the Kubefile"),
    ],
)
def test_wrong_flags(context: Path, capsys: Captured, words: list[str], code: int, said: str) -> None:
    assert run(["build", *words]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_errors_of_a_kubefile_show_place_line_caret_and_hint(context: Path, capsys: Captured) -> None:
    (context / "Kubefile").write_text('FROM scratch\nCOPY fil .\nLAUNCH ["a" "b"]\n')
    assert run(["build", "-t", "app:1"]) == 1
    said = capsys.readouterr().err
    assert "Kubefile:3:13: a , or ] is missing" in said
    assert 'LAUNCH ["a" "b"]\n' in said
    assert " " * 12 + "^" in said
    (context / "Kubefile").write_text("FROM scratch\nCOPY fil .\n")
    assert run(["build", "-t", "app:1"]) == 1
    assert "did you mean file?" in capsys.readouterr().err
