"""Jump hosts: the way through them, how often they are logged in to, and which of them an error names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.errors import AuthenticationFailed, HostError, HostKeyRejected, HostUnreachable
from sealer.hosts import (
    HostKeyPolicy,
    SshSettings,
    Target,
    close_connections,
    open_connection,
    open_connections,
)
from sealer.testing.sshd import Sshd, free_port, make_key
from tests.core.hosts.conftest import TargetFactory


@pytest.fixture
def bastion(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path / "bastion") as running:
        yield running


@pytest.fixture
def hop(bastion: Sshd, target: TargetFactory, tmp_path: Path) -> Target:
    known = tmp_path / "known_bastion"
    known.write_text(bastion.known_hosts_line())
    return replace(target(bastion, known_hosts=known), name="bastion")


def logins(server: Sshd) -> int:
    return server.log.read_text().count("Accepted publickey")


async def test_hosts_behind_a_jump_host_share_one_connection_to_it(
    server: Sshd, bastion: Sshd, hop: Target, target: TargetFactory
) -> None:
    behind = target(server, jump=(hop,))
    targets = [replace(behind, name=f"n{number}") for number in range(8)]
    connections = await open_connections(targets)
    try:
        names = []
        for connection in connections.values():
            assert not isinstance(connection, HostError)
            names.append((await connection.run_script("echo $SSH_CONNECTION | cut -d ' ' -f 4")).stdout)
        assert names == [f"{server.port}\n"] * 8
        assert logins(bastion) == 1
        assert logins(server) == 8
    finally:
        await close_connections(connections.values())
    await ended(bastion)


async def test_a_chain_of_jump_hosts(
    server: Sshd, bastion: Sshd, hop: Target, target: TargetFactory, tmp_path: Path
) -> None:
    with Sshd(tmp_path / "second") as second:
        known = tmp_path / "known_second"
        known.write_text(second.known_hosts_line())
        inner = replace(target(second, known_hosts=known), name="second")
        connection = await open_connection(target(server, jump=(hop, inner)))
        assert (logins(bastion), logins(second), logins(server)) == (1, 1, 1)
        await connection.close()
        await ended(second)
    await ended(bastion)


async def test_a_lost_jump_host_is_logged_in_to_again(
    server: Sshd, bastion: Sshd, hop: Target, target: TargetFactory
) -> None:
    connection = await open_connection(target(server, jump=(hop,)))
    try:
        running = asyncio.create_task(connection.run_script("sleep 30"))
        await connection.run_script(":")
        bastion.cut()
        with pytest.raises(HostUnreachable):
            await running
        assert (await connection.run_script("echo again")).stdout == "again\n"
        assert logins(bastion) == 2
    finally:
        await connection.close()


async def test_every_hop_has_its_own_key_and_its_own_host_key(
    server: Sshd, bastion: Sshd, hop: Target, target: TargetFactory, tmp_path: Path
) -> None:
    assert hop.ssh is not None
    stranger = tmp_path / "stranger"
    make_key(stranger)
    with pytest.raises(AuthenticationFailed, match=f"jump host bastion: login as .* tried key {stranger}"):
        await open_connection(target(server, jump=(with_ssh(hop, private_key=stranger),)))
    empty = tmp_path / "empty"
    with pytest.raises(HostKeyRejected, match="jump host bastion: the host key is not known") as caught:
        await open_connection(target(server, jump=(with_ssh(hop, known_hosts=empty),)))
    assert caught.value.host == "n1"
    assert logins(server) == 0
    with pytest.raises(HostKeyRejected, match=r"^n1: the host key is not known") as caught:
        await open_connection(target(server, jump=(hop,), known_hosts=empty))
    assert "hostKeyFingerprints" in str(caught.value.hint)
    assert "ssh-keyscan" not in str(caught.value.hint)


async def test_new_keys_are_recorded_at_every_hop(
    server: Sshd, bastion: Sshd, hop: Target, target: TargetFactory, tmp_path: Path
) -> None:
    new = {
        "known_hosts": tmp_path / "empty",
        "recorded_hosts": tmp_path / "recorded",
        "host_key_policy": HostKeyPolicy.ACCEPT_NEW,
    }
    connection = await open_connection(target(server, jump=(with_ssh(hop, **new),), **new))
    await connection.close()
    recorded = (tmp_path / "recorded").read_text()
    assert recorded == bastion.known_hosts_line() + server.known_hosts_line()


async def test_a_jump_host_that_is_down_is_tried_for_all_hosts_at_once(
    target: TargetFactory, server: Sshd
) -> None:
    settings = SshSettings(port=free_port(), attempts=2)
    down = Target(name="bastion", address="127.0.0.1", ssh=settings)
    behind = target(server, jump=(down,))
    began = asyncio.get_running_loop().time()
    outcomes = await open_connections([replace(behind, name=f"n{number}") for number in range(8)])
    for name, error in outcomes.items():
        assert isinstance(error, HostUnreachable)
        assert error.host == name
        assert error.message == f"jump host bastion: 127.0.0.1 port {settings.port} refuses connections"
    # Two attempts with half a second between them, not two for each host, nor two for each of a host's own.
    assert asyncio.get_running_loop().time() - began < 1.5


async def test_the_hop_that_fails_is_the_one_that_is_named(
    server: Sshd, hop: Target, target: TargetFactory
) -> None:
    lost = with_ssh(hop, port=free_port(), attempts=1)
    inner = replace(with_ssh(hop), name="second")
    with pytest.raises(HostUnreachable, match=r"^n1: jump host bastion: .* refuses connections"):
        await open_connection(target(server, jump=(lost, inner)))
    nowhere = replace(with_ssh(hop, port=free_port(), attempts=1), name="second")
    with pytest.raises(HostUnreachable, match=r"^n1: jump host second: .* from jump host bastion: .*refused"):
        await open_connection(target(server, jump=(hop, nowhere)))


async def test_a_host_that_the_jump_host_can_not_reach(
    server: Sshd, hop: Target, target: TargetFactory
) -> None:
    closed = free_port()
    with pytest.raises(
        HostUnreachable, match=f"port {closed} can't be reached from jump host bastion"
    ) as caught:
        await open_connection(target(server, jump=(hop,), port=closed, attempts=1))
    assert caught.value.retryable


async def test_a_jump_host_that_forwards_nothing(tmp_path: Path, server: Sshd, target: TargetFactory) -> None:
    with Sshd(tmp_path / "bastion", options=["AllowTcpForwarding no"]) as bastion:
        known = tmp_path / "known_bastion"
        known.write_text(bastion.known_hosts_line())
        hop = replace(target(bastion, known_hosts=known), name="bastion")
        with pytest.raises(HostError, match="jump host bastion makes no connection to") as caught:
            await open_connection(target(server, jump=(hop,)))
    assert "AllowTcpForwarding" in str(caught.value.hint)


async def test_a_jump_host_needs_no_session(tmp_path: Path, server: Sshd, target: TargetFactory) -> None:
    with Sshd(tmp_path / "bastion", options=["MaxSessions 0"]) as bastion:
        known = tmp_path / "known_bastion"
        known.write_text(bastion.known_hosts_line())
        hop = replace(target(bastion, known_hosts=known), name="bastion")
        connection = await open_connection(target(server, jump=(hop,)))
        try:
            sent = await connection.send("wc -c", stream(16))
        finally:
            await connection.close()
    assert sent.stdout.strip() == str(16 << 20)


async def stream(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(1 << 20)


def with_ssh(hop: Target, **changes: object) -> Target:
    assert hop.ssh is not None
    return replace(hop, ssh=replace(hop.ssh, **changes))  # type: ignore[arg-type]


async def ended(server: Sshd) -> None:
    """Wait until nobody is logged in any longer."""
    async with asyncio.timeout(10):
        while server.sessions():
            await asyncio.sleep(0.02)
