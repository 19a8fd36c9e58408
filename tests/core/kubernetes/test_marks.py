"""Labels, taints and roles of nodes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer.changes import Command
from sealer.errors import PlanError
from sealer.kubernetes import Taint, mark_step, parse_taint, taint_holds
from sealer.model import Host
from sealer.testing import example_cluster, example_host
from sealer.testing.conformance.fragments import fragments
from sealer.testing.shells import syntax_errors
from tests.shells import every_shell


@pytest.mark.parametrize(
    ("text", "taint"),
    [
        ("a=b:NoSchedule", Taint(key="a", value="b", effect="NoSchedule")),
        ("a:NoExecute", Taint(key="a", effect="NoExecute")),
        ("a=:PreferNoSchedule", Taint(key="a", effect="PreferNoSchedule")),
        ("node-x=v:NoSchedule", Taint(key="node-x", value="v", effect="NoSchedule")),
        ("a-", Taint(key="a", remove=True)),
        ("a:NoSchedule-", Taint(key="a", effect="NoSchedule", remove=True)),
        (
            "node-role.kubernetes.io/master:NoSchedule-",
            Taint(key="node-role.kubernetes.io/master", effect="NoSchedule", remove=True),
        ),
    ],
)
def test_taints_are_read(text: str, taint: Taint) -> None:
    assert parse_taint(text) == taint


@pytest.mark.parametrize("text", ["", "a", "a=b", "a=b:Sometimes", "a b:NoSchedule", ":NoSchedule", "-"])
def test_what_is_no_taint_is_refused(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_taint(text)
    assert repr(text) in caught.value.message


@every_shell
@pytest.mark.parametrize(
    ("wanted", "held", "holds"),
    [
        ("a=b:NoSchedule", "a=b:NoSchedule", True),
        ("a=b:NoSchedule", "a=c:NoSchedule", False),
        ("a:NoSchedule", "a=:NoSchedule", True),
        ("a-", "a=b:NoSchedule", False),
        ("a-", "ab=:NoSchedule", True),
        ("a.b-", "axb=:NoSchedule", True),
        ("a:NoExecute-", "a=b:NoSchedule", True),
        ("a:NoSchedule-", "a=b:NoSchedule", False),
        ("a-", "", True),
    ],
)
def test_a_node_is_compared_with_what_is_wanted(
    shell: tuple[str, ...], wanted: str, held: str, holds: bool, tmp_path: Path
) -> None:
    listing = tmp_path / "taints"
    listing.write_text(f"{held}\n" if held else "")
    script = taint_holds(f"cat {listing}", parse_taint(wanted))
    assert (subprocess.run(shell, input=script.encode(), check=False).returncode == 0) == holds


def test_a_node_that_can_not_be_asked_has_no_taint_as_wanted() -> None:
    script = taint_holds("false", parse_taint("a-"))
    assert subprocess.run(["sh"], input=script.encode(), check=False).returncode != 0


def marked(member: Host) -> list[Command]:
    view = example_cluster(example_host(1, master=True), member)
    step = mark_step(view, member, node="n2", kubectl="kubectl --kubeconfig /k")
    return [change for change in step.changes if isinstance(change, Command)]


def test_roles_and_labels_are_set_together() -> None:
    (labels,) = marked(example_host(2, roles=("node", "ingress"), labels={"zone": "a b"}))
    assert labels.run == (
        "kubectl --kubeconfig /k label --overwrite node n2 "
        "node-role.kubernetes.io/ingress= node-role.kubernetes.io/node= 'zone=a b'"
    )


def test_each_taint_is_a_change_of_its_own() -> None:
    changes = marked(example_host(2, taints=("a=b:NoSchedule", "c-")))
    assert [change.title for change in changes] == [
        "labels of node n2",
        "taint a=b:NoSchedule of node n2",
        "taint c- of node n2",
    ]


def test_the_step_is_made_on_the_first_master_and_provides_the_member() -> None:
    view = example_cluster(*(example_host(number, master=number == 1) for number in (1, 2, 3)))
    last = view.hosts[2]
    step = mark_step(view, last, node="n3", kubectl="kubectl", requires=(f"joined@{last.name}",))
    assert step.host == view.first_master.name
    assert step.provides == (f"member@{last.name}",)
    assert step.requires == ("api", f"joined@{last.name}")
    assert syntax_errors(dict(fragments(step))) == []
