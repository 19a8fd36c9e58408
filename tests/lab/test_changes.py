"""Every kind of change on a real machine with systemd: made once, found made, taken back without a trace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealer.changes import (
    Change,
    Command,
    Copy,
    Directory,
    File,
    HostsEntry,
    Module,
    Mount,
    NoHostsEntry,
    OwnedChains,
    OwnedLinks,
    OwnedPath,
    OwnedRoutes,
    Symlink,
    Sysctl,
    Unit,
    User,
)
from tests.lab.machine import Machine

pytestmark = pytest.mark.lab

UNIT = "/etc/systemd/system/trial.service"


def require_reversible(machine: Machine, *changes: Change) -> None:
    """See that changes are made, then found made, and taken back exactly."""
    with machine.unharmed():
        assert machine.apply(*changes) == ["changed"] * len(changes)
        assert machine.look(*changes) == [""] * len(changes)
        assert machine.apply(*changes) == ["same"] * len(changes)
        machine.undo()


# ---- files -----------------------------------------------------------------------------------------------


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


# ---- systemd ---------------------------------------------------------------------------------------------


def service(seconds: int, *, install: bool = True) -> str:
    text = f"[Service]\nExecStart=/bin/sleep {seconds}\n"
    return text + ("[Install]\nWantedBy=multi-user.target\n" if install else "")


def command_line(machine: Machine) -> str:
    pid = machine.run("systemctl show -p MainPID --value trial.service").strip()
    return machine.run(f"tr '\\0' ' ' < /proc/{pid}/cmdline").strip()


def test_a_new_unit(any_shell: Machine) -> None:
    require_reversible(any_shell, Unit(name="trial.service", content=service(7001)))


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("active", [True, False])
def test_a_unit_that_was_there_gets_its_text_and_state_back(
    machine: Machine, *, enabled: bool, active: bool
) -> None:
    machine.node.run(["sh", "-c", f"cat > {UNIT}"], input=service(7002))
    machine.run("systemctl daemon-reload")
    machine.run(f"systemctl -q {'enable' if enabled else 'disable'} trial.service")
    machine.run(f"systemctl {'start' if active else 'stop'} trial.service")
    with machine.unharmed():
        unit = Unit(name="trial.service", content=service(7003))
        assert machine.apply(unit) == ["changed"]
        assert command_line(machine) == "/bin/sleep 7003"
        assert machine.apply(unit) == ["same"]
        machine.undo()
        if active:
            assert command_line(machine) == "/bin/sleep 7002"
    machine.run(f"systemctl -q disable --now trial.service; rm {UNIT}; systemctl daemon-reload")


def test_a_unit_that_a_package_brought(machine: Machine) -> None:
    path = "/usr/lib/systemd/system/trial.service"
    machine.node.run(["sh", "-c", f"cat > {path}"], input=service(7004))
    machine.run("systemctl daemon-reload")
    for unit, seconds in (
        (Unit(name="trial.service"), 7004),
        (Unit(name="trial.service", content=service(7005)), 7005),
    ):
        with machine.unharmed():
            assert machine.apply(unit) == ["changed"]
            assert command_line(machine) == f"/bin/sleep {seconds}"
            machine.undo()
    machine.run(f"rm {path}; systemctl daemon-reload")


def test_a_unit_that_was_masked(machine: Machine) -> None:
    machine.run("systemctl -q mask trial.service")
    require_reversible(machine, Unit(name="trial.service", content=service(7006)))
    machine.run("systemctl -q unmask trial.service; systemctl daemon-reload")


def test_a_unit_that_others_start_is_stopped_in_the_end(machine: Machine) -> None:
    unit = Unit(name="trial.service", content=service(7007), running=False)
    with machine.unharmed():
        assert machine.apply(unit) == ["changed"]
        machine.run("systemctl start trial.service")
        assert machine.apply(unit) == ["same"]
        machine.undo()


def test_a_unit_is_started_again_for_what_it_reads(machine: Machine) -> None:
    file = File(path="/etc/trial.conf", content="1")
    unit = Unit(name="trial.service", content=service(7008), watches=("/etc/trial.conf",))
    show = "systemctl show -p MainPID trial.service"
    with machine.unharmed():
        machine.apply(file, unit)
        first = machine.run(show)
        machine.run("printf 2 > /etc/trial.conf")
        assert machine.look(unit) == ["what it reads changed"]
        assert machine.apply(file, unit) == ["changed", "same"]  # it was started with what is there again
        assert machine.run(show) == first
        assert machine.apply(replace(file, content="2"), unit) == ["changed", "changed"]
        assert machine.run(show) != first
        machine.undo()


def test_a_unit_that_does_not_start_says_why_and_is_taken_back(machine: Machine) -> None:
    text = "[Service]\nExecStart=/bin/sh -c 'echo no luck today; exit 3'\nType=oneshot\n"
    with machine.unharmed():
        found, said = machine.attempt(Unit(name="trial.service", content=text, enabled=False))
        assert found == ["failed"]
        assert "no luck today" in said
        assert "unit trial.service does not start" in said
        machine.undo()


# ---- kernel ----------------------------------------------------------------------------------------------


def test_settings_of_the_kernel_that_we_or_others_change(any_shell: Machine) -> None:
    ours = Sysctl(name="net.ipv4.conf.all.arp_announce", value="2")
    theirs = Sysctl(name="net.ipv4.conf.all.arp_ignore")
    missing = Sysctl(name="net.ipv4.no_such_setting")
    with any_shell.unharmed():
        assert any_shell.apply(ours, theirs, missing) == ["changed", "changed", "same"]
        any_shell.run("echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore")
        assert any_shell.apply(ours, theirs, missing) == ["same", "same", "same"]
        any_shell.undo()


def test_modules_the_kernel_has_already_stay(machine: Machine) -> None:
    with machine.unharmed():
        assert machine.apply(Module(name="overlay")) == ["same"]
        found, said = machine.attempt(Module(name="no-such-module"))
        assert found == ["failed"]
        assert "no-such-module" in said
        machine.undo()


def test_modules_that_came_with_one_go_with_it_and_no_others(machine: Machine) -> None:
    # The kernel of the tests can't load modules, so what talks to it is stood in for.
    machine.node.run(["sh", "-c", "cat > /usr/local/sbin/modprobe"], input=MODPROBE)
    machine.run("printf '#!/bin/sh\necho rmmod \"$1\" >> /run/asked\n' > /usr/local/sbin/rmmod")
    machine.run("chmod 755 /usr/local/sbin/modprobe /usr/local/sbin/rmmod; rm -f /run/asked")
    try:
        assert machine.apply(Module(name="trial-one")) == ["changed"]
        machine.undo()
        assert machine.run("cat /run/asked").splitlines() == [
            "modprobe trial-one",
            "rmmod trial_one",
            "rmmod trial_needed",
        ]
    finally:
        machine.run("rm -f /usr/local/sbin/modprobe /usr/local/sbin/rmmod /run/asked")


def test_network_links(any_shell: Machine) -> None:
    any_shell.run("ip link add cni9 type bridge")
    with any_shell.unharmed():
        any_shell.apply(OwnedLinks(patterns=("cni*", "veth*")))
        any_shell.run("ip link add cni0 type bridge; ip link add veth1 type veth peer name veth2")
        any_shell.run("ip link set cni0 up; ip link set veth1 master cni0")
        any_shell.run("ip address add 192.0.2.1/24 dev cni0")
        any_shell.undo()
    any_shell.run("ip link delete cni9")


def test_routes(any_shell: Machine) -> None:
    claim = OwnedRoutes(networks=("10.244.0.0/16", "fd00:244::/48"))
    any_shell.run("ip link add trial0 type bridge; ip link set trial0 up")
    any_shell.run("ip address add 192.0.2.1/24 dev trial0; ip -6 address add fd00:1::1/64 dev trial0 nodad")
    any_shell.run("ip route add 10.244.9.0/24 via 192.0.2.9; ip route add 10.245.0.0/16 via 192.0.2.9")
    with any_shell.unharmed():
        any_shell.apply(claim)
        any_shell.run("ip route add 10.244.1.0/24 via 192.0.2.2 proto 77")
        any_shell.run("ip route add 10.244.2.0/24 dev trial0; ip route add blackhole 10.244.3.0/24")
        any_shell.run("ip -6 route add fd00:244:0:1::/64 via fd00:1::9")
        assert any_shell.apply(claim) == ["same"]
        any_shell.undo()
    any_shell.run("ip link delete trial0")


MODPROBE = """\
#!/bin/sh
if [ "$1" = --show-depends ]; then
  echo 'builtin trial_inside'
  echo 'insmod /lib/modules/1.2/kernel/fs/overlay.ko.xz index=off'
  echo 'insmod /lib/modules/1.2/kernel/trial-needed.ko'
  echo 'insmod /lib/modules/1.2/kernel/trial-one.ko.zst'
