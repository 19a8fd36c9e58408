from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import ImageError
from sealer.manifests import CUSTOM_PATHS, images_below, images_in, with_image_paths

POD = """\
containers: [{name: c, image: app}]
initContainers: [{image: init}]
ephemeralContainers: [{image: late}]
"""
LISTS = """\
kind: List
items:
- kind: Pod
  spec: {containers: [{image: a}]}
- kind: PodList
  items: [{spec: {containers: [{image: b}]}}]
---
---
kind: Pod
spec: {containers: [{image: c}, {image: a}]}
"""
WORKFLOW = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec: {templates: [{container: {image: w}}]}
"""


def images(text: str | bytes) -> list[str]:
    return list(images_in(text if isinstance(text, bytes) else text.encode(), "f.yaml"))


def indent(text: str, depth: int) -> str:
    return "".join(f"{'  ' * depth}{line}\n" for line in text.splitlines())


WORKLOADS = [
    ("Pod", "spec:\n", 1),
    ("Deployment", "spec:\n  template:\n    spec:\n", 3),
    ("StatefulSet", "spec:\n  template:\n    spec:\n", 3),
    ("DaemonSet", "spec:\n  template:\n    spec:\n", 3),
    ("ReplicaSet", "spec:\n  template:\n    spec:\n", 3),
    ("ReplicationController", "spec:\n  template:\n    spec:\n", 3),
    ("Job", "spec:\n  template:\n    spec:\n", 3),
    ("CronJob", "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n", 5),
    ("PodTemplate", "template:\n  spec:\n", 2),
    ("Rollout", "spec:\n  template:\n    spec:\n", 3),
]


@pytest.mark.parametrize(("kind", "path", "depth"), WORKLOADS)
def test_all_workloads_are_looked_into(kind: str, path: str, depth: int) -> None:
    assert images(f"kind: {kind}\n{path}{indent(POD, depth)}") == ["app", "init", "late"]


def test_lists_and_several_documents() -> None:
    assert images(LISTS) == ["a", "b", "c"]


def test_json_is_read_too() -> None:
    assert images('{"kind": "Pod", "spec": {"containers": [{"image": "a:1"}]}}') == ["a:1"]


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap\ndata:\n  x: |\n    containers:\n    - image: no\n",
        "kind: ConfigMap\ndata:\n  image: no\n  vmagent-image: no\n",
        "kind: CustomResourceDefinition\nspec: {x: {containers: [{image: no}]}}",
        "kind: Pod\nspec: {containers: {image: no}}",
        "kind: Pod\nspec: {containers: [{image: }, {image: ''}, {name: x}, [y], z]}",
        "kind: Pod\n# image: no\n",
        "",
        "---\n",
        "just text",
        "- a\n- b\n",
    ],
)
def test_what_is_no_container_is_passed_over(text: str) -> None:
    assert images(text) == []


def test_a_comment_behind_an_image_is_no_part_of_it() -> None:
    assert images("kind: Pod\nspec:\n  containers:\n  - image: 'a:1' # b\n") == ["a:1"]


def test_anchors_aliases_and_merge_keys() -> None:
    text = "x: &c {image: a}\ny: &p\n  containers: [*c, {<<: *c, name: n}, {<<: [*c], image: b}]\nz: *p\n"
    assert images(text) == ["a", "b"]


def test_an_alias_to_itself_ends() -> None:
    assert images("a: &a\n  containers: [{image: x}]\n  b: *a\n") == ["x"]


def test_aliases_that_multiply_do_not_take_long() -> None:
    lines = ["a0: &a0 {containers: [{image: x}]}"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 30)]
    assert images("\n".join(lines)) == ["x"]


def test_image_volumes_and_custom_resources() -> None:
    assert images("kind: Pod\nspec: {volumes: [{image: {reference: v}}, {name: x}]}") == ["v"]
    assert images("apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec: {image: p}") == ["p"]
    assert images("apiVersion: other/v1\nkind: Prometheus\nspec: {image: p}") == []
    assert images(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {templates: [{container: {image: w}}]}"
    ) == ["w"]


def test_names_know_their_places() -> None:
    (found,) = images_in(b"kind: Pod\nspec:\n  containers:\n  - image: \xc3\xa4/x\n", "dir/f.yaml")
    assert (str(found), str(found.place), found.place.text) == (
        "\u00e4/x",
        "dir/f.yaml:4:12",
        "  - image: \u00e4/x",
    )


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: [\n", "did not find expected node content", "f.yaml:1:5"),
        ("a:\n\t- b\n", "found character that cannot start any token", "f.yaml:2:1"),
        ("a: *b\n", "found undefined alias", "f.yaml:1:4"),
        ("spec:\n  containers:\n  - image: {{ x }}\n", "the name of an image must be a text", "f.yaml:3:12"),
        ("spec: {containers: [{image: [a]}]}", "the name of an image must be a text", "f.yaml:1:29"),
        ("a: \0", "its text can't be read", "f.yaml:1:1"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, message: str, place: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        images(text)
    assert str(caught.value.place) == place


@given(st.one_of(st.binary(), st.text(alphabet="ab:-[]{}&*<|>'\"#%@!,? \n\tcontainersimage").map(str.encode)))
def test_any_bytes_are_read_or_answered_with_an_error(data: bytes) -> None:
    with suppress(ImageError):
        assert all(images(data))


def test_directories_are_looked_through_by_path(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    for name, image in {"b/c/x.yaml": "2", "a.yml": "1", "z.txt": "no", "b.json": "no"}.items():
        (tmp_path / name).write_text(f"kind: Pod\nspec: {{containers: [{{image: i{image}}}]}}")
    found = images_below(tmp_path)
    assert [(str(name), name.place.file) for name in found] == [("i1", "a.yml"), ("i2", "b/c/x.yaml")]


def test_plugins_may_know_more_custom_resources() -> None:
    text = b"apiVersion: acme.org/v1\nkind: Batch\nspec: {steps: [{image: a}, {image: b}]}\n"
    assert images_in(text, "x") == ()
    with with_image_paths({("acme.org", "Batch"): ("spec.steps.*.image",)}):
        assert images_in(text, "x") == ("a", "b")
    assert images_in(text, "x") == ()


@pytest.mark.parametrize(("group", "kind"), sorted(CUSTOM_PATHS))
def test_every_known_custom_resource_is_looked_into(group: str, kind: str) -> None:
    for number, path in enumerate(CUSTOM_PATHS[group, kind]):
        value: object = f"image:{number}"
        for name in reversed(path.split(".")):
            value = [value] if name == "*" else {name: value}
        resource = {"apiVersion": f"{group}/v1", "kind": kind, **value}  # type: ignore[dict-item]  # a mapping
        assert images_in(json.dumps(resource).encode(), "x") == (f"image:{number}",)
