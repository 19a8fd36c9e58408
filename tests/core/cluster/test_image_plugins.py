"""Tasks that images bring: as strict as those of Clusterfiles, which count where names are the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sealer.cluster.image_plugins import all_plugins
from sealer.clusterfile import PluginSpec, parse_clusterfile
from sealer.errors import ImageError, SourceErrors
from sealer.image.store import ImageStore
from sealer.model import Phase
from sealer.testing.images import make_image

CLUSTER = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {name: demo}
spec: {image: "made:1", hosts: [{ips: [10.0.0.1], roles: [master]}]}
"""


def plugin(name: str, *, action: str = "pre-init-host", data: str = "true", kind: str = "SHELL") -> str:
    return f"""\
apiVersion: sealer.io/v1
kind: Plugin
metadata: {{name: {name}}}
spec:
  type: {kind}
  action: {action}
  scope: master
  data: |
    {data}
"""


def found(home: Path, *layers: Mapping[str, str], own: str = "") -> dict[str, PluginSpec]:
    store = ImageStore(home)
    encoded = [{path: text.encode() for path, text in files.items()} for files in layers]
    make_image(store, "made:1", layers=encoded)
    text = f"{CLUSTER}---\n{own}" if own else CLUSTER
    clusterfile = parse_clusterfile(text, "Clusterfile", {})
    return {one.name: one for one in all_plugins(store, store.resolve("made:1"), clusterfile)}


def test_those_of_an_image_come_beside_those_of_the_clusterfile_which_count_more(tmp_path: Path) -> None:
    files = {
        "plugins/a.yaml": plugin("one", data="echo image") + "---\n" + plugin("two", kind="hostname"),
        "plugins/b.yml": plugin("three", action="PreInit|PostInstall"),
    }
    plugins = found(tmp_path, files, own=plugin("one", data="echo mine") + "---\n" + plugin("four"))
    assert sorted(plugins) == ["four", "one", "three", "two"]
    assert plugins["one"].data == "echo mine\n"
    assert (plugins["two"].type, plugins["two"].scope) == ("hostname", "master")
    assert plugins["three"].phases == (Phase.PRE_INIT_HOST, Phase.POST_INSTALL)


def test_other_files_of_an_image_are_no_plugins(tmp_path: Path) -> None:
    files = {
        "plugins/deep/a.yaml": plugin("deep"),
        "plugins/README.md": "words",
        "etc/plugins/a.yaml": plugin("other"),
        "application/plugins/a.yaml": plugin("app"),
    }
    assert found(tmp_path, files) == {}


def test_what_an_upper_layer_takes_away_or_replaces_is_not_there(tmp_path: Path) -> None:
    lower = {"plugins/a.yaml": plugin("one", data="old"), "plugins/b.yaml": plugin("two")}
    upper = {"plugins/a.yaml": plugin("one", data="new"), "plugins/.wh.b.yaml": ""}
    plugins = found(tmp_path, lower, upper)
    assert {name: one.data for name, one in plugins.items()} == {"one": "new\n"}


def test_variables_of_a_script_stay_as_they_are(tmp_path: Path) -> None:
    text = 'echo "${HOME:-none} $HostIP"'
    assert found(tmp_path, {"plugins/a.yaml": plugin("one", data=text)})["one"].data == f"{text}\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (plugin("one", action="pre-instal"), 6, "'pre-instal' is no phase"),
        (plugin("one").replace("scope:", "scop:"), 7, "spec.scop is not a known field"),
        (plugin("one") + "---\n" + CLUSTER, 11, "only documents of kind Plugin belong here"),
        (plugin("one").replace("kind: Plugin", "kind: Plugins"), 2, "Plugins is not known"),
        ("a: [", 1, ""),
        ("- a\n", 1, "a document must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(SourceErrors) as caught:
        found(tmp_path, {"plugins/a.yaml": text})
    first = caught.value.problems[0]
    assert message in first.message
    assert str(first.place).startswith(f"plugins/a.yaml (docker.io/library/made:1):{line}:")


def test_two_tasks_of_one_name_in_an_image_are_refused_with_both_places(tmp_path: Path) -> None:
    files = {"plugins/a.yaml": plugin("one"), "plugins/b.yaml": "\n" + plugin("one")}
    with pytest.raises(
        ImageError, match=r"plugins of the name one: plugins/a\.yaml.*:1:1 and plugins/b\.yaml"
    ):
        found(tmp_path, files)


def test_empty_documents_are_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, {"plugins/a.yaml": "# nothing yet\n", "plugins/b.yaml": "---\n---\n"}) == {}
