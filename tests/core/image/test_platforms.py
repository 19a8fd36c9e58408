from __future__ import annotations

import pytest

from sealer.errors import ImageError
from sealer.image.platforms import parse_platform, same_platform
from sealer.model import Platform

ARM64 = Platform(architecture="arm64")
ARM64_V8 = Platform(architecture="arm64", variant="v8")


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform(architecture="amd64")),
        ("linux/x86_64", Platform(architecture="amd64")),
        ("linux/arm64/v8", ARM64_V8),
        ("Linux/ARM64", ARM64),
        ("windows/amd64", Platform(os="windows", architecture="amd64")),
    ],
)
def test_a_platform_is_read(text: str, platform: Platform) -> None:
    assert parse_platform(text) == platform


@pytest.mark.parametrize("text", ["", "linux", "linux/", "a/b/c/d", "linux/amd 64", "linux//v8"])
def test_what_is_not_a_platform_is_refused(text: str) -> None:
    with pytest.raises(ImageError, match="is not a platform"):
        parse_platform(text)


@pytest.mark.parametrize(
    ("text", "hint"), [("linux/amd46", "did you mean amd64?"), ("linux/foo", "there are 386")]
)
def test_an_architecture_that_there_is_not_is_refused(text: str, hint: str) -> None:
    with pytest.raises(ImageError, match="is not a platform: there is no architecture") as caught:
        parse_platform(text)
    assert str(caught.value.hint).startswith(hint)


def test_a_default_variant_may_be_left_out() -> None:
    assert same_platform(ARM64, ARM64_V8)
    assert not same_platform(Platform(architecture="arm", variant="v6"), Platform(architecture="arm"))
