from __future__ import annotations

from pathlib import Path

import pytest

from sealer.changes import Objects
from sealer.errors import ImageError
from sealer.model import Application
from sealer_app_kube import sealer_app_types

from ..kit import cluster

KUBE, KUSTOMIZE, OAM = sealer_app_types()
POD = "kind: Pod\nspec: {{containers: [{{image: {}}}]}}\n"


def put(directory: Path, *files: str) -> None:
    for file in files:
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(POD.format(path.stem))


def test_manifests_are_recognised_in_their_order(tmp_path: Path) -> None:
    put(tmp_path, "z.yaml", "d/b.yml", "d/a.yaml", "d/e/c.yaml")
    assert KUBE.detect([tmp_path / "z.yaml", tmp_path / "d"]) == ("z.yaml", "a.yaml", "b.yml", "e/c.yaml")


@pytest.mark.parametrize(
    "other", ["a.sh", "README.md", "x.json", "kustomization.yaml", "Chart.yaml", "c/Chart.yaml"]
)
def test_what_kubectl_can_not_apply_makes_it_no_manifests(tmp_path: Path, other: str) -> None:
    put(tmp_path, "a.yaml", other)
    assert KUBE.detect([tmp_path]) is None


def test_an_empty_directory_is_no_application(tmp_path: Path) -> None:
    assert KUBE.detect([tmp_path]) is None


def test_images_of_all_manifests(tmp_path: Path) -> None:
    put(tmp_path, "b.yaml", "d/a.yml")
    assert list(KUBE.images(tmp_path, ("b.yaml", "d/a.yml"), _no_tool)) == ["b", "a"]


def test_a_manifest_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(ImageError) as caught:
        KUBE.images(tmp_path, ("a.yaml",), _no_tool)
    assert str(caught.value.place).startswith("a.yaml:1:")


def test_manifests_are_applied_together_in_their_order() -> None:
    app = Application(name="web", type="kube", files=("a.yaml", "d/b c.yaml"))
    (objects,) = KUBE.launch(cluster(), app)
    assert isinstance(objects, Objects)
    assert objects.owner == "web"
    first, second = objects.render.split(" &&\n")
    assert first.startswith("cat application/apps/web/a.yaml && ")
    assert second.startswith("cat 'application/apps/web/d/b c.yaml' && ")


def test_a_kustomization_at_the_top_of_a_directory_is_recognised(tmp_path: Path) -> None:
    put(tmp_path, "a/kustomization.yaml", "a/b.yaml")
    assert KUSTOMIZE.detect([tmp_path / "a"]) == ("kustomization.yaml",)
    assert KUSTOMIZE.detect([tmp_path]) is None
    assert KUBE.detect([tmp_path / "a"]) is None


def test_an_object_of_the_open_application_model_makes_it_one(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml")
    (tmp_path / "b.yaml").write_text(
        "apiVersion: v1\n---\napiVersion: core.oam.dev/v1beta1\nkind: Application\n"
    )
    assert OAM.detect([tmp_path]) == ("a.yaml", "b.yaml")
    assert KUBE.detect([tmp_path]) is None
    (tmp_path / "b.yaml").write_text("# core.oam.dev/\napiVersion: v1\n")
    assert OAM.detect([tmp_path]) is None
    assert KUBE.detect([tmp_path]) == ("a.yaml", "b.yaml")


def _no_tool(words: object, *, stdin: bytes = b"") -> bytes:
    raise AssertionError("no tool is needed")
