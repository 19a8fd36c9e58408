"""When pods are redirected to other names of container images, when not, and what comes first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import pytest

from sealer.changes import Change, Command
from sealer.cluster.application_plan import application_plan
from sealer.cluster.delivery import STAY, Delivery, deliver_to
from sealer.cluster.foreign import Existing
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.parts import Parts
from sealer.cluster.redirecting import (
    redirecting_elsewhere,
    redirecting_here,
    spellings,
    target_in,
    that_keep_names,
)
from sealer.errors import PluginError, UsageError
from sealer.image.reference import parse_reference
from sealer.model import IMAGE_POLICY_LABEL, Application, Cluster, ContainerImage, ImageMetadata, Launch
from sealer.operation.plan import Plan
from sealer.providers import ImagePolicy, Redirection
from sealer.testing.conformance.fragments import fragments
from sealer.testing.examples import AMD64
from sealer.testing.shells import syntax_errors
from sealer.testing.stand_ins import Box, Note
from tests.core.cluster.examples import LAYERS, PARTS, cluster, image


class Sign(ImagePolicy):
    name = "sign"
    summary = "an image policy to plan with"
    application = "engine"

    def redirect(self, cluster: Cluster, redirection: Redirection) -> Iterable[Change]:
        text = " ".join(f"{name}={target}" for name, target in redirection.targets.items())
        return (Command(title=f"sign {redirection.owner}", run=f"sign {text}", unless="signed"),)

    def withdraw(self, cluster: Cluster, owner: str) -> Iterable[Change]:
        return (Command(title=f"unsign {owner}", run="unsign", unless="unsigned"),)

    def clean(self, cluster: Cluster) -> Iterable[Change]:
        return (Command(title="clean", run="clean", unless="cleaned"),)


class Able(Note):
    name = "able"
    renames_images: ClassVar[bool] = True


class Plain(Box):
    """A container runtime that has no mirrors."""

    has_mirrors: ClassVar[bool] = False


SIGNED = replace(PARTS, image_policies={"sign": Sign()})
FOREIGN = Parts(
    runtime=Existing("/k"),
    container=None,
    registry=None,
    app_types=PARTS.app_types,
    image_policies=SIGNED.image_policies,
)


def shop(**changes: object) -> ImageMetadata:
    """Return an image that names a policy and brings its engine, without launching that."""
    apps = tuple(Application(name=name, type="note", files=("a",)) for name in ("web", "engine", "net"))
    base = image(
        labels={IMAGE_POLICY_LABEL: "sign", "cluster.alpha.sealer.io/kube-cni-net": "true"},
        applications=apps,
        launch=Launch(app_names=("web", "net")),
        container_images=(
            ContainerImage(image="docker.io/library/web:1", app_name="web", platform=AMD64),
            ContainerImage(image="quay.io/e/engine:2", app_name="engine", platform=AMD64),
        ),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # fields of the image


def planned(
    parts: Parts, metadata: ImageMetadata, delivery: Delivery = STAY, choice: LaunchChoice | None = None
) -> Plan:
    site = cluster() if parts.registry else replace(cluster(), registry=None, container_runtime=None)
    layers = {host.name: LAYERS for host in site.hosts}
    return application_plan(site, metadata, layers, parts, choice or LaunchChoice(), delivery=delivery)


def launched(plan: Plan) -> list[str]:
    names = [name for step in plan.steps for name in step.provides]
    return [name for name in names if name.startswith(("app/", "images"))]


def titles(plan: Plan) -> list[str]:
    return [change.describe() for step in plan.steps for change in step.changes]


def test_where_mirrors_suffice_neither_policy_nor_engine_is_installed() -> None:
    plan = planned(SIGNED, shop())
    assert launched(plan) == ["app/net", "app/web"]
    assert not [title for title in titles(plan) if title.startswith("sign ")]
    asked = planned(SIGNED, shop(), choice=LaunchChoice(apps=("engine",)))
    assert launched(asked) == ["app/engine"]


def test_without_mirrors_the_engine_comes_before_all_that_needs_it_and_behind_the_network() -> None:
    plan = planned(replace(SIGNED, container=Plain()), shop())
    assert launched(plan) == ["app/net", "app/engine", "app/web"]
    [web] = [step for step in plan.steps if "app/web" in step.provides]
    assert {"app/net", "app/engine"} <= set(web.requires)
    [sign] = [change for change in web.changes if change.describe() == "sign web"]
    assert isinstance(sign, Command)
    registry = cluster().registry
    assert registry is not None
    assert f"docker.io/web:1={registry.netloc}/docker.io/library/web:1" in sign.run
    assert "quay.io" not in sign.run
    assert "sign engine" not in titles(plan)


def test_on_a_foreign_cluster_the_policy_is_for_a_registry_alone() -> None:
    assert launched(planned(FOREIGN, shop())) == ["app/net", "app/web"]
    there = planned(FOREIGN, shop(), Delivery(registry="r.example/x"))
    assert launched(there) == ["app/net", "images/engine", "app/engine", "images/web", "app/web"]
    assert "sign web" in titles(there)
    assert "push r.example/x/quay.io/e/engine:2" in titles(there)
    never = planned(FOREIGN, shop(), Delivery(registry="r.example/x", policy="none"))
    assert "sign web" not in titles(never)
    # An earlier launch may have had it.
    assert "unsign web" in titles(never)
    assert "unsign web" in titles(planned(FOREIGN, shop()))
    assert "unsign web" not in titles(planned(FOREIGN, shop(labels={})))
    by_hand = planned(FOREIGN, shop(labels={}), Delivery(registry="r.example/x", policy="sign"))
    assert "sign web" in titles(by_hand)


def test_an_engine_gets_the_new_names_in_its_manifests_and_others_when_there_is_no_policy() -> None:
    metadata = shop()
    web, engine, _ = metadata.applications
    there = redirecting_elsewhere(metadata, Delivery(registry="r.example"), FOREIGN)
    assert there.renamed(web, metadata) == ()
    assert dict(there.renamed(engine, metadata)) == {"quay.io/e/engine:2": "r.example/quay.io/e/engine:2"}
    bare = redirecting_elsewhere(shop(labels={}), Delivery(registry="r.example"), FOREIGN)
    assert dict(bare.renamed(web, metadata))["web:1"] == "r.example/docker.io/library/web:1"
    assert bare.redirection(web, metadata) is None
    assert redirecting_here(cluster(), metadata, SIGNED).targets == {}


def test_images_of_nobody_in_particular_come_first_and_each_once() -> None:
    both = ContainerImage(image="docker.io/library/web:1", app_name="net", platform=AMD64)
    nobody = ContainerImage(image="quay.io/n/n:1", platform=AMD64)
    metadata = shop(labels={}, container_images=(*shop().container_images, both, nobody))
    plan = planned(FOREIGN, metadata, Delivery(registry="r.example"))
    # The engine is not launched: its image may belong to anything.
    assert launched(plan) == ["images", "images/web", "app/web", "app/net"]
    pushed = [title for title in titles(plan) if title.startswith("push ")]
    assert sorted(pushed) == [
        "push r.example/docker.io/library/web:1",
        "push r.example/quay.io/e/engine:2, r.example/quay.io/n/n:1",
    ]


def test_a_policy_that_no_plugin_provides() -> None:
    with pytest.raises(PluginError, match="no plugin provides the image policy 'sign'") as caught:
        planned(PARTS, shop())
    assert caught.value.hint == "if there is a plugin for it, install it: pip install sealer-policy-sign"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("docker.io/library/nginx:1", "r.example:5/t/docker.io/library/nginx:1"),
        ("localhost:5000/a/b:2", "r.example:5/t/localhost_5000/a/b:2"),
        (f"quay.io/a:1@sha256:{'0' * 64}", f"r.example:5/t/quay.io/a@sha256:{'0' * 64}"),
        ("r.example:5/t/own:1", "r.example:5/t/own:1"),
    ],
)
def test_names_in_another_registry(name: str, target: str) -> None:
    assert target_in("r.example:5/t", name) == target


def test_every_spelling_means_the_same_image() -> None:
    for name in ("nginx", "a/b:1", "quay.io/x/y:z", f"k8s.gcr.io/p@sha256:{'1' * 64}"):
        reference = parse_reference(name)
        found = spellings(reference)
        assert name in found
        assert {parse_reference(spelling) for spelling in found} == {reference}


@pytest.mark.parametrize("name", ["http://r.example", "r example", "", "r.example/UPPER", "-r"])
def test_what_is_no_registry(name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a registry"):
        deliver_to(name, nodes=False, policy=None, skip_tls_verify=False)


def test_a_registry_and_nodes_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        deliver_to("r.example", nodes=True, policy=None, skip_tls_verify=False)


def test_what_can_not_tell_pods_the_new_names_is_said() -> None:
    metadata = shop(labels={})
    there = redirecting_elsewhere(metadata, Delivery(registry="r.example"), FOREIGN)
    web, engine, net = metadata.applications
    apps = (web, replace(engine, type="able"), net)
    types = {**PARTS.app_types, "able": Able()}
    assert that_keep_names(there, apps, types, metadata) == ("web",)
    own = (replace(engine, type="able", cmds=("x",)),)
    assert that_keep_names(there, own, types, metadata) == ("engine",)
    never = redirecting_elsewhere(metadata, Delivery(registry="r.example", policy="none"), FOREIGN)
    assert that_keep_names(never, apps, types, metadata) == ()


@pytest.mark.parametrize("delivery", [Delivery(registry="r.example/it"), Delivery(nodes=True)])
def test_each_shell_can_parse_what_brings_container_images(delivery: Delivery) -> None:
    plan = planned(FOREIGN, shop(labels={}), delivery)
    steps = [step for step in plan.steps if step.provides[0].startswith("images")]
    assert steps
    for step in steps:
        assert syntax_errors(dict(fragments(step))) == []


def test_images_go_to_nodes_an_application_at_a_time() -> None:
    plan = planned(FOREIGN, shop(labels={}), Delivery(nodes=True))
    assert launched(plan) == ["images", "images/web", "app/web", "app/net"]
    assert "send docker.io/library/web:1 to the nodes" in titles(plan)
