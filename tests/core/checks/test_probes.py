"""The probes of core, run by real shells on this machine: they answer, change nothing, and need no bash."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealer.cluster.checks import Given, Round, ask_together, core_checks
from sealer.cluster.checks.between import LISTENING, REACH, REACHED
from sealer.cluster.checks.together import round_script
from sealer.errors import HostUnreachable
from sealer.hosts.connection import Connection, LineSink, ScriptResult
from sealer.hosts.local import LocalConnection
from sealer.model import Probe
from tests.core.checks.examples import machine
from tests.core.cluster.examples import cluster
from tests.shells import every_shell

PROBES = {probe.name: probe for check in core_checks() for probe in check.probes()}
# This machine may have no sshd or no name server.
MAY_FAIL = {"core/sshd", "core/wildcard"}


def ask(shell: tuple[str, ...], probe: Probe) -> subprocess.CompletedProcess[str]:
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    return subprocess.run(
        shell, input=probe.script, capture_output=True, text=True, check=False, env=path, timeout=30
    )


@every_shell
@pytest.mark.parametrize("name", sorted(set(PROBES) - MAY_FAIL))
def test_a_probe_answers_in_any_shell(shell: tuple[str, ...], name: str) -> None:
    done = ask(shell, PROBES[name])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("name", sorted(PROBES))
def test_a_probe_does_not_write(name: str) -> None:
    """Redirections lead to /dev/null or to nothing, and no program in it changes anything."""
    script = PROBES[name].script.replace(">/dev/null", "").replace("2>&1", "")
    assert ">" not in script.replace("->", "")
    assert not {"rm", "mv", "tee", "touch", "mkdir", "sysctl", "mount"} & set(script.split()) - {"mount"}


def test_probes_of_one_name_are_the_same() -> None:
    scripts: dict[str, set[str]] = {}
    for check in core_checks():
        for probe in check.probes():
            scripts.setdefault(probe.name, set()).add(probe.script)
    assert {name for name, found in scripts.items() if len(found) > 1} == set()


@every_shell
def test_links_and_closed_directories_on_the_way_to_the_data_root_are_seen(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/closed").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    given = Given(data_root=f"{tmp_path}/link/closed/sealer")
    (probe,) = [p for check in core_checks(given) if check.id == "data-root" for p in check.probes()]
    lines = ask(shell, probe).stdout.splitlines()
    assert f"link {tmp_path}/link" in lines
    assert f"closed {tmp_path}/link/closed" in lines
    assert f"writable {tmp_path}/link/closed" in lines


@every_shell
def test_missing_programs_are_seen(shell: tuple[str, ...], tmp_path: Path) -> None:
    for program in ("tar", "gzip"):
        (tmp_path / program).symlink_to(f"/bin/{program}")
    interpreter = Path("/bin") / shell[0]
    done = subprocess.run(
        [interpreter, *shell[1:]],
        input=PROBES["core/missing-programs"].script,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": str(tmp_path)},
    )
    said = done.stdout.split()
    assert "systemctl" in said
    assert "tar" not in said


@every_shell
def test_the_scripts_of_the_second_round_parse(shell: tuple[str, ...]) -> None:
    view = cluster(machine(1), machine(2))
    probes = tuple(p for check in core_checks() for p in check.probes_for(view, view.hosts[1]))
    assert probes
    for script in (
        round_script(Round(probes=probes, ports=("1", "2/udp")), mark="m"),
        *(p.script for p in probes),
    ):
        done = subprocess.run([*shell, "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _greet(server: socket.socket) -> None:
    server.accept()[0].close()


def reach_probe(*ways: tuple[str, int | str]) -> Probe:
    words = " ".join(f"{address},{port}" for address, port in ways)
    return Probe(name=REACHED, script=REACH.replace("WAYS", words))


@every_shell
@pytest.mark.parametrize("hidden", [(), ("python3",), ("python3", "perl"), ("python3", "perl", "bash")])
def test_ports_are_tried_with_whatever_program_there_is(
    shell: tuple[str, ...], hidden: tuple[str, ...], tmp_path: Path
) -> None:
    """With ever fewer programs on the PATH: python3, perl, bash, and busybox's nc."""
    for directory in ("/usr/bin", "/bin"):
        for name in ("python3", "perl", "bash", "timeout", "sh"):
            if name not in hidden and Path(directory, name).exists():
                (tmp_path / name).unlink(missing_ok=True)
                (tmp_path / name).symlink_to(f"{directory}/{name}")
    (tmp_path / "nc").symlink_to("/bin/busybox")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        there, closed = server.getsockname()[1], free_port()
        # Some nc wait until the server ends the connection.
        greeter = threading.Thread(target=_greet, args=(server,))
        greeter.start()
        done = subprocess.run(
            [Path("/bin") / shell[0], *shell[1:]],
            input=reach_probe(("127.0.0.1", there), ("127.0.0.1", closed)).script,
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": str(tmp_path), "LC_ALL": "C"},
            timeout=30,
        )
        greeter.join()
    assert sorted(done.stdout.splitlines()) == sorted(
        [f"127.0.0.1 {there} open", f"127.0.0.1 {closed} refused", "end"]
    )


