"""A registry outside of the cluster: which steps push to it, and what hosts come to know."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import Command
from sealer.cluster.application_plan import application_plan
from sealer.cluster.external_registry import External
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.pipeline import installation_plan
from sealer.clusterfile import ExternalRegistry, SecretReference, SecretScheme
from sealer.errors import PlanError, SealerError
from sealer.model import OPERATOR, Cluster, ContainerImage, Platform, at
from sealer.operation.plan import Plan
from sealer.testing.stand_ins import planned_cluster

from .examples import AMD64, LAYERS, PARTS, cluster, host, image

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
ENV = SecretReference(scheme=SecretScheme.ENV, argument="WORD")
SPEC = ExternalRegistry(domain="r.example", port=5000, path="team", username="ann", password=ENV)
EVERYWHERE = {f"10.0.0.{number}": LAYERS for number in (1, 2, 3)}
BASE = ContainerImage(image="docker.io/library/base:1", platform=AMD64)
OWN = ContainerImage(image="r.example:5000/own/app:1", platform=AMD64)


def site(home: Path, spec: ExternalRegistry = SPEC, *hosts: object) -> tuple[Cluster, External]:
    registry = External(spec, home)
    metadata = image(container_images=(BASE, OWN, *image().container_images))
    bare = replace(cluster(*hosts), registry=None)  # type: ignore[arg-type]  # hosts
    return planned_cluster(bare, metadata, replace(PARTS, registry=registry)), registry


def install(home: Path, spec: ExternalRegistry = SPEC) -> Plan:
    made, registry = site(home, spec)
    return installation_plan(made, EVERYWHERE, replace(PARTS, registry=registry), LaunchChoice())


def waits(plan: Plan, step: str) -> set[str]:
    """Return all steps that have to be done before a step."""
    before = set(plan.waits_for[step])
    return before.union(*(waits(plan, other) for other in before)) if before else before


def step_of(plan: Plan, provided: str) -> str:
    [found] = [step.id for step in plan.steps if provided in step.provides]
    return found


def test_what_a_cluster_begins_with_is_pushed_before_hosts_turn_to_the_registry(tmp_path: Path) -> None:
    plan = install(tmp_path)
    shared = step_of(plan, at("registry", OPERATOR))
    assert shared in waits(plan, "registry-access/image@10.0.0.2")
    titles = [change.describe() for change in plan.step(shared).changes]
    assert titles == ["push r.example:5000/team/docker.io/library/base:1, r.example:5000/own/app:1"]
    assert {step.host for step in plan.steps if "push" in "".join(c.describe() for c in step.changes)} == {
        OPERATOR
    }


def test_images_of_applications_are_pushed_while_hosts_are_installed(tmp_path: Path) -> None:
    plan = install(tmp_path)
    pushed = step_of(plan, "images/web")
    assert pushed in waits(plan, step_of(plan, "app/web"))
    assert step_of(plan, "images/net") in waits(plan, step_of(plan, "app/net"))
    assert pushed not in waits(plan, "toy/start@10.0.0.1")
    # They wait for nothing but what is done on the operator's machine.
    assert {plan.step(step).host for step in waits(plan, pushed)} == {OPERATOR}


def test_no_host_serves_and_all_of_them_get_the_credentials(tmp_path: Path) -> None:
    plan = install(tmp_path)
    assert not [step.id for step in plan.steps if "registry-store" in step.id or "shelf" in step.id]
    step = plan.step("registry-access/image@10.0.0.2")
    assert [change.key for change in step.changes] == [
        "file:/etc/box/docker.io",
        "file:/etc/box/quay.io",
        "file:/etc/box/r.example:5000",
    ]
    assert (at("registry/credentials", OPERATOR), "password") in step.uses()


def test_no_secret_is_in_a_plan_before_it_is_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORD", "s3cret")
    plan = install(tmp_path)
    assert "s3cret" not in repr(plan)
    [source] = [step for step in plan.steps if step.secrets]
    assert dict(source.secrets) == {"registry_password": "env:WORD"}


def test_credentials_of_a_login_are_taken_where_the_clusterfile_has_none(tmp_path: Path) -> None:
    spec = ExternalRegistry(domain="r.example", port=443)
    made, _ = site(tmp_path, spec)
    assert made.registry is not None
    assert (made.registry.netloc, made.registry.credentials) == ("r.example", None)
    assert not [step for step in install(tmp_path, spec).steps if step.secrets]
    auth = base64.b64encode(b"bob:a:b").decode()
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {"r.example": {"auth": auth}}}))
    made, _ = site(tmp_path, spec)
    assert made.registry is not None
    assert made.registry.username == "bob"
    [step] = [step for step in install(tmp_path, spec).steps if step.secrets]
    assert dict(step.secrets) == {"registry_password": "login:r.example"}


def test_authorities_come_from_the_clusterfile_or_from_those_of_the_operator(tmp_path: Path) -> None:
    def authority(**said: str) -> object:
        endpoint = site(tmp_path, replace(SPEC, **said))[0].registry  # type: ignore[arg-type]  # texts
        assert endpoint is not None
        return endpoint.certificate_authority

    assert authority() is None
    kept = tmp_path / "certs.d/r.example:5000"
    kept.mkdir(parents=True)
    (kept / "a.crt").write_text(PEM)
    assert authority() == PEM
    own = tmp_path / "own.crt"
    with pytest.raises(SealerError, match="can't be read"):
        authority(ca_file=str(own))
    own.write_text("no certificate")
    with pytest.raises(SealerError, match="holds no certificate"):
        authority(ca_file=str(own))
    own.write_text(PEM.strip())
    assert authority(ca_file=str(own)) == PEM


def test_an_application_image_is_pushed_too(tmp_path: Path) -> None:
    made, registry = site(tmp_path)
    metadata = image(digest=f"sha256:{'b' * 64}")
    parts = replace(PARTS, registry=registry)
    plan = application_plan(made, metadata, EVERYWHERE, parts, LaunchChoice())
    pushes = {c.describe() for step in plan.steps if step.host == OPERATOR for c in step.changes}
    assert "push r.example:5000/team/docker.io/library/web:1" in pushes
    assert step_of(plan, "images/web") in waits(plan, step_of(plan, "app/web"))


def test_hosts_that_fetch_all_images_wait_for_all_of_them(tmp_path: Path) -> None:
    class Fetching(type(PARTS.container)):  # type: ignore[misc]  # the stand-in
        def preload(self, registry: object, images: object) -> tuple[Command, ...]:
            return (Command(title="fetch", run="true", creates="/x"),)

    made, registry = site(tmp_path)
    parts = replace(PARTS, registry=registry, container=Fetching())
    plan = installation_plan(made, EVERYWHERE, parts, LaunchChoice())
    assert not [step.id for step in plan.steps if "/images/" in step.id]
    [shared] = [step for step in plan.steps if at("registry", OPERATOR) in step.provides]
    assert "docker.io/library/web:1" in "".join(change.describe() for change in shared.changes)


def test_hosts_of_several_platforms_are_refused(tmp_path: Path) -> None:
    arm = host(2, platform=Platform(architecture="arm64"))
    made, registry = site(tmp_path, SPEC, host(1, master=True), arm)
    with pytest.raises(PlanError, match="several platforms"):
        installation_plan(made, EVERYWHERE, replace(PARTS, registry=registry), LaunchChoice())


def test_a_host_that_does_not_know_the_name_is_found(tmp_path: Path) -> None:
    made, registry = site(tmp_path)
    (check,) = registry.checks(made)
    (probe,) = registry.probes()

    def answering(*answers: str) -> Cluster:
        hosts = [
            replace(one, facts=replace(one.facts, answers={probe.name: answer}))
            for one, answer in zip(made.hosts, answers, strict=True)
        ]
        return replace(made, hosts=tuple(hosts))

    found = tuple(check.evaluate(answering("192.0.2.9 STREAM r.example", "unknown", "")))
    assert [(one.host, one.found) for one in found] == [
        ("10.0.0.2", "r.example can't be resolved"),
        ("10.0.0.3", "the host could not answer"),
    ]
    told = replace(answering("unknown", "unknown", "unknown"), host_aliases={"192.0.2.9": ("r.example",)})
    assert not tuple(check.evaluate(told))
