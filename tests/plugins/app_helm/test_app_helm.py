from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from sealer.build.tools import Tools, run_tool
from sealer.errors import ImageError
from sealer.model import Application
from sealer_app_helm import sealer_app_types
from sealer_app_helm.release import Chart

from ..kit import cluster

(HELM,) = sealer_app_types()


def packed(helm: str, chart: Path) -> Path:
    subprocess.run([helm, "package", chart, "-d", chart.parent], check=True, capture_output=True)
    return chart.parent / "mychart-0.1.0.tgz"


def test_a_directory_with_a_chart_is_recognised(chart: Path) -> None:
    assert HELM.detect([chart]) == (".",)


def test_a_chart_with_files_of_values_is_recognised(chart: Path, tmp_path: Path) -> None:
    for name in ("production.yaml", "site.yml"):
        (tmp_path / name).write_text("tag: x\n")
    sources = [tmp_path / "production.yaml", chart, tmp_path / "site.yml"]
    assert HELM.detect(sources) == (".", "production.yaml", "site.yml")


def test_an_archive_is_recognised_by_what_it_holds(helm: str, chart: Path) -> None:
    archive = packed(helm, chart)
    assert HELM.detect([archive]) == ("mychart-0.1.0.tgz",)
    renamed = archive.rename(archive.with_name("whatever.tar.gz"))
    assert HELM.detect([renamed]) == ("whatever.tar.gz",)


def test_a_directory_above_a_chart_is_none(chart: Path) -> None:
    assert HELM.detect([chart.parent]) is None


def test_two_charts_are_no_application(chart: Path, helm: str) -> None:
    assert HELM.detect([chart, packed(helm, chart)]) is None


def test_a_chart_beside_anything_else_is_no_application(chart: Path, tmp_path: Path) -> None:
    (tmp_path / "install.sh").write_text("")
    assert HELM.detect([chart, tmp_path / "install.sh"]) is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b broken"])
def test_what_is_no_archive_is_no_chart(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tgz"
    path.write_bytes(content)
    assert HELM.detect([path]) is None


@pytest.mark.parametrize("name", ["Chart.yaml", "a/b/Chart.yaml", "a/chart.yaml"])
def test_an_archive_of_something_else_is_no_chart(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert HELM.detect([path]) is None


def test_an_archive_is_looked_into_to_a_limit(tmp_path: Path) -> None:
    """What claims to be large and is compressed to nothing takes neither time nor memory."""
    path = tmp_path / "x.tgz"
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(80):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    assert HELM.detect([path]) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_images_are_those_that_helm_renders(helm: str, chart: Path, kind: str) -> None:
    if kind == "directory":
        directory, files = chart, (".",)
    else:
        archive = packed(helm, chart)
        directory, files = archive.parent, (archive.name,)
    assert set(HELM.images(directory, files, run_tool)) == {
        "r.example/app:release",
        "r.example/sub:test",
    }


def test_files_of_values_decide_about_images_the_later_over_the_earlier(helm: str, chart: Path) -> None:
    (chart / "one.yaml").write_text("tag: one\nextra: true\n")
    (chart / "two.yaml").write_text("tag: two\n")
    assert set(HELM.images(chart, (".", "one.yaml", "two.yaml"), run_tool)) == {
        "r.example/app:two",
        "r.example/extra:1",
        "r.example/sub:test",
    }


def test_a_chart_that_helm_can_not_render_is_told_in_helms_words(helm: str, chart: Path) -> None:
    (chart / "templates/pod.yaml").write_text('{{ fail "a value is missing" }}')
    with pytest.raises(ImageError, match=r"helm failed: (.|\n)*a value is missing"):
        HELM.images(chart, (".",), run_tool)


def test_the_helm_of_an_image_renders_apart_from_the_machine(
    helm: str, chart: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bwrap = shutil.which("bwrap")
    assert bwrap is not None
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/bwrap").symlink_to(bwrap)
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    run = Tools({"helm": Path(helm)}.get, tmp_path)
    assert set(HELM.images(chart, (".",), run)) == {"r.example/app:release", "r.example/sub:test"}
    (chart / "templates/pod.yaml").write_text('{{ fail "a value is missing" }}')
    with pytest.raises(ImageError, match=r"helm of the image: (.|\n)*a value is missing"):
        HELM.images(chart, (".",), run)


def test_a_machine_without_helm(chart: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="the program helm is not installed"):
        HELM.images(chart, (".",), run_tool)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((".",), "application/apps/web"),
        (("c-1.tgz",), "application/apps/web/c-1.tgz"),
        (
            (".", "a.yaml", "b c"),
            "application/apps/web --values=application/apps/web/a.yaml '--values=application/apps/web/b c'",
        ),
    ],
)
def test_a_chart_is_installed_or_upgraded(files: tuple[str, ...], words: str) -> None:
    app = Application(name="web", type="helm", files=files)
    (chart,) = HELM.launch(cluster(), app)
    assert isinstance(chart, Chart)
    assert chart.flags == f"web {words}"
