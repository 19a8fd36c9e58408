from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealer.errors import HostError, HostUnreachable
from sealer.hosts import Connection, LocalConnection, is_local
from tests.core.hosts.servers import chunks


@pytest.fixture
async def host() -> AsyncIterator[Connection]:
    connection = LocalConnection("here")
    await connection.connect()
    yield connection
    await connection.close()


async def test_a_script_prints_and_ends(host: Connection) -> None:
    lines: list[str] = []
    result = await host.run_script("pwd; cat; echo err >&2; exit 3", on_line=lines.append)
    assert (result.exit_status, result.stdout, result.stderr, lines) == (3, "/\n", ("err",), ["err"])


async def test_a_signal_is_a_status_as_sh_writes_it(host: Connection) -> None:
    assert (await host.run_script("kill -s TERM $$")).exit_status == 128 + signal.SIGTERM


async def test_many_scripts_at_once(host: Connection) -> None:
    results = await asyncio.gather(*(host.run_script(f"echo {number}") for number in range(20)))
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(20)]


async def test_a_stream_arrives_whole(host: Connection, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(os.urandom(5_000_001))
    result = await host.send(f"cmp - {tmp_path}/source && echo same", tmp_path / "source")
    assert result.stdout == "same\n"
    assert (await host.send("wc -c", chunks(b"abc", b"", b"d"))).stdout.strip() == "4"


async def test_a_reader_that_ends_early_ends_the_stream(host: Connection) -> None:
    result = await host.send("exit 28", chunks(*[bytes(1_000_000)] * 20))
    assert result.exit_status == 28


async def test_files_are_read_byte_by_byte(host: Connection, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 10)
    assert await host.read_file(str(tmp_path / "file")) == bytes(range(256)) * 10
    with pytest.raises(HostError, match="No such file"):
        await host.read_file(str(tmp_path / "nothing"))


async def test_a_script_that_takes_too_long_is_ended(host: Connection, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"did not finish within 0\.2 seconds; it was ended"):
        await host.run_script(f"trap '' HUP; echo $$ > {tmp_path}/pid; sleep 100; :", timeout=0.2)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip(), "cwd").exists()


async def test_what_a_script_leaves_running_is_not_waited_for(host: Connection, tmp_path: Path) -> None:
    started = time.monotonic()
    assert (await host.run_script(f"sleep 30 & echo $! > {tmp_path}/pid; echo done")).stdout == "done\n"
    assert time.monotonic() - started < 10
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)


async def test_a_cancelled_script_goes_on(host: Connection, tmp_path: Path) -> None:
    script = f"trap '' PIPE; touch {tmp_path}/began; sleep 0.2; echo x; touch {tmp_path}/ended"
    running = asyncio.create_task(host.run_script(script))
    while not (tmp_path / "began").exists():
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    while not (tmp_path / "ended").exists():
        await asyncio.sleep(0.01)


def test_a_script_goes_on_when_the_operator_is_killed(tmp_path: Path) -> None:
    script = f"trap '' HUP PIPE; touch {tmp_path}/began; sleep 0.2; echo x; touch {tmp_path}/ended"
    program = (
        "import asyncio; from sealer.hosts import LocalConnection\n"
        f"async def main(): await LocalConnection('here').run_script({script!r})\n"
        "asyncio.run(main())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    operator = subprocess.Popen([sys.executable, "-c", program], env=environment)
    while not (tmp_path / "began").exists():
        time.sleep(0.01)
    operator.kill()
    operator.wait()
    while not (tmp_path / "ended").exists():
        time.sleep(0.01)


@pytest.mark.parametrize("runs", [True, False], ids=["while it runs", "while it starts"])
async def test_closing_ends_the_wait_for_scripts(tmp_path: Path, runs: bool) -> None:
    connection = LocalConnection("here")
    began = tmp_path / "began"
    running = asyncio.create_task(connection.run_script(f"touch {began}; sleep 5"))
    await asyncio.sleep(0)
    while runs and not began.exists():
        await asyncio.sleep(0.01)
    await connection.close()
    with pytest.raises(HostUnreachable):
        await running


async def test_nothing_stays_open() -> None:
    host = LocalConnection("here")
    before = len(list(Path("/proc/self/fd").iterdir()))
    await asyncio.gather(*(host.run_script("true") for _ in range(10)))
    async with asyncio.timeout(20):
        while len(list(Path("/proc/self/fd").iterdir())) > before:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("no.invalid", False),
    ],
)
def test_own_addresses(address: str, own: bool) -> None:
    assert is_local(address) is own


def test_addresses_of_this_machine_but_no_others() -> None:
    """In a network of its own, where every address can be bound as if it were the machine's own."""
    program = """
        ip link set lo up
        ip link add outside type veth peer name cable
        ip link set cable up
        ip addr add 192.0.2.10/24 dev outside
        ip addr add 2001:db8::10/64 dev outside nodad
        ip link set outside up
        echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind
        echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind
        exec "$0" -c 'from sealer.hosts import is_local; import sys; print(*map(is_local, sys.argv[1:]))' \
            192.0.2.10 192.0.2.11 2001:db8::10 2001:db8::11 198.51.100.1
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        ["unshare", "--net", "sh", "-e", "-c", program, sys.executable],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout == "True False True False False\n"
