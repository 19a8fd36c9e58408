from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import ImageError
from sealer.image.digest import digest_of, hex_of
from sealer.image.oci import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    parse_document,
    parse_index,
)
from sealer.model import Platform

texts = st.text(st.characters(exclude_categories=["Cs"]))
text_maps = st.dictionaries(texts, texts, max_size=3)
platforms = st.builds(Platform, os=texts, architecture=texts, variant=texts)
descriptors = st.builds(
    Descriptor,
    media_type=texts,
    digest=st.binary(max_size=4).map(digest_of),
    size=st.integers(0, 1 << 50),
    annotations=text_maps,
    platform=st.none() | platforms,
)
layers = st.lists(descriptors, max_size=3).map(tuple)
manifests = st.builds(
    Manifest,
    config=descriptors,
    layers=layers,
    annotations=text_maps,
    media_type=st.sampled_from([OCI_MANIFEST, DOCKER_MANIFEST]),
)
indexes = st.builds(
    Index, manifests=layers, annotations=text_maps, media_type=st.sampled_from([OCI_INDEX, DOCKER_LIST])
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)

DESCRIPTOR = {"mediaType": "m", "digest": digest_of(b""), "size": 0}


@given(manifests | indexes)
def test_writing_and_reading_a_document_gives_it_back(document: Manifest | Index) -> None:
    assert parse_document(document.encode()) == document


def test_bytes_do_not_depend_on_the_order_of_annotations() -> None:
    config = Descriptor(media_type="m", digest=digest_of(b""), size=0)
    one = Manifest(config=config, layers=(), annotations={"a": "1", "b": "2"})
    other = Manifest(config=config, layers=(), annotations={"b": "2", "a": "1"})
    assert one.encode() == other.encode()


def test_canonical_bytes_are_compact_and_in_the_order_of_the_specification() -> None:
    config = Descriptor(media_type="m", digest=digest_of(b""), size=0, annotations={"é": "<"})
    assert Manifest(config=config, layers=()).encode().decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",'
        f'"config":{{"mediaType":"m","digest":"{digest_of(b"")}","size":0,"annotations":{{"é":"<"}}}},"layers":[]}}'
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schemaVersion": 1}, "schema version 1, not 2"),
        ({"mediaType": "text/plain"}, "'text/plain' is not the media type"),
        ({"mediaType": 4}, "4 is not the media type"),
        ({"config": None}, "config: not a JSON object"),
        (
            {"config": {**DESCRIPTOR, "digest": "sha256:0"}},
            "config.digest: 'sha256:0' is not a sha256 digest",
        ),
        ({"config": {**DESCRIPTOR, "digest": "sha256:" + "A" * 64}}, "is not a sha256 digest"),
        ({"config": {**DESCRIPTOR, "size": -1}}, "config.size: -1 is not a number of bytes"),
        ({"config": {**DESCRIPTOR, "size": True}}, "config.size: True is not a number of bytes"),
        ({"config": {**DESCRIPTOR, "size": "1"}}, "config.size: '1' is not a number of bytes"),
        ({"layers": [DESCRIPTOR, {}]}, "layers[1].mediaType: missing"),
        ({"layers": {}}, "layers: not a JSON list"),
        ({"annotations": {"a": 1}}, "annotations[a]: not a text"),
        ({"annotations": {"a": "\ud800"}}, "annotations[a]: holds half a character"),
    ],
)
def test_a_malformed_manifest_is_refused_with_the_path_of_the_field(
    change: dict[str, object], complaint: str
) -> None:
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": DESCRIPTOR, "layers": [], **change}
    with pytest.raises(ImageError) as caught:
        parse_document(json.dumps(document).encode())
    assert complaint in str(caught.value)


def test_what_other_tools_write_is_read() -> None:
    document = {"schemaVersion": 2, "config": {**DESCRIPTOR, "urls": []}, "layers": None, "annotations": None}
    manifest = parse_document(json.dumps(document).encode())
    assert isinstance(manifest, Manifest)
    assert (manifest.layers, dict(manifest.annotations), manifest.media_type) == ((), {}, OCI_MANIFEST)
    assert parse_index(b'{"schemaVersion":2,"manifests":[]}') == Index(manifests=())


def test_a_manifest_is_not_taken_for_an_index() -> None:
    config = Descriptor(media_type="m", digest=digest_of(b""), size=0)
    with pytest.raises(ImageError, match="a manifest stands where an index is expected"):
        parse_index(Manifest(config=config, layers=()).encode())


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_make_the_parser_raise_anything_else(data: bytes) -> None:
    with suppress(ImageError):
        parse_document(data)


def test_deep_nesting_is_an_image_error() -> None:
    with pytest.raises(ImageError):
        parse_document(b"[" * 100_000)


@pytest.mark.parametrize(
    "digest", ["", "sha256:../../etc/passwd", "sha512:" + "0" * 128, "sha256:" + "0" * 63]
)
def test_only_a_digest_becomes_a_file_name(digest: str) -> None:
    with pytest.raises(ImageError, match="is not a sha256 digest"):
        hex_of(digest)
