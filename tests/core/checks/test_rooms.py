"""How much room an image takes on a host: computed from what its layers say, or estimated."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from sealer.cluster.examination import UNPACKED_RATIO, largest_room, unpacked_size
from sealer.image.extension import LAYER_SIZE
from sealer.image.oci import OCI_LAYER_GZIP, Descriptor

LAYER = Descriptor(media_type=OCI_LAYER_GZIP, digest="sha256:" + "0" * 64, size=1000)


def test_a_layer_says_its_size() -> None:
    said = Descriptor(
        media_type=LAYER.media_type, digest=LAYER.digest, size=1000, annotations={LAYER_SIZE: "2345"}
    )
    assert unpacked_size(said) == 2345


def test_a_layer_that_others_built_is_estimated() -> None:
    assert unpacked_size(LAYER) == 1000 * UNPACKED_RATIO


def test_what_was_received_is_removed_as_soon_as_it_is_unpacked() -> None:
    assert largest_room([[(10, 30)]]) == 40
    assert largest_room([[(10, 30), (5, 20)]]) == 55  # 15 received, then 30 for 10, then 20 for 5
    assert largest_room([[(10, 30), (5, 2)]]) == 45  # the first one decides
    assert largest_room([]) == 0


trees = st.lists(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=4), max_size=3)


@given(trees)
def test_it_is_the_most_that_is_ever_in_use_in_any_order_of_the_trees(
    sizes: list[list[tuple[int, int]]],
) -> None:
    most = 0
    for order in permutations(sizes):
        used = 0
        for layers in order:
            used += sum(sent for sent, _ in layers)
            most = max(most, used)
            for sent, unpacked in layers:
                used += unpacked
                most = max(most, used)
                used -= sent
    assert largest_room(sizes) == most
