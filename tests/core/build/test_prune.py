"""What is given back, and what never is."""

from __future__ import annotations

import json
from pathlib import Path

from sealer.build.prune import prune
from sealer.image.oci import Index
from sealer.image.store import ImageStore
from sealer.testing.images import make_image
from tests.core.program import Run

from .helpers import Workshop


def tree(directory: Path) -> dict[str, int]:
    return {
        path.relative_to(directory).as_posix(): path.stat().st_size
        for path in directory.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def fill(store: ImageStore) -> None:
    """Put everything into a store that can be pruned, and some that must not be."""
    make_image(store, "kept:1", layers=[{"kept": b"k" * 5000}])
    make_image(store, "moved:1", layers=[{"old": b"o" * 9000}])
    make_image(store, "moved:1", layers=[{"new": b"n" * 7000}])
    child = make_image(store, None, layers=[{"child": b"c" * 3000}])
    store.put_index("many:1", Index(manifests=(child,)))
    (store.layout.temporary / "build-dead").mkdir()
    (store.layout.temporary / "build-dead/file").write_bytes(b"d" * 100)
    for name in ("container-images/blobs/sha256/ab", "downloads/sha256/cd"):
        path = store.home / "cache" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 1000)
    for name in ("container-images/tmp/half", "downloads/partial/half"):
        path = store.home / "cache" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"h" * 10)


def assert_whole(store: ImageStore) -> None:
    for entry in ("kept:1", "moved:1", "many:1"):
        for layer in ImageStore(store.home).resolve(entry).layers:
            store.verified_blob(layer.digest)


def test_what_an_image_needs_stays_and_all_else_goes(store: ImageStore) -> None:
    fill(store)
    before = sum(tree(store.home).values())
    planned = prune(store, dry_run=True)
    assert sum(tree(store.home).values()) == before
    done = prune(store)
    assert done == planned
    assert len(done.names) == 1
    assert done.deferred is None
    assert done.caches == {
        "container-images": 10,
        "downloads": 10,
        "image-files": 0,
        "layers": 0,
        "mounts": 0,
        "run": 0,
    }
    assert done.cached == 2000
    # index.json has become shorter, too.
    index = store.layout.index.stat().st_size
    assert before - sum(tree(store.home).values()) - done.store - 20 < index
    assert list(store.layout.temporary.iterdir()) == []
    assert_whole(store)
    assert prune(store).store == 0


def test_the_caches_are_emptied_when_that_is_asked_for(store: ImageStore) -> None:
    fill(store)
    assert prune(store, fetched=True, dry_run=True).cached == 0
    done = prune(store, fetched=True)
    assert (done.caches["container-images"], done.caches["downloads"], done.cached) == (1010, 1010, 0)
    assert tree(store.home / "cache") == {}
    assert_whole(store)


def test_while_a_build_runs_nothing_but_names_goes(store: ImageStore) -> None:
    fill(store)
    make_image(store, None, layers=[{"not yet": b"named"}])
    before = tree(store.home)
    with store.lease():
        done = prune(ImageStore(store.home), fetched=True)
        assert done.deferred == "another process is using the store"
        assert (done.store, sum(done.caches.values())) == (0, 0)
        assert before.keys() == tree(store.home).keys()
    assert prune(store, fetched=True).deferred is None
    assert_whole(store)


def test_a_damaged_image_keeps_every_blob(store: ImageStore) -> None:
    fill(store)
    path = store.blob_path(store.find("kept:1").digest)
    path.write_bytes(bytes(path.stat().st_size))
    blobs = tree(store.layout.blobs)
    done = prune(store)
    assert "another image is damaged" in (done.deferred or "")
    assert tree(store.layout.blobs) == blobs


def test_layers_that_are_gone_are_forgotten(workshop: Workshop) -> None:
    workshop.put({"a": "1"})
    workshop.build("FROM scratch", "COPY a a", name="gone:1")
    workshop.build("FROM scratch", "COPY a b", name="kept:1")
    cache = workshop.store.home / "cache/layers"
    entries = len(list(cache.iterdir()))
    (cache / ".unfinished").write_text("")
    workshop.store.remove("gone:1")
    assert prune(workshop.store).caches["layers"] > 0
    assert len(list(cache.iterdir())) == entries // 2


def test_the_command_line(sealer: Run, store: ImageStore) -> None:
    fill(store)
    nameless = next(str(entry) for entry in store.list() if entry.reference is None)
    code, out, err = sealer("prune", "--dry-run")
    assert (code, out) == (0, f"{nameless}\n")
    assert "would free" in err
    document = json.loads(sealer("prune", "-o", "json")[1])
    assert document["images"] == [nameless]
    assert document["freed"]["store"] > 9000 // 100
    assert (document["dry_run"], document["deferred"], document["cached"]) == (False, None, 2000)
    assert "freed 2" in sealer("prune", "--cache")[2]
    assert list((store.home / "cache/downloads").iterdir()) == []


def test_images_as_json_are_json(sealer: Run, store: ImageStore) -> None:
    make_image(store, "app:1")
    code, out, err = sealer("images", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(sealer("images", "-o", "json")[1])
    assert json.loads(out)[0]["tag"] == "1"
