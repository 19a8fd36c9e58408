"""File systems that are mounted, and accounts, on a real machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealer.changes import Directory, Mount, User
from tests.lab.changes.holding import require_reversible
from tests.lab.machine import Machine

pytestmark = pytest.mark.lab


def test_file_systems_that_were_not_mounted(any_shell: Machine) -> None:
    any_shell.run("mkdir -p /opt/trial/source; echo 1 > /opt/trial/source/file")
    mounts = (
        Mount(path="/opt/new-one/with space", source="scratch", filesystem="tmpfs", options=("size=64k",)),
        Mount(path="/opt/new-one/with space/in it", source="/opt/trial/source", filesystem="bind"),
        Mount(path="/opt/trial/.hidden", source="other", filesystem="tmpfs", at_boot=False),
    )
    require_reversible(any_shell, *mounts)
    with any_shell.unharmed():
        any_shell.apply(*mounts)
        assert any_shell.run("cat '/opt/new-one/with space/in it/file'") == "1\n"
        for mount in mounts[:2]:
            made = any_shell.node.run(["systemd-escape", "--path", "--suffix=mount", mount.path]).stdout
            assert mount.unit == made.strip()
            show = ["systemctl", "show", "-p", "LoadState,ActiveState,UnitFileState,FragmentPath", mount.unit]
            assert sorted(any_shell.node.run(show).stdout.splitlines()) == [
                "ActiveState=active",
                f"FragmentPath=/etc/systemd/system/{mount.unit}",
                "LoadState=loaded",
                "UnitFileState=enabled",
            ]
        # What is mounted below, by pods for example, is in nobody's way.
        any_shell.run("mkdir '/opt/new-one/with space/pod'; mount -t tmpfs x '/opt/new-one/with space/pod'")
        any_shell.undo()
    any_shell.run("rm -r /opt/trial")


def test_a_file_system_is_mounted_again_by_systemd(machine: Machine) -> None:
    mount = Mount(path="/opt/again", source="scratch", filesystem="tmpfs", options=("size=64k",))
    with machine.unharmed():
        machine.apply(mount)
        machine.run("systemctl stop opt-again.mount")
        assert machine.look(mount) == ["nothing is mounted there"]
        machine.run("systemctl start local-fs.target opt-again.mount")
        assert machine.look(mount) == [""]
        machine.undo()


def test_what_is_mounted_already_stays_and_what_is_mounted_otherwise_comes_back(any_shell: Machine) -> None:
    any_shell.run("mkdir -p /opt/here; mount -t tmpfs -o size=32k theirs /opt/here; echo 1 > /opt/here/file")
    wanted = Mount(path="/opt/here", source="theirs", filesystem="tmpfs")
    with any_shell.unharmed():
        assert any_shell.apply(wanted) == ["same"]
        any_shell.undo()
    ours = replace(wanted, source="ours", options=("size=64k",))
    with any_shell.unharmed():
        assert any_shell.look(ours) == ["something else is mounted there"]
        assert any_shell.apply(ours) == ["changed"]
        assert any_shell.run("ls /opt/here") == ""
        assert any_shell.apply(replace(ours, options=("size=128k",))) == ["changed"]
        assert any_shell.run("stat -f -c %b /opt/here") == "32\n"
        any_shell.undo()
    assert any_shell.run("cat /opt/here/file; umount /opt/here; rmdir /opt/here") == "1\n"


def test_a_file_system_that_can_not_be_mounted_is_taken_back(machine: Machine) -> None:
    with machine.unharmed():
        found, said = machine.attempt(Mount(path="/opt/no/such", source="/dev/no-such", filesystem="ext4"))
        assert found == ["failed"]
        assert "/dev/no-such" in said
        machine.undo()


def test_an_account_that_is_new(any_shell: Machine) -> None:
    users = (
        User(name="trial", uid=871, home="/var/lib/trial-home", groups=("adm",)),
        User(name="trial-two"),
        Directory(path="/var/lib/trial-home", mode=0o700, owner="trial:trial"),
    )
    # The programs keep the older files beside the new ones: these are equal when all was done before.
    any_shell.apply(*users)
    any_shell.undo()
    require_reversible(any_shell, *users)
    any_shell.apply(*users)
    assert any_shell.run("id -u trial; id -gn trial; stat -c %U:%G /var/lib/trial-home").split() == [
        "871",
        "trial",
        "trial:trial",
    ]
    account = any_shell.run("grep ^trial: /etc/passwd").strip().split(":")
    assert account[5:] == ["/var/lib/trial-home", "/usr/sbin/nologin"]
    assert any_shell.run("grep ^trial: /etc/shadow").split(":")[1].strip("*!") == ""
    any_shell.undo()
    assert any_shell.run("grep -h trial /etc/passwd /etc/group /etc/shadow || :") == ""


def test_an_account_that_was_there_keeps_all_but_the_groups_it_was_put_into(any_shell: Machine) -> None:
    any_shell.run("useradd --groups adm --shell /bin/bash trial")
    look = "id trial; grep ^trial: /etc/passwd"
    before = any_shell.run(look)
    found, said = any_shell.attempt(User(name="trial", uid=871))
    assert found == ["failed"]
    assert "has not the number 871" in said
    assert any_shell.apply(User(name="trial", groups=("games",))) == ["changed"]
    user = User(name="trial", groups=("adm", "staff"))
    assert any_shell.apply(user) == ["changed"]
    assert {"adm", "staff"} <= set(any_shell.run("id -Gn trial").split())
    assert any_shell.apply(user) == ["same"]
    any_shell.undo()
    now = any_shell.run(look)
    any_shell.run("userdel trial")
    assert now == before
