"""What a Clusterfile says that the image has no use for."""

from __future__ import annotations

import pytest

from sealer.cluster.unheeded import unheeded
from sealer.clusterfile import parse_clusterfile
from sealer.model import Application
from sealer.testing import example_image

IMAGE = example_image(reference="shop:1", applications=(Application(name="web"), Application(name="queue")))
TEXT = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {name: c}
---
apiVersion: sealer.io/v2
kind: Application
metadata: {name: a}
spec: {configs: [{name: %s}, {name: queue}]}
---
apiVersion: sealer.io/v1
kind: Config
metadata: {name: login}
spec: {path: a.yaml, data: x, appName: "%s"}
---
apiVersion: sealer.io/v1
kind: Plugin
metadata: {name: disks}
spec: {type: SHELL, action: post-install, data: x}
"""
APPLICATION = "what the Clusterfile says of it is passed over"
HOSTS = "what is for hosts is passed over with an application image"


@pytest.mark.parametrize(
    ("app", "config_app", "on_hosts", "expected"),
    [
        ("web", "queue", True, ()),
        ("web", "queue", False, (f"Plugin disks: {HOSTS}",)),
        ("web", "", False, (f"Config login, Plugin disks: {HOSTS}",)),
        (
            "wbe",
            "other",
            True,
            (f"shop:1 has no application wbe (did you mean web?), other: {APPLICATION}",),
        ),
    ],
)
def test_what_is_passed_over_is_told(
    app: str, config_app: str, on_hosts: bool, expected: tuple[str, ...]
) -> None:
    clusterfile = parse_clusterfile(TEXT % (app, config_app), "Clusterfile", {})
    assert unheeded(clusterfile, IMAGE, on_hosts=on_hosts) == expected
