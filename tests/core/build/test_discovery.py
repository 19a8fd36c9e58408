"""Where names of container images are found: templates, kustomizations, lists, and programs of the image."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.build.discovery import Discovery
from sealer.build.tools import run_tool
from sealer.build.words import Words
from sealer.errors import ImageError, ProgramMissing
from sealer.events import Event, Message
from sealer.providers import Vocabulary

from .helpers import TYPES, Workshop

POD = "kind: Pod\nspec: {containers: [{image: %s}]}\n"
BUSYBOX = shutil.which("busybox") or "/bin/busybox"


def rootfs(
    root: Path, files: dict[str, str], *, lenient: bool = False, **env: str
) -> tuple[list[str], list[Event]]:
    """Return the images that a root with these files names, and what was told."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    told: list[Event] = []
    discovery = Discovery(TYPES, run_tool, told.append, environment=env, lenient=lenient)
    return [str(image.reference) for image in discovery.rootfs(root)], told


def test_templates_are_filled_in_with_the_default_environment(tmp_path: Path) -> None:
    text = "image: &a {{ .Registry }}/app:{{ .Tag }}\nspec: {containers: [{image: *a}]}\n"
    found, told = rootfs(tmp_path, {"manifests/a.yaml.tmpl": text}, Registry="r.org", Tag="1")
    assert (found, told) == (["r.org/app:1"], [])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: b\nx: {{ range .X }}\n", "manifests/a.tmpl:2:4"),
        ("a: {{ if .X }}\n", "manifests/a.tmpl:1:4"),
        ("a: [{{ .None }}\n", "manifests/a.tmpl:1:5"),
        (POD % "{{ .None }}/app", "manifests/a.tmpl:2:29"),
    ],
)
def test_a_template_that_can_not_be_read_is_an_error_or_a_warning(
    tmp_path: Path, text: str, place: str
) -> None:
    with pytest.raises(ImageError) as caught:
        rootfs(tmp_path, {"manifests/a.tmpl": text})
    assert str(caught.value.place) == place
    assert caught.value.hint is not None
    found, (told,) = rootfs(tmp_path, {"manifests/b.yaml": POD % "b:1"}, lenient=True)
    assert found == ["docker.io/library/b:1"]
    assert isinstance(told, Message)
    assert told.warning
    assert "its container images are packed only if manifests/imageList names them" in told.text


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that is all of PATH; what is put there is a script of the shell."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in ("sh", "cat", "sed", "bwrap"):
        (directory / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(directory))
    return directory


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


KUSTOMIZED = {
    "manifests/web/overlay/kustomization.yaml": "resources: [pod.yaml]\n",
    "manifests/web/overlay/pod.yaml": POD % "old:1",
    "manifests/plain.yaml": POD % "plain:1",
}


@pytest.mark.parametrize("program", ["kubectl", "kustomize"])
def test_kustomizations_are_rendered_by_the_program_that_is_there(
    tmp_path: Path, programs: Path, program: str
) -> None:
    script(programs / program, 'for last; do :; done; sed s/old/new/ "$last/pod.yaml"')
    found, _ = rootfs(tmp_path, KUSTOMIZED)
    assert found == ["docker.io/library/new:1", "docker.io/library/plain:1"]


def test_without_a_program_kustomizations_are_an_error_or_a_warning(tmp_path: Path, programs: Path) -> None:
    with pytest.raises(ImageError, match="manifests/web/overlay: the program kustomize is not installed"):
        rootfs(tmp_path, KUSTOMIZED)
    found, told = rootfs(tmp_path, KUSTOMIZED, lenient=True)
    assert (found, len(told)) == (["docker.io/library/plain:1"], 1)


def test_kubectl_that_fails_is_not_made_up_for(tmp_path: Path, programs: Path) -> None:
    script(programs / "kubectl", "echo it is broken >&2; exit 1")
    script(programs / "kustomize", "cat /dev/null")
    with pytest.raises(ImageError, match="kubectl failed: it is broken"):
        rootfs(tmp_path, KUSTOMIZED)


