"""The ClusterPolicy of an application, and what goes with it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealer.changes import Objects
from sealer.providers import Redirection
from sealer.testing import example_cluster
from sealer_policy_kyverno.cluster_policy import cluster_policy
from sealer_policy_kyverno.policy import Kyverno

NGINX = "registry.example:5000/docker.io/library/nginx:latest"
TARGETS = {"nginx": NGINX, "docker.io/library/nginx:latest": NGINX}
POLICY = cluster_policy("sealer-web", Redirection(owner="web", targets=TARGETS))
RULES = {rule["name"]: rule for rule in POLICY["spec"]["rules"]}
LISTS = {"containers": "Pod", "initContainers": "Pod", "ephemeralContainers": "Pod/ephemeralcontainers"}


@pytest.mark.parametrize("listed", LISTS)
def test_each_list_of_containers_has_a_rule_for_the_images_that_are_carried(listed: str) -> None:
    rule = RULES[f"redirect-{listed.lower()}"]
    assert rule["match"]["any"][0]["resources"]["kinds"] == [LISTS[listed]]
    assert rule["context"] == [{"name": "targets", "variable": {"value": TARGETS}}]
    [each] = rule["mutate"]["foreach"]
    assert each["list"] == f"request.object.spec.{listed} || `[]`"
    [condition] = each["preconditions"]["all"]
    assert condition == {"key": "{{ element.image }}", "operator": "AnyIn", "value": list(TARGETS)}
    [patch] = yaml.safe_load(each["patchesJson6902"])
    # By index, so that init containers keep the order in which they run.
    assert patch["path"] == f"/spec/{listed}/{{{{elementIndex}}}}/image"
    assert patch["value"] == "{{ lookup(targets, element.image) }}"


def test_pods_alone_are_changed_and_admitted_when_kyverno_is_away() -> None:
    assert POLICY["metadata"]["annotations"]["pod-policies.kyverno.io/autogen-controllers"] == "none"
    assert POLICY["spec"]["failurePolicy"] == "Ignore"


def test_a_policy_is_named_after_its_application_and_goes_with_it() -> None:
    cluster = example_cluster()
    redirection = Redirection(owner="Web.1", targets=TARGETS)
    applied = "\n".join(change.apply() for change in Kyverno().redirect(cluster, redirection))
    assert re.search(r"name: sealer-web-1-[0-9a-f]{8}\n", applied)
    objects = [change.key for change in Kyverno().redirect(cluster, redirection) if hasattr(change, "owner")]
    removed = [change.key for change in Kyverno().withdraw(cluster, "Web.1")]
    assert objects == ["objects:image-policy-of-Web.1"]
    assert removed == ["command:remove the objects of image-policy-of-Web.1"]


def test_a_cluster_without_kyverno_is_refused_with_the_reason() -> None:
    first: Any = next(iter(Kyverno().redirect(example_cluster(), Redirection(owner="a", targets=TARGETS))))
    assert "has no Kyverno" in first.run
    assert "clusterpolicies.kyverno.io" in first.unless


@pytest.mark.parametrize(
    ("served", "lists"),
    [
        ('{"resources":[{"name":"pods"},{"name":"pods/ephemeralcontainers"}]}', list(LISTS)),
        # Before Kubernetes 1.23: Kyverno refuses a policy about what the API server does not know.
        ('{"resources":[{"name":"pods"}]}', ["containers", "initContainers"]),
    ],
)
def test_what_the_api_server_does_not_know_is_left_out(served: str, lists: list[str], tmp_path: Path) -> None:
    changes = Kyverno().redirect(example_cluster(), Redirection(owner="it's", targets=TARGETS))
    (objects,) = [change for change in changes if isinstance(change, Objects)]
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'get --raw /api/v1' ] && echo '{served}'\n")
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", objects.render], env=env, capture_output=True, text=True, check=True)
    rules = yaml.safe_load(done.stdout)["spec"]["rules"]
    assert [rule["name"] for rule in rules] == [f"redirect-{listed.lower()}" for listed in lists]
