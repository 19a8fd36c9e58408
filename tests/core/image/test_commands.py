"""The commands that show and change the local store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sealer.image.store import ImageStore
from sealer.model import ImageType
from sealer.testing.images import make_image
from tests.core.program import Run


def test_images_are_a_table(sealer: Run, store: ImageStore) -> None:
    make_image(store, "registry.example.com/app:1")
    code, out, err = sealer("images")
    header, line = out.splitlines()
    assert (code, err) == (0, "")
    assert header.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "PLATFORM", "CREATED", "SIZE"]
    identifier = store.resolve("registry.example.com/app:1").id[7:19]
    assert line.split()[:5] == ["registry.example.com/app", "1", identifier, "linux/amd64", "-"]
    assert sealer("images", "--noheading")[1].splitlines() == [line]
    assert store.find("registry.example.com/app:1").digest in sealer("images", "--digests")[1]


def test_images_for_programs(sealer: Run, store: ImageStore) -> None:
    make_image(store, "app:1", type=ImageType.APPLICATION)
    make_image(store, "app:2", layers=[{"other": b""}])
    store.tag("app:1", "again")
    image = store.resolve("app:1")
    document = json.loads(sealer("images", "-o", "json")[1])
    assert document == yaml.safe_load(sealer("images", "-o", "yaml")[1])
    first = document[0]
    assert (first["repository"], first["tag"], first["id"]) == ("docker.io/library/again", "latest", image.id)
    assert (first["digest"], first["type"], first["platforms"]) == (
        image.digest,
        "app-installer",
        ["linux/amd64"],
    )
    assert sealer("images", "-q")[1].split() == [image.id[7:19], store.resolve("app:2").id[7:19]]
    assert sealer("images", "-q", "--no-trunc")[1].split()[0] == image.id


def test_images_without_a_name_are_shown_on_demand(sealer: Run, store: ImageStore) -> None:
    make_image(store, "app", layers=[{"a": b""}])
    make_image(store, "app", layers=[{"b": b""}])
    assert "<none>" not in sealer("images")[1]
    assert "<none>" in sealer("images", "--all")[1]


def test_an_empty_store_has_a_header_alone(sealer: Run) -> None:
    assert sealer("images") == (0, "REPOSITORY   TAG   IMAGE ID   PLATFORM   CREATED   SIZE\n", "")
    assert json.loads(sealer("images", "-o", "json")[1]) == []


def test_a_damaged_image_does_not_hide_the_others(sealer: Run, store: ImageStore) -> None:
    descriptor = make_image(store, "broken", layers=[{"a": b""}])
    make_image(store, "whole")
    store.blob_path(descriptor.digest).write_bytes(b"{}")
    code, out, err = sealer("images")
    assert code == 0
    assert "whole" in out
    assert err.startswith(f"warning: docker.io/library/broken:latest: blob {descriptor.digest} is damaged")


def test_inspect_prints_the_document_and_nothing_else(sealer: Run, store: ImageStore) -> None:
    make_image(store, "app")
    code, out, err = sealer("inspect", "app")
    assert (code, err) == (0, "")
    assert json.loads(out)["name"] == "docker.io/library/app:latest"
    assert out.startswith('{\n    "id"')
    assert yaml.safe_load(sealer("inspect", "-o", "yaml", "app")[1]) == json.loads(out)


def test_inspecting_a_damaged_image_fails_verification(sealer: Run, store: ImageStore) -> None:
    descriptor = make_image(store, "app")
    store.blob_path(descriptor.digest).write_bytes(b"{}")
    code, out, err = sealer("inspect", "app")
    assert (code, out) == (4, "")
    assert err.startswith(f"error: blob {descriptor.digest} is damaged")


def test_tag_gives_names_all_or_none(sealer: Run, store: ImageStore) -> None:
    make_image(store, "app")
    assert sealer("tag", "app", "app:2", "registry.example.com/app:3") == (0, "", "")
    assert len(store.list()) == 3
    assert sealer("tag", "app", "app:4", "Not A Name")[0] == 1
    assert len(store.list()) == 3


def test_rmi_removes_and_says_what(sealer: Run, store: ImageStore) -> None:
    make_image(store, "one", layers=[{"1": b""}])
    make_image(store, "two", layers=[{"2": b""}])
    code, out, err = sealer("rmi", "one", "missing", "two")
    assert code == 1
    assert out.split() == ["docker.io/library/one:latest", "docker.io/library/two:latest"]
    assert "freed" in err
    assert "error: no image missing in the local store" in err
    assert store.list() == ()


def test_rmi_takes_names_or_prune(sealer: Run, store: ImageStore) -> None:
    make_image(store, "app", layers=[{"1": b""}])
    digest = store.find("app").digest
    make_image(store, "app", layers=[{"2": b""}])
    assert sealer("rmi")[0] == 2
    assert sealer("rmi", "--prune", "app")[0] == 2
    assert sealer("rmi", "--prune")[1] == f"{digest}\n"
    assert len(store.list()) == 1


def test_an_archive_goes_from_one_home_to_another(
    sealer: Run, store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = make_image(store, "app:1").digest
    archive = tmp_path / "app.tar"
    assert sealer("save", "-q", "-o", str(archive), "app:1") == (0, "", "")
    monkeypatch.setenv("SEALER_HOME", str(tmp_path / "second"))
    assert sealer("load", "-q", "-i", str(archive)) == (0, "docker.io/library/app:1\n", "")
    assert sealer("load", "-q", "-i", str(archive), "-t", "app:2")[1] == "docker.io/library/app:2\n"
    assert ImageStore(tmp_path / "second").find("app:2").digest == digest


def test_a_damaged_archive_fails_verification(sealer: Run, store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "app:1")
    archive = tmp_path / "app.tar"
    sealer("save", "-q", "-o", str(archive), "app:1")
    layer = store.resolve("app:1").layers[0]
    data = archive.read_bytes()
    blob = store.read_blob(layer.digest)
    archive.write_bytes(data.replace(blob, bytes(len(blob))))
    code, out, err = sealer("load", "-q", "-i", str(archive))
    assert (code, out) == (4, "")
    assert err.startswith(f"error: {archive}: blob {layer.digest} is damaged")
    archive.write_bytes(data[: len(data) // 3])
    code, out, err = sealer("load", "-q", "-i", str(archive))
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {archive}: ")