def test_the_image_may_bring_the_program(workshop: Workshop, programs: Path) -> None:
    """It is busybox here, which takes its word as what it is to be; run apart from the machine."""
    workshop.put({"chart/Chart.yaml": "name: x\n", "chart/values.yaml": "", "chart/templates/a": ""})
    shutil.copy(BUSYBOX, workshop.context / "busybox")
    lines = ("FROM scratch", "COPY --chmod=755 busybox /bin/helm", "APP web local://chart")
    with pytest.raises(ImageError, match="application web: helm of the image: the command ended with status"):
        workshop.build(*lines)
    workshop.build(*lines[:2], name="base:1")
    with pytest.raises(ImageError, match="helm of the image"):
        workshop.build("FROM base:1", lines[2])
    with pytest.raises(ImageError, match="the program helm is not installed"):
        workshop.build("FROM scratch", lines[2])


def test_a_program_of_the_image_for_another_processor_is_of_no_use(
    workshop: Workshop, programs: Path
) -> None:
    header = bytearray(Path(BUSYBOX).read_bytes()[:4096])
    header[18:20] = (0xF3 if header[18] != 0xF3 else 0xB7).to_bytes(2, "little")
    workshop.put({"chart/Chart.yaml": "name: x\n", "helm": bytes(header)})
    with pytest.raises(ProgramMissing) as caught:
        run_tool(("helm", "version"))
    assert caught.value.hint is not None
    with pytest.raises(ImageError, match="the program helm is not installed"):
        workshop.build("FROM scratch", "COPY helm /bin/helm", "APP web local://chart")


def test_an_application_may_list_images_that_nothing_else_names(workshop: Workshop) -> None:
    workshop.put({"app/run.sh": "", "app/imageList": "# by hand\nWanted:1  # too\n"})
    with pytest.raises(ImageError, match="'Wanted:1' is not the name of an image") as caught:
        workshop.build("FROM scratch", "APP web local://app")
    assert str(caught.value.place) == "application/apps/web/imageList:2:1"
    workshop.put({"app/imageList": ""})
    (app,) = workshop.build("FROM scratch", "APP web local://app").extension.applications
    assert (app.type, app.files) == ("shell", ("run.sh",))


def test_templates_of_an_application_see_its_own_environment(workshop: Workshop) -> None:
    workshop.put({"app/a.yaml.tmpl": POD % "{{ .Name }}:1"})
    with pytest.raises(ImageError, match="'Mine:1' is not the name of an image"):
        workshop.build(
            "FROM scratch", "ENV Name=Theirs", "APP web local://app", "APPENV web Name=Mine", "APPCMDS web x"
        )


class Site(Vocabulary):
    name = "site"

    def label_keys(self) -> dict[str, str]:
        return {"site.sealer.io/team": "who"}

    def image_paths(self) -> dict[tuple[str, str], tuple[str, ...]]:
        return {("site.org", "Batch"): ("spec.image",)}


def test_plugins_teach_builds_labels_and_custom_resources(workshop: Workshop) -> None:
    workshop.put({"m/a.yaml": "apiVersion: site.org/v1\nkind: Batch\nspec: {image: Wanted}\n"})
    lines = ("FROM scratch", "LABEL site.sealer.io/team=x")
    workshop.build(*lines, "COPY m /manifests")
    (told,) = [event for event in workshop.events if isinstance(event, Message)]
    assert "the reserved label site.sealer.io/team is unknown" in told.text
    workshop.events.clear()
    taught = Words.of([Site()])
    workshop.build(*lines, vocabulary=taught)
    assert not [event for event in workshop.events if isinstance(event, Message)]
    with pytest.raises(ImageError, match="'Wanted' is not the name of an image"):
        workshop.build(*lines, "COPY m /manifests", vocabulary=taught)