async def test_hosts_listen_while_others_ask_and_stop_in_the_end() -> None:
    port = free_port()
    hosts: dict[str, Connection] = {"a": LocalConnection("a"), "b": LocalConnection("b")}
    asked = {
        "a": Round(ports=(str(port),)),
        "b": Round(probes=(reach_probe(("127.0.0.1", port)),)),
    }
    answers = await ask_together(hosts, asked)
    assert answers["a"][LISTENING] == f"{port} ."
    assert answers["b"] == {REACHED: f"127.0.0.1 {port} open\nend", LISTENING: "."}
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


@pytest.mark.parametrize("listener", ["python3", "perl"])
@pytest.mark.parametrize("asking", ["python3", "perl", "bash"])
def test_packets_are_sent_back(listener: str, asking: str, tmp_path: Path) -> None:
    """A port for packets is tried like the others, whatever program a host has for it."""
    port, closed = free_port(), free_port()
    for kind in (listener, asking):
        paths = tmp_path / kind
        paths.mkdir(exist_ok=True)
        for name in {kind, "sh", "timeout"}:
            (paths / name).unlink(missing_ok=True)
            (paths / name).symlink_to(f"/usr/bin/{name}")
    script = round_script(Round(ports=(f"{port}/udp",), address="127.0.0.1"), mark="m")
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": str(tmp_path / listener)},
    ) as host:
        assert host.stdin is not None
        assert host.stderr is not None
        assert [host.stderr.readline() for _ in range(2)] == [
            f"sealer-listening {port}/udp\n",
            "sealer-ready\n",
        ]
        done = subprocess.run(
            ["/bin/sh"],
            input=reach_probe(("127.0.0.1", f"{port}/udp"), ("127.0.0.1", f"{closed}/udp")).script,
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": str(tmp_path / asking), "LC_ALL": "C"},
            timeout=30,
        )
        host.communicate("go\nend\n", timeout=30)
    assert sorted(done.stdout.splitlines()) == sorted(
        [f"127.0.0.1 {port}/udp open", f"127.0.0.1 {closed}/udp refused", "end"]
    )


async def test_a_port_in_use_is_not_listened_on() -> None:
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        port = server.getsockname()[1]
        answers = await ask_together({"a": LocalConnection("a")}, {"a": Round(ports=(str(port),))})
    assert answers["a"][LISTENING] == "."


class Broken:
    """A host whose connection is lost as soon as it is asked."""

    host = "broken"

    async def send(
        self,
        script: str,
        source: AsyncIterator[bytes],
        *,
        on_line: LineSink,
        timeout: float,
    ) -> ScriptResult:
        raise HostUnreachable("gone", host=self.host)


async def test_nobody_waits_for_a_host_that_is_lost() -> None:
    hosts = {"a": LocalConnection("a"), "broken": Broken()}
    asked = {"a": Round(probes=(Probe(name="x", script="echo y"),)), "broken": Round()}
    async with asyncio.timeout(15):
        answers = await ask_together(hosts, asked)  # type: ignore[arg-type]  # what is used of a connection
    assert answers["a"]["x"] == "y"
    assert answers["broken"] == {}
