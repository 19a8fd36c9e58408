from __future__ import annotations

import pytest

from sealer.errors import SourceErrors
from sealer.kubefile import Definition, define
from sealer.kubefile.instructions import App, Copy
from sealer.model import Application, Launch

from .helpers import kubefile

PARENT = (Application(name="calico", type="shell", files=("a.sh",), env={"x": "1"}, cmds=("go",)),)


def definition(*lines: str) -> Definition:
    return define(kubefile("FROM scratch", *lines), PARENT)


def problem(*lines: str) -> tuple[str, str, str | None]:
    with pytest.raises(SourceErrors) as caught:
        definition(*lines)
    (found,) = caught.value.problems
    return found.message, str(found.place), found.hint


def test_the_last_definition_of_an_application_wins() -> None:
    found = definition(
        "APP web local://a.yaml",
        "APPENV web a=1",
        'APPCMDS web ["x"]',
        "COPY a b",
        "APP db local://c.yaml",
        "APP web local://b.yaml",
    )
    assert [app.name for app in found.applications] == ["calico", "db", "web"]
    web = found.applications[-1]
    assert web.app is not None
    assert web.app.place.line == 7
    assert (dict(web.env), web.cmds) == ({}, ())
    assert [type(each) for each in found.contents] == [Copy, App, App]
    assert web.app is found.contents[-1]


def test_environment_is_merged_and_the_last_command_wins() -> None:
    found = definition(
        "APP web local://a", "APPENV web a=1 b=2", "APPENV web b=3", "APPCMDS web x", "APPCMDS web y z"
    )
    web = found.applications[-1]
    assert (dict(web.env), web.cmds) == ({"a": "1", "b": "3"}, ("y z",))


def test_applications_of_the_parent_can_be_changed_and_launched() -> None:
    found = definition("APPENV calico y=2", "APPCMDS calico stop", "LAUNCH calico")
    (calico,) = found.applications
    assert (calico.app, dict(calico.env), calico.cmds) == (None, {"x": "1", "y": "2"}, ("stop",))
    assert found.launch == Launch(app_names=("calico",))


def test_an_application_of_the_parent_that_is_defined_anew_starts_afresh() -> None:
    (calico,) = definition("APP calico local://b.sh").applications
    assert calico.app is not None
    assert (dict(calico.env), calico.cmds) == ({}, ())


def test_networks_and_storage_become_labels_as_versions_do() -> None:
    found = definition(
        "CNI flannel local://a.yaml",
        "CSI nfs local://b.sh",
        "KUBEVERSION >=1.24",
        "LABEL a=1 b=2",
        "LABEL a=3",
    )
    assert dict(found.labels) == {
        "cluster.alpha.sealer.io/kube-cni-flannel": "true",
        "cluster.alpha.sealer.io/kube-csi-nfs": "true",
        "app.alpha.sealer.io/supported-kube-version": ">=1.24",
        "a": "3",
        "b": "2",
    }


def test_a_network_that_becomes_an_application_is_no_network_any_more() -> None:
    assert dict(definition("CNI net local://a.yaml", "APP net local://a.yaml").labels) == {}


def test_environment_and_commands() -> None:
    found = definition("ENV a=1", "ENV a=2 b=3", 'CMDS ["x", "y z"]')
    assert dict(found.env) == {"a": "2", "b": "3"}
    assert found.launch == Launch(cmds=("x", "y z"))


def test_launching_what_there_is_not() -> None:
    assert problem("APP web local://a", 'LAUNCH ["calico", "wbe"]') == (
        "there is no application wbe",
        "Kubefile:3:19",
        "did you mean web?",
    )


@pytest.mark.parametrize("line", ["APPENV later a=1", "APPCMDS later x"])
def test_an_application_must_come_before_what_is_said_of_it(line: str) -> None:
    word = line.split(maxsplit=1)[0]
    message, place, hint = problem(line, "APP later local://a")
    assert (message, place) == ("there is no application later", f"Kubefile:2:{len(word) + 2}")
    assert hint == f"{word} must come after the APP, CNI or CSI that defines the application"


def test_all_that_is_wrong_is_reported_in_the_order_of_the_file() -> None:
    with pytest.raises(SourceErrors) as caught:
        definition("KUBEVERSION >1 <1", "APPENV x a=1", "LAUNCH y z")
    assert [problem.place.line for problem in caught.value.problems] == [2, 3, 4, 4]


def test_several_ranges_of_versions_mean_what_is_in_all() -> None:
    found = definition("KUBEVERSION >=1.22", "KUBEVERSION 1.20 - 1.24 || 1.30.x")
    label = found.labels["app.alpha.sealer.io/supported-kube-version"]
    assert label == ">=1.22, >=1.20, <=1.24 || >=1.22, 1.30"


@pytest.mark.parametrize("lines", [("KUBEVERSION <1.22", "KUBEVERSION >1.22"), ("KUBEVERSION >1 <1",)])
def test_ranges_that_have_no_version_in_common_are_refused(lines: tuple[str, ...]) -> None:
    message, place, _ = problem(*lines)
    assert message in {"no version is in all of the ranges", "no version is in it"}
    assert place == f"Kubefile:{1 + len(lines)}:13"


def test_a_reserved_label_that_nobody_knows_is_warned_of_with_the_nearest() -> None:
    (caution,) = definition("LABEL cluster.alpha.sealer.io/cluster-runtime-typ=k8s").cautions
    assert caution.message == "the reserved label cluster.alpha.sealer.io/cluster-runtime-typ is unknown"
    assert caution.hint == "did you mean cluster.alpha.sealer.io/cluster-runtime-type?"
    assert str(caution.place) == "Kubefile:2:7"


@pytest.mark.parametrize(
    "key",
    [
        "cluster.alpha.sealer.io/kube-cni",
        "cluster.alpha.sealer.io/kube-csi-nfs",
        "created-by",
        "not-sealer.io/x",
        "x.org/sealer.io/y",
    ],
)
def test_other_labels_are_nobodys_business(key: str) -> None:
    assert definition(f"LABEL {key}=1").cautions == ()


def test_a_plugin_may_know_more_labels() -> None:
    parsed = kubefile("FROM scratch", "LABEL acme.sealer.io/x=1 acme.sealer.io/y-2=1")
    assert define(parsed, known_labels={"acme.sealer.io/x", "acme.sealer.io/y-*"}).cautions == ()
    assert len(define(parsed).cautions) == 2


def test_a_label_with_a_range_of_versions_is_checked_as_kubeversion_is() -> None:
    message, place, _ = problem("LABEL app.alpha.sealer.io/supported-kube-version=new")
    assert (message, place) == ("'new' is no version or range", "Kubefile:2:7")


def test_commands_of_cmd_are_joined() -> None:
    assert definition("CMD a b", "LABEL x=1", "CMD c").launch == Launch(cmds=("a b", "c"))


def test_the_author() -> None:
    assert definition("MAINTAINER Jane").author == "Jane"
