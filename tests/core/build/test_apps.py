"""Applications in images. Names of contexts follow the acceptance tests of the Go implementation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from sealer.changes import Change
from sealer.errors import ImageError, PluginError
from sealer.image.extension import LAYER_CONTENT
from sealer.model import Application, Cluster, Launch
from sealer.providers import AppType, ToolRunner

from .helpers import TYPES, Workshop, files, names

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n"


def namespaces(directory: str) -> dict[str, str]:
    return {f"{directory}/{name}.yaml": NAMESPACE.format(name) for name in "abc"}


def scripts(directory: str) -> dict[str, str]:
    return {f"{directory}/{name}.sh": f"echo {name}\n" for name in "abc"}


def test_build_with_appcmds(workshop: Workshop) -> None:
    workshop.put(namespaces("yamlapp") | scripts("shellapp") | namespaces("mixed/yaml") | {"install.sh": ""})
    image = workshop.build(
        "FROM scratch",
        "APP yamlapp local://yamlapp",
        "APP shellapp local://shellapp",
        "APP mixedapp local://install.sh local://mixed",
        'APPCMDS mixedapp ["bash install.sh"]',
        'LAUNCH ["mixedapp", "shellapp"]',
    )
    assert image.extension.applications == (
        Application(name="yamlapp", type="kube", files=("a.yaml", "b.yaml", "c.yaml")),
        Application(name="shellapp", type="shell", files=("a.sh", "b.sh", "c.sh")),
        Application(name="mixedapp", cmds=("bash install.sh",)),
    )
    assert image.extension.launch == Launch(app_names=("mixedapp", "shellapp"))
    assert set(files(workshop.store, image)) == {
        *(f"application/apps/yamlapp/{name}.yaml" for name in "abc"),
        *(f"application/apps/shellapp/{name}.sh" for name in "abc"),
        "application/apps/mixedapp/install.sh",
        *(f"application/apps/mixedapp/yaml/{name}.yaml" for name in "abc"),
    }
    assert [layer.annotations[LAYER_CONTENT] for layer in image.layers] == ["application"] * 3


def test_a_context_may_lie_on_another_file_system_than_the_store(workshop: Workshop) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:  # memory, where the store is not
        Path(directory, "a.yaml").write_text(NAMESPACE.format("a"))
        image = workshop.build("FROM scratch", "APP one local://a.yaml", context=Path(directory))
    assert files(workshop.store, image).keys() == {"application/apps/one/a.yaml"}


def test_an_application_of_no_type_needs_commands(workshop: Workshop) -> None:
    workshop.put({"d/a.yaml": "", "d/b.sh": "", "e/README.md": ""})
    first, second = workshop.problems("FROM scratch", "APP one local://d", "APP two local://e")
    assert (first.message, str(first.place).rpartition("/")[2]) == (
        "the type of application one is not recognised",
        "Kubefile:2:1",
    )
    assert second.place.line == 3
    assert first.hint is not None
    assert "APPCMDS one" in first.hint


def test_settings_of_applications(workshop: Workshop) -> None:
    workshop.put({"a.yaml": NAMESPACE.format("a")})
    image = workshop.build(
        "FROM scratch",
        "ENV key1=global",
        "APP web local://a.yaml",
        "APPENV web key1=value1 key2=value2",
        "APPENV web key1=value3",
        "APPCMDS web kubectl apply -f a.yaml",
    )
    (web,) = image.extension.applications
    assert (dict(web.env), web.cmds) == ({"key1": "value3", "key2": "value2"}, ("kubectl apply -f a.yaml",))
    assert dict(image.extension.env) == {"key1": "global"}


def test_an_application_that_is_defined_twice_leaves_no_file_of_the_first(workshop: Workshop) -> None:
    workshop.put({"old/install.sh": "SECRET", "new.sh": "new"})
    image = workshop.build(
        "FROM scratch", "CNI calico local://old", "CNI flannel local://new.sh", "CNI calico local://new.sh"
    )
    assert files(workshop.store, image) == {
        "application/apps/calico/new.sh": b"new",
        "application/apps/flannel/new.sh": b"new",
    }
    assert len(image.layers) == 2
    assert {name: value for name, value in image.labels.items() if "kube-cni" in name} == {
        "cluster.alpha.sealer.io/kube-cni-calico": "true",
        "cluster.alpha.sealer.io/kube-cni-flannel": "true",
    }


def test_an_application_of_the_parent_that_is_defined_anew_leaves_no_file(workshop: Workshop) -> None:
    workshop.put({"old/d/install.sh": "old", "old/x.sh": "old", "new/x.sh": "new", "other.sh": ""})
    workshop.build("FROM scratch", "APP a local://old", "APP b local://other.sh", name="base:1")
    image = workshop.build("FROM base:1", "APP a local://new", 'LAUNCH ["b", "a"]')
    assert names(workshop.store, image.layers[-1]) == [
        "application/",
        "application/apps/",
        "application/apps/a/",
        "application/apps/a/.wh..wh..opq",
        "application/apps/a/x.sh",
    ]
    assert files(workshop.store, image) == {
        "application/apps/a/x.sh": b"new",
        "application/apps/b/other.sh": b"",
    }
    assert [app.name for app in image.extension.applications] == ["b", "a"]
    assert image.extension.launch.app_names == ("b", "a")


def test_applications_of_the_parent_can_be_changed(workshop: Workshop) -> None:
    workshop.put({"a.sh": ""})
    workshop.build("FROM scratch", "APP a local://a.sh", "APPENV a x=1", name="base:1")
    image = workshop.build("FROM base:1", "APPENV a y=2", "APPCMDS a go", "LAUNCH a")
    assert image.extension.applications == (
        Application(name="a", type="shell", files=("a.sh",), env={"x": "1", "y": "2"}, cmds=("go",)),
    )
    assert len(image.layers) == 1


def test_several_sources_are_one_directory(workshop: Workshop) -> None:
    workshop.put({"d/x.sh": "d", "d/e/y.sh": "y", "x.sh": "file", "z.sh": "z"})
    image = workshop.build("FROM scratch", "APP a local://d local://x.sh local://z.sh")
    assert image.extension.applications[0].files == ("e/y.sh", "x.sh", "z.sh")
    assert files(workshop.store, image) == {
        "application/apps/a/e/y.sh": b"y",
        "application/apps/a/x.sh": b"file",
        "application/apps/a/z.sh": b"z",
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("APP a local://none.sh", "the build context has no none.sh"),
        ("APP a local://link", "the symbolic link link leads out of the build context, to ../secret.sh"),
        ("APP a local://hidden.sh", "hidden.sh is kept out of the build by {context}/.dockerignore:1"),
    ],
)
def test_sources_that_can_not_be_had(workshop: Workshop, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "secret.sh").write_text("outside")
    (workshop.context / "link").symlink_to("../secret.sh")
    workshop.put({"hidden.sh": "", ".dockerignore": "hidden.sh"})
    expected = (message.format(context=workshop.context), 2, 7)
    assert workshop.problem("FROM scratch", line) == expected


class Nosy(AppType):
    """An application type that follows every link it is shown."""

    name = "nosy"
    seen: list[str]

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        self.seen = [path.read_text() for source in sources for path in source.rglob("*") if path.is_file()]
        return ("x",)

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        self.seen += [path.read_text() for path in directory.rglob("*") if path.is_file()]
        return ()

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        return ()


def test_links_lead_no_application_type_out_of_the_context(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    workshop.put({"app/inside": "inside"})
    (workshop.context / "app/absolute").symlink_to(tmp_path / "secret")
    (workshop.context / "app/relative").symlink_to("../../secret")
    (workshop.context / "app/up").symlink_to("..")
    (workshop.context / "app/chain").symlink_to("up/../../secret")
    (workshop.context / "app/good").symlink_to("inside")
    nosy = Nosy()
    workshop.types = {"nosy": nosy}
    workshop.build("FROM scratch", "APP a local://app")
    assert set(nosy.seen) == {"inside"}
    assert len(nosy.seen) == 4


class Broken(AppType):
    name = "broken"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        raise KeyError("oops")

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        return ()


def test_an_application_type_that_fails_is_named(workshop: Workshop) -> None:
    workshop.put({"a.sh": ""})
    workshop.types = {"broken": Broken()}
    with pytest.raises(PluginError, match="the application type broken failed: KeyError: 'oops'"):
        workshop.build("FROM scratch", "APP a local://a.sh")


def test_two_types_that_claim_an_application_are_named(workshop: Workshop) -> None:
    workshop.put({"a/a.sh": ""})
    workshop.types = {"nosy": Nosy(), "shell": TYPES["shell"]}
    with pytest.raises(PluginError, match="application a is claimed by the types nosy and shell"):
        workshop.build("FROM scratch", "APP a local://a")


def test_a_manifest_that_is_no_yaml_is_told_with_its_line(workshop: Workshop) -> None:
    workshop.put({"app/a.yaml": NAMESPACE.format("a"), "app/b.yaml": "kind: Pod\nspec: [\n"})
    with pytest.raises(ImageError, match="application web: not valid YAML") as caught:
        workshop.build("FROM scratch", "APP web local://app")
    assert str(caught.value.place) == "b.yaml:2:8"
