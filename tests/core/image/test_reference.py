from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.errors import ImageError
from sealer.image.reference import Reference, parse_reference

DIGEST = "sha256:" + "0123456789abcdef" * 4

labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?", fullmatch=True)
components = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
domains = st.one_of(
    st.just("docker.io"),
    st.just("localhost"),
    st.builds("{}.{}".format, labels, labels),
    st.builds("{}:{}".format, labels, st.integers(1, 65535)),
)
paths = st.lists(components, min_size=1, max_size=3).map("/".join)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}", fullmatch=True)


@st.composite
def references(draw: st.DrawFn) -> Reference:
    tag = draw(st.none() | tags)
    digest = draw(st.just(DIGEST) if tag is None else st.none() | st.just(DIGEST))
    domain, path = draw(domains), draw(paths)
    if domain == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return Reference(domain=domain, path=path, tag=tag, digest=digest)


@pytest.mark.parametrize(
    ("written", "complete", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25"),
        (
            "sealerio/kubernetes:v1-22-15",
            "docker.io/sealerio/kubernetes:v1-22-15",
            "sealerio/kubernetes:v1-22-15",
        ),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost", "docker.io/library/localhost:latest", "localhost:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"),
        ("sea.hub:5000/a/b/c:1", "sea.hub:5000/a/b/c:1", "sea.hub:5000/a/b/c:1"),
        ("[::1]:5000/app:1", "[::1]:5000/app:1", "[::1]:5000/app:1"),
        ("Host/app:1", "Host/app:1", "Host/app:1"),
        ("library/a/b:1", "docker.io/library/a/b:1", "docker.io/library/a/b:1"),
        ("registry.k8s.io/pause", "registry.k8s.io/pause:latest", "registry.k8s.io/pause:latest"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
        (f"nginx:1@{DIGEST}", f"docker.io/library/nginx:1@{DIGEST}", f"nginx:1@{DIGEST}"),
    ],
)
def test_a_name_is_completed(written: str, complete: str, familiar: str) -> None:
    assert str(parse_reference(written)) == complete
    assert parse_reference(written).familiar == familiar


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "it has no repository"),
        (":tag", "it has no repository"),
        ("Nginx", "'library/Nginx' is not a repository"),
        ("a//b", "is not a repository"),
        ("a/", "is not a repository"),
        ("/a", "is not a repository"),
        ("a b", "is not a repository"),
        ("a:b c", "'b c' is not a tag"),
        ("a:-b", "'-b' is not a tag"),
        (f"a:{'x' * 129}", "is not a tag"),
        ("a@sha256:12", "'sha256:12' is not a digest"),
        ("a@md5:0", "is not a digest"),
        ("exa_mple.com/a", "'exa_mple.com' is not a registry's host name and port"),
        ("host:port/a", "'host:port' is not a registry's host name and port"),
        ("0123456789abcdef" * 4, "an image's identifier"),
        (f"host.io/{'a' * 250}", "longer than 255"),
        ("https://host.io/a", "is not a registry's host name and port"),
        ("nginx\n", "is not a repository"),
    ],
)
def test_what_is_not_a_name_is_refused_and_says_why(written: str, complaint: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse_reference(written)
    assert complaint in str(caught.value)
    assert repr(written) in str(caught.value)


@given(references())
def test_writing_and_reading_a_reference_gives_it_back(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference
    assert parse_reference(reference.familiar) == reference


@given(st.text() | st.text(alphabet="aA0.:/@_-[]sh256"))
def test_no_text_makes_the_parser_raise_anything_else(text: str) -> None:
    with suppress(ImageError):
        assert str(parse_reference(str(parse_reference(text)))) == str(parse_reference(text))
