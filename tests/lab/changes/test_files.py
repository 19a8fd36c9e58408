"""Files, links, directories, lines of /etc/hosts, and commands on a real machine."""

from __future__ import annotations

import pytest

from sealer.changes import Command, Copy, Directory, File, HostsEntry, NoHostsEntry, OwnedPath, Symlink
from tests.lab.changes.holding import require_reversible
from tests.lab.machine import Machine

pytestmark = pytest.mark.lab


def test_files_links_copies_and_directories(any_shell: Machine) -> None:
    any_shell.run("mkdir -p /opt/trial; echo old > /opt/trial/old; ln -sfn old /opt/trial/link")
    any_shell.run("chown 12:34 /opt/trial/old; chmod 604 /opt/trial/old; touch -d 2001-02-03 /opt/trial/old")
    times = any_shell.run("stat -c %y /opt/trial/old")
    require_reversible(
        any_shell,
        File(path="/opt/trial/old", content="new\n", mode=0o600),
        File(path="/opt/trial/bytes", content=bytes(range(256))),
        File(path="/opt/trial/deep/er/file", content="x", owner="root:man"),
        Symlink(path="/opt/trial/link", target="/etc"),
        Copy(source="/bin/true", path="/opt/trial/bin/true"),
        Directory(path="/opt/trial/some/directory", mode=0o700, owner="12:34"),
        Directory(path="/opt/trial", mode=0o711),
    )
    assert any_shell.run("stat -c %y /opt/trial/old") == times
    any_shell.run("rm -r /opt/trial")


def test_a_line_of_hosts_leaves_all_others_as_they_are(any_shell: Machine) -> None:
    original = any_shell.run("cat /etc/hosts")
    any_shell.run("printf '%s\\n' '# ours' '192.0.2.9 trial.example' '' '  spaced' >> /etc/hosts")
    require_reversible(any_shell, HostsEntry(address="192.0.2.1", names=("trial.example", "trial")))
    any_shell.apply(HostsEntry(address="192.0.2.1", names=("trial.example",)))
    any_shell.apply(HostsEntry(address="192.0.2.2", names=("trial.example",)))
    assert any_shell.run("grep -c '# sealer:trial.example$' /etc/hosts") == "1\n"
    any_shell.undo()
    any_shell.node.run(["sh", "-c", "cat > /etc/hosts"], input=original)


def test_a_name_with_several_addresses_keeps_their_order(any_shell: Machine) -> None:
    original = any_shell.run("cat /etc/hosts")
    several = HostsEntry(address="192.0.2.2", names=("trial.example",), further=("192.0.2.3", "192.0.2.1"))
    require_reversible(any_shell, several)
    any_shell.apply(several)
    found = any_shell.run("sed -n 's/ trial.example # sealer:trial.example$//p' /etc/hosts")
    assert found.split() == ["192.0.2.2", "192.0.2.3", "192.0.2.1"]
    any_shell.apply(HostsEntry(address="192.0.2.3", names=("trial.example",)))
    assert any_shell.run("grep -c trial.example /etc/hosts") == "1\n"
    any_shell.undo()
    assert any_shell.run("cat /etc/hosts") == original


def test_a_line_of_hosts_that_goes_comes_back_when_that_is_undone(any_shell: Machine) -> None:
    original = any_shell.run("cat /etc/hosts")
    theirs = "192.0.2.9 trial.example"
    any_shell.run(f"printf '%s\\n' '{theirs}' '192.0.2.1 trial.example # sealer:trial.example' >> /etc/hosts")
    require_reversible(any_shell, NoHostsEntry(name="trial.example"))
    any_shell.apply(HostsEntry(address="192.0.2.2", names=("trial.example",)))
    any_shell.apply(NoHostsEntry(name="trial.example"))
    assert any_shell.run("cat /etc/hosts") == f"{original}{theirs}\n"
    any_shell.undo()
    assert any_shell.run("grep -c 192.0.2.1 /etc/hosts") == "1\n"  # what was there before
    any_shell.node.run(["sh", "-c", "cat > /etc/hosts"], input=original)


def test_a_hosts_file_without_a_last_newline(any_shell: Machine) -> None:
    original = any_shell.run("cat /etc/hosts")
    last = "192.0.2.9 last.example"
    any_shell.run(f"printf '{last}' >> /etc/hosts")
    any_shell.apply(HostsEntry(address="192.0.2.1", names=("trial.example",)))
    lines = ["192.0.2.1 trial.example # sealer:trial.example", last]
    assert sorted(any_shell.run("tail -n 2 /etc/hosts").splitlines()) == sorted(lines)
    any_shell.undo()
    assert any_shell.run("cat /etc/hosts") == f"{original}{last}\n"
    any_shell.node.run(["sh", "-c", "cat > /etc/hosts"], input=original)


def test_a_path_that_programs_fill_and_mount_upon(any_shell: Machine) -> None:
    any_shell.run("mkdir -p /opt/kept/mounted /opt/kept/sub; echo 1 > /opt/kept/file")
    any_shell.run("mount -t tmpfs x /opt/kept/mounted")
    any_shell.run("echo inner > /opt/kept/mounted/inner")
    claims = (OwnedPath(path="/opt/new/one"), OwnedPath(path="/opt/kept"))
    with any_shell.unharmed():
        assert any_shell.apply(*claims) == ["changed", "changed"]
        any_shell.run(
            """
            mkdir -p /opt/new/one/a/b '/opt/new/one/with space' /opt/kept/sub/deep
            mount -t tmpfs x /opt/new/one/a; mkdir /opt/new/one/a/c; mount -t tmpfs y /opt/new/one/a/c
            mount --bind /etc '/opt/new/one/with space'
            echo x > /opt/new/one/a/c/file; ln -s /etc/passwd /opt/new/one/link
            mount -t tmpfs z /opt/kept/sub/deep; echo x > /opt/kept/sub/deep/file; echo new > /opt/kept/new
            """
        )
        assert any_shell.apply(*claims) == ["same", "same"]
        any_shell.undo()
    assert any_shell.run("cat /opt/kept/file /opt/kept/mounted/inner") == "1\ninner\n"
    any_shell.run("umount /opt/kept/mounted; rm -r /opt/kept")


def test_commands_are_taken_back_newest_first(any_shell: Machine) -> None:
    first = Command(title="first", run="mkdir /opt/made", revert="rmdir /opt/made")
    second = Command(title="second", run="echo 1 > /opt/made/file", revert="rm -f /opt/made/file")
    require_reversible(any_shell, first, second)
