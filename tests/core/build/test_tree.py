"""What several sources come to, against a model of files in a mapping."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealer.build.context import Directory, FileOpener
from sealer.build.tree import Mount, walk
from sealer.errors import ImageError

# Few names, so that sources often have paths in common.
NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.lists(NAMES, max_size=2).map("/".join)
SOURCES = st.lists(st.tuples(TARGETS, st.dictionaries(PATHS, st.binary(max_size=3), max_size=4)), max_size=4)


def plain(files: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out files below which there are others: no directory can hold both."""
    return {
        path: data for path, data in files.items() if not any(other.startswith(f"{path}/") for other in files)
    }


def model(sources: list[tuple[str, dict[str, bytes]]]) -> dict[str, bytes] | None:
    """Return the files that the sources come to, or None when a path is both a file and a directory."""
    merged: dict[str, bytes] = {}
    for target, files in sources:
        merged.update({f"{target}/{path}".lstrip("/"): data for path, data in files.items()})
    directories = {path.rpartition("/")[0] for path in merged} | {target for target, _ in sources}
    above = {"/".join(path.split("/")[:end]) for path in directories for end in range(1, 9)}
    return None if merged.keys() & above else merged


@settings(max_examples=150)
@given(SOURCES)
def test_merged_sources_are_what_a_mapping_would_hold(sources: list[tuple[str, dict[str, bytes]]]) -> None:
    sources = [(target, plain(files)) for target, files in sources]
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        mounts = []
        for number, (target, files) in enumerate(sources):
            root = Path(scratch) / str(number)
            root.mkdir()
            for path, data in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(data)
            directory = stack.enter_context(Directory(root))
            item = directory.find("")
            assert item is not None
            mounts.append(Mount(directory=directory, item=item, target=target))
        expected = model(sources)
        if expected is None:
            with pytest.raises(ImageError, match="a directory in one source and a file in another"):
                list(walk(mounts))
            return
        opener = stack.enter_context(FileOpener())
        entries = list(walk(mounts))
        found = {}
        for entry in entries:
            if not entry.item.is_directory:
                with entry.open(opener) as descriptor, open(descriptor, "rb", closefd=False) as file:
                    found[entry.path] = file.read()
    assert found == expected
    paths = [entry.path for entry in entries]
    assert len(set(paths)) == len(paths)
    assert [path.split("/") for path in paths] == sorted(path.split("/") for path in paths)
    for path in paths:
        above = path.rpartition("/")[0]
        assert not above or above in paths[: paths.index(path)]
