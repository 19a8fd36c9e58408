from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import ImageError
from sealer.image.extension import (
    Extension,
    decode_container_images,
    decode_extension,
    encode_container_images,
    encode_extension,
)
from sealer.image.platforms import host_platform
from sealer.model import Application, ContainerImage, ImageType, Launch, Platform

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = texts.filter(bool)
words = st.lists(texts, max_size=3).map(tuple)
environments = st.dictionaries(texts, texts, max_size=3)
applications = st.builds(
    Application, name=names, type=texts, files=words, version=names, env=environments, cmds=words
)
extensions = st.builds(
    Extension,
    type=st.sampled_from(ImageType),
    applications=st.lists(applications, max_size=3).map(tuple),
    env=environments,
    launch=st.builds(Launch, cmds=words, app_names=words),
    sealer_version=texts,
)
container_images = st.lists(
    st.builds(
        ContainerImage,
        image=names,
        app_name=texts,
        platform=st.builds(Platform, os=names, architecture=names, variant=texts),
    ),
    max_size=3,
).map(tuple)


@given(extensions)
def test_writing_and_reading_an_extension_gives_it_back(extension: Extension) -> None:
    assert decode_extension(encode_extension(extension)) == extension


@given(container_images)
def test_writing_and_reading_container_images_gives_them_back(images: tuple[ContainerImage, ...]) -> None:
    assert decode_container_images(encode_container_images(images)) == images


def test_what_is_written_has_the_fields_of_the_go_implementation() -> None:
    extension = Extension(
        type=ImageType.CLUSTER,
        applications=(
            Application(name="second", type="helm", files=("chart",), env={"b": "2", "a": "1"}),
            Application(name="first", cmds=("sh install.sh",)),
        ),
        env={"Z": "1", "A": "2"},
        launch=Launch(app_names=("second", "first")),
        sealer_version="0.1.0",
    )
    assert encode_extension(extension) == (
        '{"buildClient":{"sealerVersion":"0.1.0","buildahVersion":""},"schemaVersion":"v1alpha1",'
        '"type":"kube-installer","applications":['
        '{"name":"second","type":"helm","files":["chart"],"version":"v1","env":{"a":"1","b":"2"}},'
        '{"name":"first","version":"v1","cmds":["sh install.sh"]}],'
        '"env":{"A":"2","Z":"1"},"launch":{"app_names":["second","first"]}}'
    )
    images = (
        ContainerImage(
            image="docker.io/library/nginx:1", app_name="web", platform=Platform(architecture="amd64")
        ),
    )
    assert encode_container_images(images) == (
        '[{"image":"docker.io/library/nginx:1","appName":"web","platform":{"architecture":"amd64","os":"linux"}}]'
    )


def test_what_the_go_implementation_writes_is_read() -> None:
    text = json.dumps(
        {
            "buildClient": {"sealerVersion": "0.11.0", "buildahVersion": "1.27.1"},
            "schemaVersion": "v1alpha1",
            "type": "app-installer",
            "applications": [{"name": "nginx", "type": "kube", "files": ["nginx.yaml"], "version": "v1"}],
            "labels": None,
            "launch": {"cmds": None, "app_names": ["nginx"]},
        }
    )
    assert decode_extension(text) == Extension(
        type=ImageType.APPLICATION,
        applications=(Application(name="nginx", type="kube", files=("nginx.yaml",)),),
        launch=Launch(app_names=("nginx",)),
        sealer_version="0.11.0",
    )


@pytest.mark.parametrize("text", ["{}", '{"applications":null,"launch":null,"env":null,"type":""}'])
def test_missing_fields_take_their_defaults(text: str) -> None:
    assert decode_extension(text) == Extension(type=ImageType.CLUSTER)


def test_a_list_that_go_wrote_as_null_is_empty() -> None:
    assert decode_container_images("null") == ()


def test_a_container_image_without_a_platform_is_for_this_architecture() -> None:
    (image,) = decode_container_images('[{"image":"a","platform":null}]')
    assert image.platform == host_platform()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "sealer.image.extension: not valid JSON"),
        ("[]", "sealer.image.extension: not a JSON object"),
        ('{"schemaVersion":"v9"}', "schema version 'v9' is unknown"),
        ('{"type":"game"}', "type 'game' is neither kube-installer nor app-installer"),
        ('{"type":1}', "type: not a text"),
        ('{"applications":{}}', "applications: not a JSON list"),
        ('{"applications":[1]}', "applications[0]: not a JSON object"),
        ('{"applications":[{}]}', "an application has no name"),
        ('{"launch":{"cmds":[1]}}', "cmds: not a list of texts"),
        ('{"env":{"a":1}}', "env: not a mapping of texts"),
    ],
)
def test_a_malformed_extension_is_refused_with_its_field(text: str, complaint: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode_extension(text)
    assert complaint in str(caught.value)


@given(st.text())
def test_no_text_makes_the_decoders_raise_anything_else(text: str) -> None:
    with suppress(ImageError):
        decode_extension(text)
    with suppress(ImageError):
        decode_container_images(text)
