"""What of an image's applications a plan launches, where, and with which environment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealer.cluster.application_plan import application_plan
from sealer.cluster.launch_choice import EVERY, AppChoice, LaunchChoice
from sealer.cluster.pipeline import installation_plan
from sealer.errors import ImageError, PlanError, UsageError
from sealer.model import Application, Cluster, ImageType, Launch
from sealer.testing.stand_ins import Toy

from .examples import LAYERS, PARTS, cluster, host, image
from .pipelines import EVERYWHERE, IMAGE_CHOICE, commands, install, launched


@pytest.mark.parametrize(
    ("choice", "changes", "expected"),
    [
        (LaunchChoice(), {}, ["app/net", "app/web"]),
        (LaunchChoice(apps=("web",)), {}, ["app/web"]),
        (LaunchChoice(apps=("",)), {}, []),
        (LaunchChoice(apps=()), {}, []),
        (LaunchChoice(cmds=("echo",), apps=("web",)), {}, ["commands"]),
        (LaunchChoice(apps=("web",)), {"launch": Launch(cmds=("a",), app_names=("net",))}, ["commands"]),
    ],
)
def test_precedence_of_what_is_launched(
    choice: LaunchChoice, changes: dict[str, object], expected: list[str]
) -> None:
    assert launched(install(choice, **changes)) == expected


def test_an_application_with_commands_runs_them_as_one_line_in_its_directory() -> None:
    plan = install()
    assert commands(plan, "app/web") == ["cd application/apps/web\ninstall --now"]
    assert commands(plan, "app/net") == ["note a"]
    step = plan.step(f"{'a' * 12}/app/web")
    assert step.env["COLOR"] == "blue"
    assert step.env["ZONE"] == "a"
    assert step.env["KUBECONFIG"] == "/etc/toy/admin.conf"
    assert step.directory == "/var/lib/sealer/c1/rootfs"


def test_an_unknown_application_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        install(LaunchChoice(apps=("wbe",)))
    assert caught.value.hint == "it has: net, web"


def test_an_application_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(ImageError, match="is of type 'odd'"):
        install(applications=(Application(name="net", type="odd"),), launch=Launch(app_names=("net",)))


def test_nothing_is_waited_for_when_nothing_is_launched() -> None:
    assert "cluster/ready" not in [step.id for step in install(LaunchChoice(apps=())).steps]


class Ringed(Toy):
    """A cluster runtime that brings a network of pods."""

    def becomes_ready(self, cluster: Cluster) -> bool:
        return True


def test_a_cluster_that_has_its_network_from_the_beginning_is_waited_for_all_the_same() -> None:
    parts = replace(PARTS, runtime=Ringed())
    plan = installation_plan(cluster(), EVERYWHERE, parts, LaunchChoice(apps=()))
    last = plan.steps[-1]
    assert last.id == "cluster/ready"
    assert last.requires == ("cluster",)
    assert last.env["KUBECONFIG"] == "/etc/toy/admin.conf"
    assert "/var/lib/sealer/c1/rootfs/bin" in last.env["PATH"]


def test_an_application_image_goes_to_the_first_master_and_the_registry() -> None:
    app = image(type=ImageType.APPLICATION, digest="sha256:" + "f" * 64)
    plan = application_plan(cluster(), app, EVERYWHERE, PARTS, LaunchChoice())
    ids = [step.id for step in plan.steps]
    assert f"application/{'f' * 12}@10.0.0.1" in ids
    assert f"registry-store/{'f' * 12}@10.0.0.1" in ids
    assert ids.index("shelf@10.0.0.1") < ids.index(f"registry-access/{'f' * 12}@10.0.0.3")
    web = plan.step(f"{'f' * 12}/app/web")
    assert web.directory == f"/var/lib/sealer/c1/applications/{'f' * 12}"
    assert web.env["PATH"].split(":")[:2] == [f"{web.directory}/bin", "/var/lib/sealer/c1/rootfs/bin"]


def test_an_application_image_with_images_needs_a_registry() -> None:
    app = image(type=ImageType.APPLICATION)
    with pytest.raises(PlanError, match="has no registry"):
        application_plan(replace(cluster(), registry=None), app, EVERYWHERE, PARTS, LaunchChoice())


def test_a_new_image_launches_its_applications_anew_though_the_commands_are_the_same() -> None:
    _, one, _ = install().step(f"{'a' * 12}/app/net").changes
    _, other, _ = install(digest="sha256:" + "b" * 64).step(f"{'b' * 12}/app/net").changes
    assert one.key == other.key
    assert one.fingerprint() != other.fingerprint()


def test_a_hosts_environment_comes_before_that_of_the_cluster_and_the_image() -> None:
    master = replace(host(1, master=True), env={"ZONE": "own", "COLOR": "red"})
    plan = installation_plan(
        cluster(master, replace(host(2), env={"ZONE": "other"}), host(3)), EVERYWHERE, PARTS, IMAGE_CHOICE
    )
    step = next(step for step in plan.steps if step.provides == ("app/web",))
    assert (step.env["ZONE"], step.env["COLOR"]) == ("own", "red")


@pytest.mark.parametrize(
    ("host_env", "wanted", "expected"),
    [({}, {}, "app"), ({"TONE": "host"}, {}, "host"), ({"TONE": "host"}, {"TONE": "wish"}, "wish")],
)
def test_what_an_image_says_for_one_application_comes_over_what_it_says_for_all(
    host_env: dict[str, str], wanted: dict[str, str], expected: str
) -> None:
    app = Application(name="web", cmds=("a",), env={"TONE": "app"})
    made = image(env={"TONE": "image"}, applications=(app,), launch=Launch(app_names=("web",)))
    view = replace(cluster(replace(host(1, master=True), env=host_env)), image=made, env={"TONE": "image"})
    choice = replace(IMAGE_CHOICE, settings={EVERY: AppChoice(env=wanted)})
    plan = installation_plan(view, {"10.0.0.1": LAYERS}, PARTS, choice)
    step = next(step for step in plan.steps if step.provides == ("app/web",))
    assert step.env["TONE"] == expected


def test_commands_have_the_environment_that_the_user_wants() -> None:
    plan = install(LaunchChoice(cmds=("echo",), settings={EVERY: AppChoice(env={"WHO": "me"})}))
    (step,) = [step for step in plan.steps if step.provides == ("commands",)]
    assert step.env["WHO"] == "me"


def test_another_environment_launches_anew() -> None:
    def marks(zone: str) -> list[str]:
        hosts = (replace(host(1, master=True), env={"ZONE": zone}), host(2), host(3))
        plan = installation_plan(cluster(*hosts), EVERYWHERE, PARTS, IMAGE_CHOICE)
        return [
            change.fingerprint()
            for step in plan.steps
            if step.provides == ("app/web",)
            for change in step.changes
        ]

    assert marks("a") == marks("a")
    assert marks("a") != marks("b")


def test_an_application_that_fails_stands_in_the_way_of_those_alone_that_need_it() -> None:
    labels = {
        **image().labels,
        "cluster.alpha.sealer.io/kube-cni-net": "true",
        "app.alpha.sealer.io/requires.shop": "web, absent",
    }
    apps = tuple(Application(name=name, cmds=("x",)) for name in ("net", "web", "shop", "blog"))
    launch = Launch(app_names=("net", "web", "shop", "blog"))
    plan = install(labels=labels, applications=apps, launch=launch)
    short = "a" * 12
    waits = {name: plan.waits_for[f"{short}/app/{name}"] for name in ("web", "shop", "blog")}
    assert waits["web"] == waits["blog"]
    assert f"{short}/app/net" in waits["web"]
    assert f"{short}/app/web" in waits["shop"]
    assert f"{short}/app/web" not in waits["blog"]
    assert not any("/app/" in step for step in plan.waits_for["cluster/ready"])
    assert plan.steps[-1].id == "cluster/ready"
