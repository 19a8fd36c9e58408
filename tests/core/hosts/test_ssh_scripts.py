"""Scripts and streams over a real sshd, and what happens when something comes between."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sealer.errors import HostError, HostUnreachable
from sealer.hosts import Connection, open_connection
from sealer.hosts.ssh import link
from sealer.testing.sshd import Sshd
from tests.core.hosts.conftest import TargetFactory

PATIENCE = 20.0


@pytest.fixture
async def host(server: Sshd, target: TargetFactory) -> AsyncIterator[Connection]:
    connection = await open_connection(target(server))
    yield connection
    await connection.close()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def test_a_script_prints_and_ends(host: Connection) -> None:
    lines: list[str] = []
    result = await host.run_script("echo out; echo one >&2; echo two >&2; exit 3", on_line=lines.append)
    assert (result.exit_status, result.stdout, result.stderr) == (3, "out\n", ("one", "two"))
    assert lines == ["one", "two"]
    assert result.lines == ("out",)
    assert not result.succeeded


async def test_a_script_has_nothing_to_read(host: Connection) -> None:
    result = await host.run_script("cat; read -r line || echo nothing")
    assert result.stdout == "nothing\n"


async def test_a_script_of_half_a_megabyte(host: Connection) -> None:
    script = "\n".join([*(f"v{number}={'x' * 90}" for number in range(5000)), "echo ${#v4999}"])
    assert (await host.run_script(script)).stdout == "90\n"


async def test_a_signal_is_a_status_as_sh_writes_it(host: Connection) -> None:
    assert (await host.run_script("kill -s KILL $$")).exit_status == 128 + signal.SIGKILL


async def test_the_host_shows_no_script_in_its_process_list(host: Connection) -> None:
    word = uuid.uuid4().hex  # no process of anybody else has it
    script = f"p={word}\nfor f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; echo; done 2>/dev/null"
    shown = (await host.run_script(script)).stdout
    assert "sealer-ready" in shown
    assert word not in shown
    shown = (await host.send(f"{script}\ncat", _chunks(word.encode()))).stdout
    assert shown.count(word) == 1


async def test_many_scripts_at_once(host: Connection) -> None:
    results = await asyncio.gather(*(host.run_script(f"echo {number}") for number in range(30)))
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(30)]


async def test_no_more_scripts_at_once_than_the_settings_say(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    connection = await open_connection(target(server, sessions=2))
    # Each script counts those that run beside it.
    script = f"mkdir -p {tmp_path}/r; cd {tmp_path}/r; touch $$; ls | wc -l; sleep 0.1; rm $$"
    results = await asyncio.gather(*(connection.run_script(script) for _ in range(6)))
    await connection.close()
    assert max(int(result.stdout) for result in results) == 2


@pytest.mark.parametrize("allowed", [1, 2])
async def test_a_host_that_allows_few_sessions(tmp_path: Path, target: TargetFactory, allowed: int) -> None:
    with Sshd(tmp_path / "sshd", options=[f"MaxSessions {allowed}"]) as server:
        connection = await open_connection(target(server))
        scripts = (connection.run_script(f"sleep 0.05; echo {number}") for number in range(8))
        results = await asyncio.gather(*scripts)
        one_more = await connection.run_script("echo more")
        await connection.close()
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(8)]
    assert one_more.stdout == "more\n"


async def test_a_host_that_allows_no_session(tmp_path: Path, target: TargetFactory) -> None:
    with (
        Sshd(tmp_path / "sshd", options=["MaxSessions 0"]) as server,
        pytest.raises(HostError, match="refuses to open a session") as caught,
    ):
        await open_connection(target(server))
    assert "MaxSessions" in str(caught.value.hint)


async def test_what_a_script_leaves_running_is_not_waited_for(host: Connection, tmp_path: Path) -> None:
    started = time.monotonic()
    result = await host.run_script(f"sleep 30 & echo $! > {tmp_path}/pid; echo done")
    assert result.stdout == "done\n"
    assert time.monotonic() - started < 10
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)


async def test_a_script_that_takes_too_long_is_ended_with_all_it_started(
    host: Connection, tmp_path: Path
) -> None:
    script = (
        f"trap '' HUP PIPE INT\nsleep 100 & echo $! > {tmp_path}/pid\nsleep 100\ntouch {tmp_path}/went-on"
    )
    with pytest.raises(HostError, match=r"did not finish within 0\.3 seconds; it was ended") as caught:
        await host.run_script(script, timeout=0.3)
    assert caught.value.retryable
    process = int((tmp_path / "pid").read_text())
    await until(lambda: not _runs(process))
    assert not (tmp_path / "went-on").exists()
    assert (await host.run_script("echo next")).stdout == "next\n"


async def test_a_script_that_takes_too_long_is_ended_where_one_session_is_allowed(
    tmp_path: Path, target: TargetFactory
) -> None:
    with Sshd(tmp_path / "sshd", options=["MaxSessions 1"]) as server:
        connection = await open_connection(target(server))
        with pytest.raises(HostError, match="it was ended"):
            await connection.run_script(f"echo $$ > {tmp_path}/pid; sleep 100; :", timeout=0.3)
        await connection.close()
    assert not _runs(int((tmp_path / "pid").read_text()))


async def test_a_script_is_ended_in_time_though_others_wait(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    connection = await open_connection(target(server, sessions=1))
    late = asyncio.create_task(connection.run_script(f"echo $$ > {tmp_path}/pid; sleep 100; :", timeout=0.3))
    await asyncio.sleep(0)
    # The others end only after the late one was: waiting for them would never end.
    waiting = f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    others = [asyncio.create_task(connection.run_script(waiting)) for _ in range(3)]
    with pytest.raises(HostError, match="it was ended"):
        await late
    assert not _runs(int((tmp_path / "pid").read_text()))
    (tmp_path / "go").touch()
    await asyncio.gather(*others)
    await connection.close()


async def test_endless_output_is_stopped(host: Connection) -> None:
    with pytest.raises(HostError, match="printed more than"):
        await host.run_script("yes")
    assert (await host.run_script("echo next")).stdout == "next\n"


async def test_a_script_goes_on_when_the_connection_is_cut(
    server: Sshd, host: Connection, tmp_path: Path
) -> None:
    script = f"""
