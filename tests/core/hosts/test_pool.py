from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sealer.errors import HostError, HostUnreachable
from sealer.hosts import (
    LocalConnection,
    SshSettings,
    Target,
    close_connections,
    observe,
    open_connection,
    open_connections,
)
from sealer.model import Probe
from sealer.testing.sshd import Sshd, free_port
from tests.core.hosts.conftest import TargetFactory
from tests.core.hosts.servers import InProcessHosts, SlowLink, chunks


async def test_fifty_hosts_at_once(tmp_path: Path) -> None:
    async with InProcessHosts(tmp_path, 50) as hosts:
        targets = [
            Target(
                name=f"n{number}",
                address="127.0.0.1",
                ssh=SshSettings(port=port, private_key=hosts.key, known_hosts=hosts.known_hosts),
            )
            for number, port in enumerate(hosts.ports)
        ]
        outcomes = await open_connections(targets)
        assert list(outcomes) == [target.name for target in targets]
        connections = [item for item in outcomes.values() if not isinstance(item, HostError)]
        assert len(connections) == 50
        results = await asyncio.gather(*(item.run_script(f"echo {item.host}") for item in connections))
        assert [result.stdout for result in results] == [f"{name}\n" for name in outcomes]
        sums = await asyncio.gather(*(item.send("wc -c", chunks(bytes(300_000))) for item in connections))
        assert {result.stdout.strip() for result in sums} == {"300000"}
        await close_connections(outcomes.values())


async def test_one_host_that_fails_does_not_stop_the_others(server: Sshd, target: TargetFactory) -> None:
    good = target(server)
    dead = Target(name="dead", address="127.0.0.1", ssh=SshSettings(port=free_port(), attempts=1))
    outcomes = await open_connections([dead, good])
    assert list(outcomes) == ["dead", "n1"]
    assert isinstance(outcomes["dead"], HostUnreachable)
    connection = outcomes["n1"]
    assert not isinstance(connection, HostError)
    assert (await connection.run_script("echo alive")).stdout == "alive\n"
    await close_connections(outcomes.values())


async def test_an_own_address_without_ssh_settings_needs_no_ssh() -> None:
    connection = await open_connection(Target(name="here", address="127.0.0.1", local=True))
    assert isinstance(connection, LocalConnection)
    await connection.close()


async def test_an_own_address_with_ssh_settings_is_reached_by_ssh(
    server: Sshd, target: TargetFactory
) -> None:
    connection = await open_connection(target(server))
    assert not isinstance(connection, LocalConnection)
    assert (await connection.run_script("echo ${SSH_CONNECTION%% *}")).stdout == "127.0.0.1\n"
    await connection.close()


async def test_giving_up_closes_what_was_open(server: Sshd, target: TargetFactory) -> None:
    async with SlowLink(server.port, delay=0.2) as slow:
        good = target(server)
        stuck = target(
            server, port=slow.port, fingerprints=("SHA256:none",), known_hosts=Path("/nonexistent")
        )
        opening = asyncio.create_task(open_connections([good, stuck]))
        while not server.sessions():
            await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        while server.sessions():
            await asyncio.sleep(0.01)


async def test_a_script_costs_one_round_trip(tmp_path: Path, target: TargetFactory) -> None:
    # With one session at a time, nothing but the script itself travels while it runs.
    with Sshd(tmp_path / "sshd", options=["MaxSessions 1"]) as server:
        await observe_over_slow_link(server, target)


async def observe_over_slow_link(server: Sshd, target: TargetFactory) -> None:
    async with SlowLink(server.port, delay=0.05) as slow:
        direct = target(server).ssh
        assert direct is not None
        known_hosts = direct.known_hosts
        known_hosts.write_text(known_hosts.read_text().replace(f":{server.port} ", f":{slow.port} "))
        settings = SshSettings(port=slow.port, private_key=server.key, known_hosts=known_hosts)
        connection = await open_connection(Target(name="n1", address="127.0.0.1", ssh=settings))
        probes = [Probe(name=f"test/{number}", script=f"echo {number}") for number in range(20)]
        for _ in range(3):
            # The launcher for it is started ahead, while there is nothing else to do.
            await slow.quiet()
            slow.turns.clear()
            facts = await observe(connection, probes, data_root="/var/lib/sealer")
            assert slow.turns.count("down") == 1
            assert facts.answers["test/19"] == "19"
        await connection.close()
