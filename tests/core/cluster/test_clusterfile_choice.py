"""What a Clusterfile wants of applications, below what flags want of them."""

from __future__ import annotations

from sealer.cluster.launch_choice import EVERY, AppChoice, LaunchChoice
from sealer.cluster.request_plan import combined
from sealer.clusterfile import parse_clusterfile
from sealer.model import Application
from sealer.testing import example_image

IMAGE = example_image(applications=(Application(name="web"), Application(name="queue")))
CLUSTERFILE = """\
apiVersion: sealer.io/v2
kind: Cluster
metadata: {name: c}
---
apiVersion: sealer.io/v2
kind: Application
metadata: {name: first}
spec:
  configs:
  - {name: web, namespace: one, release: www, env: [A=first, B=first], values: {a: 1}}
---
apiVersion: sealer.io/v2
kind: Application
metadata: {name: second}
spec:
  configs:
  - {name: web, namespace: two, env: [B=second], values: {b: 2}}
  - {name: absent, namespace: three}
"""


def wanted(**settings: AppChoice) -> AppChoice:
    named = {EVERY if name == "every" else name: choice for name, choice in settings.items()}
    clusterfile = parse_clusterfile(CLUSTERFILE, "C", {})
    return combined(LaunchChoice(settings=named), clusterfile, IMAGE).of("web")


def test_the_last_document_counts() -> None:
    found = wanted()
    assert (found.namespace, found.release) == ("two", "www")
    assert found.env == {"A": "first", "B": "second"}
    assert found.values == ("a: 1\n", "b: 2\n")


def test_flags_come_over_it_those_for_all_too() -> None:
    found = wanted(
        every=AppChoice(namespace="flag", values=("c: 3",), env={"B": "all", "C": "all"}),
        web=AppChoice(values=("d: 4",)),
    )
    assert (found.namespace, found.release) == ("flag", "www")
    # Later ones count.
    assert found.values == ("a: 1\n", "b: 2\n", "c: 3", "d: 4")
    # What is said for one application comes over the environment of all.
    assert found.env == {"A": "first", "B": "second", "C": "all"}
