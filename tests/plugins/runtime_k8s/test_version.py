"""Versions of Kubernetes and of kubeadm's configuration."""

from __future__ import annotations

import dataclasses

import pytest

from sealer.errors import PlanError
from sealer.model import RUNTIME_VERSION_LABEL
from sealer_runtime_k8s.version import image_version
from tests.plugins.kit import image


@pytest.mark.parametrize(
    ("version", "api"),
    [
        ("v1.13.0", "v1beta1"),
        ("v1.14.10", "v1beta1"),
        ("v1.15.0", "v1beta2"),
        ("1.22.17", "v1beta2"),
        ("v1.23.0", "v1beta3"),
        ("v1.30.14", "v1beta3"),
        ("v1.31.0", "v1beta4"),
        ("v1.35.0-rc.1", "v1beta4"),
    ],
)
def test_each_release_gets_the_configuration_it_reads(version: str, api: str) -> None:
    parsed = image_version(image(version))
    assert parsed.config_api == f"kubeadm.k8s.io/{api}"
    assert str(parsed) == "v" + version.removeprefix("v")


@pytest.mark.parametrize("text", ["", "latest", "v1.20", "1.20.2.3", "v1.12.9", "v2.0.0"])
def test_what_can_not_be_installed_is_refused(text: str) -> None:
    with pytest.raises(PlanError):
        image_version(image(text))


def test_an_image_without_the_label_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        image_version(dataclasses.replace(image(), labels={}))
    assert RUNTIME_VERSION_LABEL in str(caught.value.hint)
