"""The storage of a registry: what images brought goes with them, what others need or pushed stays."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from sealer.changes import LayerBlob, PrunedStore, Tree
from sealer.changes.script import Setting, converge_script
from tests.core.changes.conftest import Disk, planned
from tests.packed import packed

STORE = "store"
V2 = f"{STORE}/registry/docker/registry/v2"


def unpacked(disk: Disk, *names: str) -> LayerBlob:
    """Put a layer with container images where it is once it was unpacked."""
    content = packed(*names)
    digest = hashlib.sha256(repr(sorted(content)).encode()).hexdigest()
    for path, data in content.items():
        file = disk.data / "layers" / digest / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return LayerBlob(digest=f"sha256:{digest}", size=1, compression="none")


def merged(disk: Disk, *names: str) -> Tree:
    tree = Tree(path=STORE, layers=(unpacked(disk, *names),), merge=True)
    assert disk.converge(tree).complete
    return tree


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_what_no_image_needs_goes_with_its_layers(disk: Disk) -> None:
    old, new = merged(disk, "a.example/app:1", "a.example/shared:1"), merged(disk, "a.example/app:2")
    rootfs = Tree(path="rootfs", layers=(unpacked(disk, "a.example/root:1"),))
    disk.converge(rootfs)
    pruned = PrunedStore(path=STORE, trees=(new,))
    (looked,) = disk.observe(pruned).changes
    assert looked.state == "needed"
    assert looked.reason.startswith("layers of 1 images that nothing needs: ")
    assert disk.observe(old).changes[0].state == "same"

    assert disk.converge(pruned).complete
    assert files(disk.data / STORE) == packed("a.example/app:2")
    layers = {path.name for path in (disk.data / "layers").iterdir()}
    assert layers == {new.layers[0].hex, rootfs.layers[0].hex}
    # The plan of what stays finds nothing to do, and what went comes back when it is wanted again.
    assert [change.state for change in disk.observe(pruned, new, rootfs).changes] == ["same"] * 3
    assert disk.observe(old).changes[0].state == "needed"
    assert not (disk.data / "store/registry/docker/registry/v2/repositories/a.example/shared").exists()


def test_what_another_image_has_as_well_stays(disk: Disk) -> None:
    kept = merged(disk, "a.example/shared:1", "a.example/app:2")
    gone = merged(disk, "a.example/shared:1", "a.example/app:1")
    assert disk.converge(PrunedStore(path=STORE, trees=(kept,))).complete
    assert files(disk.data / STORE) == packed("a.example/shared:1", "a.example/app:2")
    assert not (disk.data / "layers" / gone.layers[0].hex).exists()


def test_a_layer_that_is_in_another_tree_too_stays_there_and_goes_from_the_registry(disk: Disk) -> None:
    # Layers of other tools do not say whether they hold files or container images: they go to both.
    kept, gone = merged(disk, "a.example/app:2"), merged(disk, "a.example/app:1")
    files_too = Tree(path="applications/a", layers=gone.layers)
    disk.converge(files_too)
    pruned = PrunedStore(path=STORE, trees=(kept,))
    assert disk.converge(pruned).complete
    assert files(disk.data / STORE) == packed("a.example/app:2")
    assert files(disk.data / "applications/a") == packed("a.example/app:1")
    assert [change.state for change in disk.observe(pruned, kept, files_too).changes] == ["same"] * 3


def test_what_was_pushed_to_the_registry_stays_with_the_blobs_it_shares(disk: Disk) -> None:
    kept, gone = merged(disk, "a.example/app:2"), merged(disk, "a.example/app:1")
    store = disk.data / STORE
    own = packed("a.example/app:1")
    # Somebody gave an image of the cluster a second name: the registry links its blobs and stores none.
    linked = {
        path.replace("/a.example/app/", "/team/copy/"): data
        for path, data in own.items()
        if "/repositories/" in path
    }
    blobs = {path: data for path, data in own.items() if "/blobs/" in path}
    for path, data in linked.items():
        (store / path).parent.mkdir(parents=True, exist_ok=True)
        (store / path).write_bytes(data)
    assert disk.converge(PrunedStore(path=STORE, trees=(kept,))).complete
    assert files(store) == {**packed("a.example/app:2"), **linked, **blobs}
    assert not (disk.data / "layers" / gone.layers[0].hex).exists()


def test_a_name_that_two_images_had_means_that_of_the_one_that_stays(disk: Disk) -> None:
    kept = merged(disk, "a.example/app:1")
    link = f"{V2}/repositories/a.example/app/_manifests/tags/1/current/link"
    before = (disk.data / link).read_bytes()
    other = unpacked(disk, "a.example/app:1", "b.example/x:1")
    newer = disk.data / "layers" / other.hex / link.removeprefix(f"{STORE}/")
    newer.write_bytes(b"sha256:" + b"0" * 64)
    disk.converge(Tree(path=STORE, layers=(other,), merge=True))
    assert (disk.data / link).read_bytes() != before
    assert disk.converge(PrunedStore(path=STORE, trees=(kept,))).complete
    assert (disk.data / link).read_bytes() == before


def missed_while(path: Path, doing: Callable[[], bool]) -> int:
    """Return how often a file was not there while something was done."""
    done = threading.Event()
    missed: list[int] = []

    def look() -> None:
        count = 0
        while not done.is_set():
            count += 0 if path.exists() else 1
        missed.append(count)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        assert doing()
    finally:
        done.set()
        looker.join()
    return missed[0]


def test_what_is_there_is_there_at_every_moment_while_more_is_merged(disk: Disk) -> None:
    merged(disk, "a.example/app:1")
    more = Tree(path=STORE, layers=(unpacked(disk, "a.example/app:1", "a.example/app:2"),), merge=True)
    link = f"{V2}/repositories/a.example/app/_manifests/tags/1/current/link"
    assert missed_while(disk.data / link, lambda: disk.converge(more).complete) == 0
    assert files(disk.data / STORE) == packed("a.example/app:1", "a.example/app:2")
    # It is that of the later layer from now on.
    assert (disk.data / link).samefile(
        disk.data / "layers" / more.layers[0].hex / link.removeprefix(f"{STORE}/")
    )


def test_a_name_that_stays_is_there_at_every_moment(disk: Disk) -> None:
    kept = merged(disk, "a.example/app:1")
    other = unpacked(disk, "a.example/app:1", "a.example/app:2")
    store, link = disk.data / STORE, f"{V2}/repositories/a.example/app/_manifests/tags/1/current/link"
    # Of two that brought the same file that of the one that goes is in the storage.
    newer = disk.data / "layers" / other.hex / link.removeprefix(f"{STORE}/")
    (disk.data / link).unlink()
    (disk.data / link).hardlink_to(newer)
    (disk.data / "trees" / Tree(path=STORE, layers=(other,), merge=True).mark).write_text(other.hex)
    missed = missed_while(
        disk.data / link, lambda: disk.converge(PrunedStore(path=STORE, trees=(kept,))).complete
    )
    assert missed == 0
    assert files(store) == packed("a.example/app:1")


def test_a_blob_that_is_pushed_while_it_goes_is_back_in_the_end(disk: Disk) -> None:
    kept, _ = merged(disk, "a.example/app:2"), merged(disk, "a.example/app:1")
    store, own = disk.data / STORE, packed("a.example/app:1")
    blobs = {path: data for path, data in own.items() if path not in packed("a.example/app:2")}
    blobs = {path: data for path, data in blobs.items() if "/blobs/" in path}
    linked = {
        path.replace("/a.example/app/", "/team/copy/"): data
        for path, data in own.items()
        if "/repositories/" in path
    }

    pushed = disk.root / "pushed"
    for path, data in linked.items():
        (pushed / path).parent.mkdir(parents=True, exist_ok=True)
        (pushed / path).write_bytes(data)
    # Who found a blob to be there just before it went links it now: the script waits for such.
    script = converge_script(disk.setting(), planned([PrunedStore(path=STORE, trees=(kept,))]))
    report, _ = disk.run(f"sleep() {{ cp -R '{pushed}/.' '{store}'; }}\n{script}")
    assert report.complete
    found = files(store)
    assert linked.items() <= found.items()
    assert blobs.items() <= found.items()


def test_one_that_was_cut_off_is_brought_to_its_end(disk: Disk) -> None:
    kept, gone = merged(disk, "a.example/app:2"), merged(disk, "a.example/app:1")
    pruned = PrunedStore(path=STORE, trees=(kept,))
    # The mark is gone, the layer is half gone.
    (disk.data / "trees" / gone.mark).unlink()
    layer = disk.data / "layers" / gone.layers[0].hex
    layer.rename(layer.with_name(f"{layer.name}.new"))
    assert disk.observe(pruned).changes[0].state == "needed"
    assert disk.converge(pruned).complete
    assert [path.name for path in (disk.data / "layers").iterdir()] == [kept.layers[0].hex]
    assert disk.observe(pruned).changes[0].state == "same"


def test_layers_that_a_rollback_would_bring_back_stay(disk: Disk) -> None:
    first, second = unpacked(disk, "a.example/root:1"), unpacked(disk, "a.example/root:2")
    disk.converge(Tree(path="rootfs", layers=(first,)))
    upgrade = Setting(data=str(disk.data), operation="op-2")
    assert disk.run(converge_script(upgrade, planned([Tree(path="rootfs", layers=(second,))])))[0].complete
    kept = merged(disk, "a.example/app:2")
    disk.converge(PrunedStore(path=STORE, trees=(kept,)))
    assert (disk.data / "layers" / first.hex).exists()
