from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealer.errors import HostError
from sealer.hosts import LocalConnection, observe
from sealer.hosts.facts import observation_script, platform_of, read_answers, read_facts
from sealer.model import Platform, Probe

MARK = "sealer-0123"

ANSWERS = {
    "began": "1700000000.25",
    "ended": "1700000000.75",
    "system": "Linux",
    "machine": "x86_64",
    "hostname": "node1",
    "kernel": "6.1.0",
    "release": 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\n',
    "init": "systemd",
    "machine-id": "0123456789abcdef",
    "cpus": "4",
    "memory": "1024",
    "cgroup": "2",
    "disk": "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a disk 900 100 800 12% /mnt/a b",
}


def ask(probes: list[Probe], *shell: str, path: str | None = None) -> dict[str, str]:
    script = observation_script(probes, data_root="/var/lib/sealer/not/yet", mark=MARK)
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    done = subprocess.run(
        [*shell, "-c", script], capture_output=True, check=False, env=environment, timeout=60
    )
    return read_answers(done.stdout.decode(errors="replace"), mark=MARK)


async def test_this_machine() -> None:
    connection = LocalConnection("here")
    facts = await observe(connection, [], data_root="/var/lib/sealer/not/yet")
    await connection.close()
    assert facts.hostname == os.uname().nodename
    assert facts.kernel == os.uname().release
    assert facts.platform == platform_of("Linux", os.uname().machine)
    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.memory == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < facts.disk_free <= os.statvfs("/").f_blocks * os.statvfs("/").f_frsize
    assert facts.cgroup_version == (2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1)
    assert facts.init in {"systemd", "openrc", "sysvinit", "unknown"}
    assert abs(facts.clock_offset) < 5


