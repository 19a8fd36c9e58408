"""The operator's own machine as a host of the cluster: no SSH, and root's privileges in all ways."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.testing.lab import Lab
from sealer.testing.lab.fixtures import LabNodes
from tests.lab.inside import Insider, bring_python
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab

PASSWORD = f"pass {secrets.token_hex(8)}"

SUDOERS = """\
free    ALL=(ALL) NOPASSWD: ALL
asked   ALL=(ALL) ALL
typist  ALL=(ALL) NOPASSWD: ALL
clerk   ALL=(ALL) ALL
Defaults:typist,clerk requiretty
"""
USERS = ("free", "asked", "typist", "clerk")

UNFIT = 3


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    return module_lab_nodes(2)


@pytest.fixture(scope="module")
def root(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Insider:
    """Return root of n1, where no SSH server runs and all users have the image."""
    outsider = plain_operator(tmp_path_factory.mktemp("outsider"))
    make_plain_image(outsider)
    node = lab.node("n1")
    words, paths = bring_python(node, [*outsider.plugins])
    node.run(["systemctl", "stop", "ssh"])
    node.run(["sh", "-c", "cat > /etc/sudoers.d/test; chmod 440 /etc/sudoers.d/test"], input=SUDOERS)
    store = outsider.sealer_home
    _copy(store, lab, "/root/.sealer", "root")
    for user in USERS:
        node.run(["useradd", "--create-home", user])
        node.run(["chpasswd"], input=f"{user}:{PASSWORD}\n")
        _copy(store, lab, f"/home/{user}/.sealer", user)
    return Insider(node=node, user="root", words=words, paths=paths, variables={"SECRET": PASSWORD})


def _copy(source: Path, lab: Lab, target: str, owner: str) -> None:
    node = lab.node("n1")
    for path in sorted(source.rglob("*")):
        inside = f"{target}/{path.relative_to(source)}"
        if path.is_dir():
            node.run(["mkdir", "-p", inside])
        else:
            script = f"mkdir -p \"$(dirname '{inside}')\"; base64 -d > '{inside}'"
            node.run(["sh", "-ec", script], input=base64.b64encode(path.read_bytes()).decode())
    node.run(["chown", "-R", f"{owner}:{owner}", target])


def lives_and_goes(person: Insider, *flags: str) -> None:
    """See that a cluster of this machine alone can be made, is as planned, and goes without a trace."""
    address = person.node.address
    person.sealer("run", IMAGE, "-m", address, *flags)
    assert person.node.run(["systemctl", "is-active", "plain"]).stdout == "active\n"
    assert person.node.run(["stat", "-c", "%U", "/etc/plain/settings"]).stdout == "root\n"
    person.sealer("plan", IMAGE, "-m", address, *flags, "--detailed-exitcode")
    person.sealer("delete", "--all", "--yes")
    for path in ("/var/lib/sealer", "/etc/plain", "/usr/local/bin/plain"):
        assert person.node.run(["test", "-e", path], check=False).returncode == 1


def test_root_needs_no_ssh(root: Insider) -> None:
    lives_and_goes(root)


@pytest.mark.parametrize("user", ["free", "typist"])
def test_a_user_with_sudo_needs_no_ssh(root: Insider, user: str) -> None:
    lives_and_goes(replace(root, user=user))


@pytest.mark.parametrize("user", ["asked", "clerk"])
def test_a_user_whom_sudo_asks_gives_the_password_by_reference(root: Insider, user: str) -> None:
    lives_and_goes(replace(root, user=user), "-u", user, "--passwd-from", "env:SECRET")


@pytest.mark.parametrize("user", ["asked", "clerk"])
def test_a_wrong_password_is_refused_in_the_words_of_sudo(root: Insider, user: str) -> None:
    wrong = replace(root, user=user, variables={"SECRET": "battery staple"})
    flags = ("-m", root.node.address, "-u", user)
    said = wrong.sealer("check", *flags, "--passwd-from", "env:SECRET", code=UNFIT).stdout
    assert "sudo-policy" in said
    assert "1 incorrect password attempt" in said
    said = wrong.sealer("check", *flags, code=UNFIT).stdout
    assert f"give the password of {user}, or allow sudo without one" in said


def test_a_machine_among_others_that_are_reached_by_ssh(root: Insider, lab: Lab) -> None:
    node, other = root.node, lab.node("n2")
    node.run(["sh", "-c", "cat > /root/key; chmod 600 /root/key"], input=lab.key_path.read_text())
    hosts = ("-m", node.address, "-n", other.address, "--pk", "/root/key", "--accept-new")
    root.sealer("run", IMAGE, *hosts)
    for each in (node, other):
        assert each.run(["cat", "/etc/plain/settings"]).stdout == "cluster my-cluster\n"
    root.sealer("delete", "--all", "--yes")
    for each in (node, other):
        assert each.run(["test", "-e", "/var/lib/sealer"], check=False).returncode == 1


def test_a_way_that_is_asked_for_is_gone(root: Insider) -> None:
    said = root.sealer("check", "-m", root.node.address, "--port", "22", code=UNFIT).stdout
    assert "ssh-reachable" in said
