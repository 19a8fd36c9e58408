"""Where trees are cut into layers."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sealer.build.cutting import TARGET, cut, cut_to_fit

MIB = 1 << 20
SIZES = st.lists(st.integers(0, 200 * MIB), max_size=60)


def named(sizes: list[int]) -> list[tuple[str, int]]:
    return [(f"bin/{number:04}", size) for number, size in enumerate(sizes)]


def layers_of(files: list[tuple[str, int]]) -> set[tuple[tuple[str, int], ...]]:
    return {tuple(files[position] for position in layer) for layer in cut(files, TARGET)}


@given(SIZES)
def test_every_file_is_in_one_layer_and_layers_keep_the_order(sizes: list[int]) -> None:
    layers = cut(named(sizes), TARGET)
    assert sorted(itertools.chain(*layers)) == list(range(len(sizes)))
    assert all(layer == sorted(layer) for layer in layers)
    assert layers == sorted(layers)


@given(SIZES)
def test_layers_are_neither_small_nor_large(sizes: list[int]) -> None:
    layers = cut(named(sizes), TARGET)
    lengths = [sum(sizes[position] for position in layer) for layer in layers]
    assert all(length <= 2 * TARGET or len(layer) == 1 for length, layer in zip(lengths, layers, strict=True))
    # One run is the last, and an entry has some bytes of its own.
    assert sum(length < TARGET // 2 - 100 * 1024 for length in lengths) <= 1


def test_what_is_small_is_not_cut() -> None:
    assert cut(named([TARGET // 2, TARGET // 2]), TARGET) == [[0, 1]]
    assert cut([], TARGET) == [[]]


def test_a_file_that_changes_comes_or_goes_changes_few_layers() -> None:
    files = named([(number * 7919) % (3 * MIB) for number in range(1500)])
    before = layers_of(files)
    assert len(before) > 20
    for number in range(0, 1500, 100):
        grown = [*files[:number], (files[number][0], files[number][1] + 100), *files[number + 1 :]]
        gone = files[:number] + files[number + 1 :]
        come = [*files[:number], (files[number][0][:-1], 50), *files[number:]]
        for changed in (grown, gone, come):
            assert len(layers_of(changed) - before) <= 3


@given(st.lists(SIZES, min_size=1, max_size=5), st.integers(1, 30))
def test_layers_fit_into_the_room_there_is(trees: list[list[int]], room: int) -> None:
    found = cut_to_fit([named(sizes) for sizes in trees], room)
    assert len(found) == len(trees)
    assert sum(map(len, found)) <= max(room, len(trees))