@pytest.mark.parametrize(
    "shell", [("dash",), ("bash", "--posix"), ("busybox", "sh")], ids=lambda words: words[0]
)
@pytest.mark.parametrize("hidden", [False, True], ids=["in the environment", "above sudo"])
def test_the_address_is_that_which_ssh_came_to(
    shell: tuple[str, ...], hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50022 10.1.2.3 22")
    words = ("sh", "-c", 'env -u SSH_CONNECTION "$@"; :', "sh", *shell) if hidden else shell
    assert ask([], *words)["address"] == "10.1.2.3"


@pytest.mark.parametrize("connection", ["", "127.0.0.1 1 127.0.0.1 22", "fe80::1%e 1 fe80::2%e 22"])
def test_another_address_is_found_where_ssh_tells_none(
    connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    route = ["ip", "-4", "route", "get", "192.0.2.1"]
    found = subprocess.run(route, capture_output=True, text=True, check=False).stdout
    answer = ask([], "sh")["address"]
    assert answer == "" or f" src {answer} " in found


@pytest.mark.parametrize("answer", ["", "x", "127.0.0.1", "::1", "fe80::1", "0.0.0.0", "1.2.3.4\n5.6.7.8"])
def test_an_address_that_others_can_not_use_is_none(answer: str) -> None:
    facts = read_facts("n1", {**ANSWERS, "address": answer}, [], sent=0, received=0)
    assert facts.address == ""


def test_busybox_alone_can_answer(tmp_path: Path) -> None:
    for applet in subprocess.run(
        ["busybox", "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        (tmp_path / applet).symlink_to(
            "/bin/busybox" if Path("/bin/busybox").exists() else "/usr/bin/busybox"
        )
    probe = Probe(name="test/shell", script="readlink -f /proc/$$/exe")
    answers = ask([probe], str(tmp_path / "sh"), path=str(tmp_path))
    assert answers["test/shell"].endswith("busybox")
    now = time.time()
    facts = read_facts("n1", answers, [probe], sent=now, received=now)
    assert facts.hostname == os.uname().nodename
    assert facts.memory == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert abs(facts.clock_offset) < 5


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")], ids=" ".join)
def test_probes_do_not_harm_one_another(shell: tuple[str, ...]) -> None:
    probes = [
        Probe(name="test/broken", script="if then ("),
        Probe(name="test/failed", script="echo half; exit 3"),
        Probe(name="test/variable", script="LC_ALL=x; PATH=/nonexistent; cd /"),
        Probe(name="test/exec", script="exec echo replaced"),
        Probe(name="test/input", script="cat </dev/null; echo after"),
        Probe(name="test/complains", script="echo loud >&2; echo quiet"),
        Probe(name="test/forged", script="echo sealer-9999 end 0; echo it"),
        Probe(name="test/last", script="echo it\\'s; echo; echo"),
    ]
    answers = ask(probes, *shell)
    facts = read_facts("n1", {**answers, **ANSWERS}, probes, sent=0, received=0)
    assert dict(facts.answers) == {
        "test/broken": "",
        "test/failed": "",
        "test/variable": "",
        "test/exec": "replaced",
        "test/input": "after",
        "test/complains": "quiet",
        "test/forged": "sealer-9999 end 0\nit",
        "test/last": "it's\n\n",
    }


def test_any_answer_comes_through() -> None:
    texts = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=3)

    @settings(max_examples=40)
    @given(texts)
    def check(answers: list[str]) -> None:
        probes = [
            Probe(name=f"test/{number}", script=f"printf %s {shlex.quote(answer)}")
            for number, answer in enumerate(answers)
        ]
        found = ask(probes, "sh")
        assert [found[probe.name] for probe in probes] == [text.removesuffix("\n") for text in answers]

    check()


def test_answers_in_oci_terms() -> None:
    facts = read_facts("n1", ANSWERS, [], sent=1700000000, received=1700000001)
    assert facts.platform == Platform(os="linux", architecture="amd64")
    assert facts.operating_system == "debian 12"
    assert facts.memory == 1024 * 1024
    assert facts.disk_free == 800 * 1024
    assert (facts.init, facts.cpus, facts.cgroup_version) == ("systemd", 4, 2)


@pytest.mark.parametrize(
    ("machine", "platform"),
    [
        ("x86_64", "linux/amd64"),
        ("aarch64", "linux/arm64/v8"),
        ("armv7l", "linux/arm/v7"),
        ("armv6l", "linux/arm/v6"),
        ("i686", "linux/386"),
        ("ppc64le", "linux/ppc64le"),
        ("s390x", "linux/s390x"),
        ("riscv64", "linux/riscv64"),
        ("sparc64", "linux/sparc64"),
    ],
)
def test_machines(machine: str, platform: str) -> None:
    assert str(platform_of("Linux", machine)) == platform


@pytest.mark.parametrize(
    ("sent", "received", "offset"),
    [(1700000000, 1700000001, 0), (1699999990, 1699999991, 10), (1700000005, 1700000006, -5)],
)
def test_the_clock_is_compared_in_the_middle(sent: float, received: float, offset: float) -> None:
    facts = read_facts("n1", ANSWERS, [], sent=sent, received=received)
    assert facts.clock_offset == pytest.approx(offset)


@pytest.mark.parametrize("date", ["1700000000", "1700000000.%N", "1700000000."])
def test_a_date_without_fractions_means_the_middle_of_its_second(date: str) -> None:
    answers = {**ANSWERS, "began": date, "ended": date}
    facts = read_facts("n1", answers, [], sent=1700000000.5, received=1700000000.5)
    assert facts.clock_offset == 0


def test_a_host_without_os_release_is_unknown_and_no_error() -> None:
    answers = {name: answer for name, answer in ANSWERS.items() if name != "release"}
    assert read_facts("n1", answers, [], sent=0, received=0).operating_system == "unknown"


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {"release", "machine-id"}))
def test_a_missing_answer_is_an_error_that_names_host_and_question(name: str) -> None:
    answers = {key: answer for key, answer in ANSWERS.items() if key != name}
    with pytest.raises(HostError, match=f"^n1: .* its {name} makes no sense"):
        read_facts("n1", answers, [], sent=0, received=0)


@given(st.dictionaries(st.sampled_from(sorted(ANSWERS)), st.text()))
def test_nonsense_is_an_error_and_never_a_crash(changes: dict[str, str]) -> None:
    with contextlib.suppress(HostError):
        read_facts("n1", {**ANSWERS, **changes}, [], sent=0, received=0)
