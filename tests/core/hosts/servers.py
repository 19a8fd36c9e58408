"""Servers for tests that need many hosts, or a look at what travels between us and one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncssh


class InProcessHosts:
    """SSH servers in this process, one for each port, that run real commands.

    Args:
        directory: Where keys go.
        count: How many hosts.
    """

    def __init__(self, directory: Path, count: int) -> None:
        self.key = directory / "client_key"
        self.known_hosts = directory / "known_hosts"
        self.ports: list[int] = []
        self._count = count
        self._servers: list[asyncssh.SSHAcceptor] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> InProcessHosts:
        client, host = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        client.write_private_key(self.key)
        authorized = asyncssh.import_authorized_keys(client.export_public_key().decode())
        for _ in range(self._count):
            server = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[host],
                authorized_client_keys=authorized,
                server_factory=lambda: _Server(self._tasks),
                encoding=None,
            )
            self._servers.append(server)
            self.ports.append(server.get_port())
        public = host.export_public_key().decode().strip()
        self.known_hosts.write_text("".join(f"[127.0.0.1]:{port} {public}\n" for port in self.ports))
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        await asyncio.gather(*(server.wait_closed() for server in self._servers), *self._tasks)


class _Server(asyncssh.SSHServer):
    def __init__(self, tasks: list[asyncio.Task[None]]) -> None:
        self._tasks = tasks

    def session_requested(self) -> _Session:
        return _Session(self._tasks)


class _Session(asyncssh.SSHServerSession[bytes]):
    """Runs a command in a process of its own."""

    def __init__(self, tasks: list[asyncio.Task[None]]) -> None:
        self._tasks = tasks
        self._command = ""
        self._input: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        self._tasks.append(asyncio.create_task(self._run()))

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._input.put_nowait(data)

    def eof_received(self) -> bool:
        self._input.put_nowait(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._input.put_nowait(b"")

    async def _run(self) -> None:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            "sh", "-c", self._command, stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        feeding = asyncio.create_task(self._feed(child.stdin))
        await asyncio.gather(
            self._pump(child.stdout, self._channel.write),
            self._pump(child.stderr, self._channel.write_stderr),
        )
        status = await child.wait()
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        if not self._channel.is_closing():
            self._channel.exit(status)

    async def _feed(self, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await self._input.get():
                sink.write(data)
                await sink.drain()
        sink.close()

    async def _pump(self, source: asyncio.StreamReader, write: Callable[[bytes], None]) -> None:
        while data := await source.read(65536):
            if not self._channel.is_closing():
                write(data)


class SlowLink:
    """A TCP port that leads to another one, each direction delayed, and that knows who spoke when.

    Args:
        port: Of the loopback address, where it leads.
        delay: Seconds, for each direction.

    Attributes:
        port: Where to connect.
        turns: ``up`` and ``down`` in the order in which the two sides spoke, without repetitions.
    """

    def __init__(self, port: int, delay: float) -> None:
        self.port = 0
        self.turns: list[str] = []
        self._target = port
        self._delay = delay
        self._spoken = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> SlowLink:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for end in self._ends:
            end.close()
        await asyncio.gather(*self._tasks)

    async def quiet(self) -> None:
        """Wait until nobody has spoken for a while."""
        pause = max(0.5, 5 * self._delay)
        while (silent := asyncio.get_running_loop().time() - self._spoken) < pause:
            await asyncio.sleep(pause - silent)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends += [writer, back]
        try:
            await asyncio.gather(self._carry("up", reader, back), self._carry("down", there, writer))
        finally:
            for end in (writer, back):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            self._tasks.discard(task)

    async def _carry(self, turn: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        arrivals: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await arrivals.get()
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                if not data:
                    with contextlib.suppress(OSError):
                        sink.write_eof()
                    return
                sink.write(data)

        delivering = asyncio.create_task(deliver())
        try:
            data = b"-"
            while data:
                try:
                    data = await source.read(65536)
                except OSError:
                    data = b""
                self._spoken = asyncio.get_running_loop().time()
                if not self.turns or self.turns[-1] != turn:
                    self.turns.append(turn)
                await arrivals.put((asyncio.get_running_loop().time() + self._delay, data))
            await delivering
        finally:
            delivering.cancel()


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    """Yield the pieces."""
    for piece in pieces:
        yield piece
