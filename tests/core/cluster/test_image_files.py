"""Small files of images that are read while planning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sealer.cluster.image_files import image_files, with_files
from sealer.errors import ImageError
from sealer.image.store import ImageStore
from sealer.testing.images import make_image

PATHS = ("etc/kubeadm.yml", "etc/other")


def read(home: Path, *layers: Mapping[str, bytes], paths: Sequence[str] = PATHS) -> Mapping[str, str]:
    store = ImageStore(home)
    make_image(store, "made:1", layers=layers)
    return image_files(store, store.resolve("made:1"), paths)


def test_files_that_there_are_come_with_their_text(tmp_path: Path) -> None:
    assert read(tmp_path, {"etc/kubeadm.yml": b"a: \xc3\xa4", "etc/x": b""}) == {"etc/kubeadm.yml": "a: ä"}


def test_the_uppermost_layer_counts(tmp_path: Path) -> None:
    lower, upper = {"etc/kubeadm.yml": b"old", "etc/other": b"other"}, {"etc/kubeadm.yml": b"new"}
    assert read(tmp_path, lower, upper) == {"etc/kubeadm.yml": "new", "etc/other": "other"}


@pytest.mark.parametrize("gone", ["etc/.wh.kubeadm.yml", ".wh.etc", "etc/.wh..wh..opq"])
def test_what_an_upper_layer_takes_away_is_not_there(tmp_path: Path, gone: str) -> None:
    lower = {"etc/kubeadm.yml": b"old"}
    assert read(tmp_path, lower, {gone: b""}) == {}
    assert read(tmp_path, lower, {gone: b"", "etc/kubeadm.yml": b"new"}) == {"etc/kubeadm.yml": "new"}


def test_layers_are_read_once(tmp_path: Path) -> None:
    found = read(tmp_path, {"etc/kubeadm.yml": b"text"})
    store = ImageStore(tmp_path)
    image = store.resolve("made:1")
    for layer in image.layers:
        store.blob_path(layer.digest).write_bytes(b"damaged")
    assert image_files(store, image, PATHS) == found
    with pytest.raises(ImageError):
        image_files(store, image, ("etc/yet-another",))


def test_nothing_is_read_for_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, {"etc/kubeadm.yml": b"text"}, paths=()) == {}
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("data", [b"\xff", b"x" * (1 << 20) + b"x"])
def test_what_can_be_no_settings_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ImageError, match=r"etc/kubeadm\.yml of image"):
        read(tmp_path, {"etc/kubeadm.yml": data})


def test_programs_are_found_whatever_is_in_them(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    lower = {"bin/server": b"\x7fELF\xff" + b"x" * (1 << 20), "bin/gone": b"", "etc/other": b"text"}
    make_image(store, "made:1", layers=(lower, {"bin/.wh.gone": b""}))
    image = store.resolve("made:1")
    programs = ("bin/server", "bin/gone", "bin/never", "etc/other")
    found = with_files(image.metadata, store, image, files=PATHS, programs=programs)
    assert (found.files, found.programs) == ({"etc/other": "text"}, ("bin/server", "etc/other"))
    assert with_files(image.metadata, store, image, files=PATHS, programs=programs) == found