else
  echo modprobe "$@" >> /run/asked
fi
"""

OUR_RULES = """\
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-1 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals; it's \\"quoted\\"" -j KUBE-SERVICES
-A OUTPUT -g KUBE-SERVICES
-A POSTROUTING ! -s 192.0.2.0/24 -j KUBE-SVC-1
-A KUBE-SERVICES -d 192.0.2.7/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-1
-A KUBE-SVC-1 -j RETURN
COMMIT
*filter
:KUBE-FORWARD - [0:0]
-A FORWARD -j KUBE-FORWARD
-A KUBE-FOREIGN -j KUBE-FORWARD
-A KUBE-FORWARD -j ACCEPT
COMMIT
"""

FOREIGN_RULES = """\
*filter
:KUBE-FOREIGN - [0:0]
:MINE - [0:0]
-A INPUT -p tcp -m tcp --dport 7777 -m comment --comment "keep -j KUBE-FORWARD" -j ACCEPT
-A INPUT -j KUBE-FOREIGN
-A KUBE-FOREIGN -s 192.0.2.1/32 -j MINE
-A MINE -j DROP
COMMIT
"""


@pytest.mark.parametrize("foreign", [True, False], ids=["beside foreign rules", "alone"])
def test_netfilter_chains(any_shell: Machine, *, foreign: bool) -> None:
    node = any_shell.node
    if foreign:
        node.run(["iptables-restore"], input=FOREIGN_RULES)
        node.run(["ip6tables-restore"], input=FOREIGN_RULES.replace("192.0.2.1/32", "fd00::1/128"))
        any_shell.run("nft add table inet mine; nft add chain inet mine KUBE-MINE")
    rules = (
        OUR_RULES
        if foreign
        else "".join(f"{line}\n" for line in OUR_RULES.splitlines() if "FOREIGN" not in line)
    )
    claim = OwnedChains(prefixes=("KUBE-", "CNI-"))
    with any_shell.unharmed():
        any_shell.apply(claim)
        node.run(["iptables-restore", "--noflush"], input=rules)
        six = rules.replace("192.0.2.0/24", "fd00::/64").replace("192.0.2.7/32", "fd00::7/128")
        node.run(["ip6tables-restore", "--noflush"], input=six)
        assert any_shell.apply(claim) == ["same"]
        any_shell.undo()
    any_shell.run("nft flush ruleset")


# ---- mounts and accounts ----------------------------------------------------------------------------------


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


# ---- what programs leave ---------------------------------------------------------------------------------


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