trap '' HUP PIPE
touch {tmp_path}/began
until [ -e {tmp_path}/go ]; do sleep 0.02; done
echo this goes nowhere
echo neither does this >&2
touch {tmp_path}/ended
"""
    running = asyncio.create_task(host.run_script(script))
    await until((tmp_path / "began").exists)
    server.cut()
    with pytest.raises(HostUnreachable, match="lost while a script ran") as caught:
        await running
    assert caught.value.retryable
    (tmp_path / "go").touch()
    await until((tmp_path / "ended").exists)
    # The next script connects again by itself.
    assert (await host.run_script("echo again")).stdout == "again\n"


async def test_a_script_goes_on_when_the_operator_is_killed(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    settings = target(server).ssh
    assert settings is not None
    script = f"""
trap '' HUP PIPE
touch {tmp_path}/began
until [ -e {tmp_path}/go ]; do sleep 0.02; done
echo this goes nowhere
touch {tmp_path}/ended
"""
    program = f"""
        import asyncio
        from pathlib import Path
        from sealer.hosts import SshSettings, Target, open_connection

        async def main():
            settings = SshSettings(
                user={settings.user!r}, port={settings.port},
                private_key=Path({str(settings.private_key)!r}),
                known_hosts=Path({str(settings.known_hosts)!r}),
            )
            connection = await open_connection(Target(name="n1", address="127.0.0.1", ssh=settings))
            await connection.run_script({script!r})

        asyncio.run(main())
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    operator = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], env=environment)
    try:
        await until((tmp_path / "began").exists)
    finally:
        operator.kill()
        operator.wait()
    (tmp_path / "go").touch()
    await until((tmp_path / "ended").exists)


async def test_a_cancelled_script_goes_on_and_frees_its_place(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    connection = await open_connection(target(server, sessions=1))
    script = f"trap '' HUP PIPE; touch {tmp_path}/began; sleep 0.2; echo x; touch {tmp_path}/ended"
    running = asyncio.create_task(connection.run_script(script))
    await until((tmp_path / "began").exists)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await connection.run_script("echo next")).stdout == "next\n"
    await until((tmp_path / "ended").exists)
    await connection.close()


async def test_a_link_that_went_silent_is_noticed(
    server: Sshd, target: TargetFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(link, "KEEPALIVE_SECONDS", 0.1)
    connection = await open_connection(target(server))
    script = f"echo $$ > {tmp_path}/pid; touch {tmp_path}/began; exec sleep 100"
    running = asyncio.create_task(connection.run_script(script))
    await until((tmp_path / "began").exists)
    frozen = server.sessions()
    for process in frozen:
        os.kill(process, signal.SIGSTOP)
    with pytest.raises(HostUnreachable, match="not responding"):
        await running
    await connection.close()
    for process in frozen:
        os.kill(process, signal.SIGCONT)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)


