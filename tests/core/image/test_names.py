"""The entries of a store against a model: a mapping of names, and a set of what has lost its name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealer.image.digest import digest_of
from sealer.image.names import stored_names, with_entry, without_names
from sealer.image.oci import OCI_MANIFEST, REF_NAME, Descriptor, Index
from sealer.image.reference import parse_reference

NAMES = [parse_reference(name) for name in ("a:1", "a:2", "b")]
TARGETS = [
    Descriptor(media_type=OCI_MANIFEST, digest=digest_of(bytes([number])), size=1) for number in range(4)
]
steps = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from([None, *NAMES]), st.sampled_from(TARGETS)),
    max_size=12,
)


@given(steps)
def test_a_name_points_to_what_it_was_given_last_and_nothing_is_lost(
    steps: list[tuple[str, None, Descriptor]],
) -> None:
    index = Index(manifests=())
    model: dict[object, str] = {}
    kept: set[str] = set()
    for verb, name, target in steps:
        if verb == "put":
            index = with_entry(index, name, target)
            kept.add(target.digest)
            if name is not None:
                model[name] = target.digest
        else:
            gone = tuple(entry for entry in stored_names(index) if entry.reference == name)
            index = without_names(index, gone)
            model.pop(name, None)
            kept -= {entry.digest for entry in gone}
            kept |= set(model.values())
        entries = stored_names(index)
        assert {entry.reference: entry.digest for entry in entries if entry.reference} == model
        unnamed = [entry.digest for entry in entries if entry.reference is None]
        assert len(unnamed) == len(set(unnamed))
        assert set(unnamed).isdisjoint(model.values())
        assert {entry.digest for entry in entries} == kept


def test_entries_are_in_order_of_their_names_and_the_others_last() -> None:
    index = Index(manifests=())
    for name, target in zip([NAMES[2], None, NAMES[0]], TARGETS, strict=False):
        index = with_entry(index, name, target)
    names = [entry.reference for entry in stored_names(index)]
    assert names == [NAMES[0], NAMES[2], None]


def test_a_name_that_another_program_wrote_and_nobody_can_read_is_none() -> None:
    entry = Descriptor(media_type=OCI_MANIFEST, digest=digest_of(b""), size=0, annotations={REF_NAME: "A B"})
    (stored,) = stored_names(Index(manifests=(entry,)))
    assert stored.reference is None
    assert str(stored) == digest_of(b"")