async def test_a_link_that_breaks_before_a_script_began_costs_nothing(server: Sshd, host: Connection) -> None:
    server.cut()
    await asyncio.sleep(0.1)
    assert (await host.run_script("echo first")).stdout == "first\n"


async def test_closing_ends_the_wait_for_scripts(server: Sshd, target: TargetFactory) -> None:
    connection = await open_connection(target(server))
    running = asyncio.create_task(connection.run_script("sleep 1"))
    await asyncio.sleep(0.05)
    await connection.close()
    with pytest.raises(HostUnreachable, match="closed"):
        await running
    with pytest.raises(HostUnreachable, match="closed"):
        await connection.run_script("echo no")


async def test_a_file_of_64_megabytes_arrives_whole(host: Connection, tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1024 * 1024) * 64)
    moved: list[int] = []
    result = await host.send(
        f"cat > {tmp_path}/copy && sha256sum < {tmp_path}/copy", source, on_progress=moved.append
    )
    assert result.stdout.split()[0] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert moved == sorted(moved)
    assert moved[-1] == size


async def test_a_stream_of_chunks_of_any_size_arrives_whole(host: Connection) -> None:
    chunks = [b"", b"a", b"\0" * 100_000, b"\r\n" * 3, b"z" * 3_000_000, b""]
    result = await host.send("sha256sum", _chunks(*chunks))
    assert result.stdout.split()[0] == hashlib.sha256(b"".join(chunks)).hexdigest()


async def test_a_slow_reader_holds_the_sender_back(host: Connection, tmp_path: Path) -> None:
    moved = [0]
    sending = asyncio.create_task(
        host.send(
            f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; wc -c",
            _chunks(*[bytes(1024 * 1024)] * 32),
            on_progress=moved.append,
        )
    )
    previous = -1
    while previous != moved[-1]:
        previous = moved[-1]
        await asyncio.sleep(0.3)
    assert moved[-1] <= 8 * 1024 * 1024
    (tmp_path / "go").touch()
    assert (await sending).stdout.strip() == str(32 * 1024 * 1024)


async def test_a_reader_that_ends_early_ends_the_stream(host: Connection) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield bytes(64 * 1024)

    result = await host.send("head -c 5 | wc -c; echo 'disk full' >&2; exit 28", endless())
    assert (result.exit_status, result.stderr) == (28, ("disk full",))
    assert sent < 1000


async def test_a_source_that_fails_is_the_error(host: Connection, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError, match="gone"):
        await host.send("cat >/dev/null", broken())
    with pytest.raises(FileNotFoundError):
        await host.send("cat >/dev/null", tmp_path / "nothing")
    assert (await host.run_script("echo next")).stdout == "next\n"


async def test_a_stream_is_cut(server: Sshd, host: Connection, tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(64 * 1024)

    sending = asyncio.create_task(
        host.send(f"trap '' HUP PIPE; cat > {tmp_path}/part; touch {tmp_path}/ended", endless())
    )
    await until(lambda: (tmp_path / "part").exists() and (tmp_path / "part").stat().st_size > 1_000_000)
    server.cut()
    with pytest.raises(HostUnreachable):
        await sending
    await until((tmp_path / "ended").exists)
    assert (await host.run_script("echo again")).stdout == "again\n"


async def test_files_are_read_byte_by_byte(host: Connection, tmp_path: Path) -> None:
    name = tmp_path / "it's a $file"
    name.write_bytes(bytes(range(256)) * 100 + b"\n\n")
    assert await host.read_file(str(name)) == name.read_bytes()
    assert await host.read_file(str(name), limit=25_602) == name.read_bytes()


async def test_files_that_can_not_be_read(host: Connection, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(1001))
    with pytest.raises(HostError, match="larger than 1000 bytes"):
        await host.read_file(str(tmp_path / "large"), limit=1000)
    with pytest.raises(HostError, match=r"nothing can't be read: .*No such file"):
        await host.read_file(str(tmp_path / "nothing"))
    with pytest.raises(HostError, match="can't be read"):
        await host.read_file(str(tmp_path))


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
