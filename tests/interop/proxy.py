"""TCP proxies before a registry: one that stalls, and one behind which the registry is away for a while."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """Stands before a server on loopback.

    Args:
        port: The server's port.
        limit: How many bytes of one connection's answer get through, if not all: then it stalls, and does not
            close.

    Attributes:
        port: Its own port.
        stalled: Is set when an answer has been cut off.
    """

    def __init__(self, port: int, limit: int | None = None) -> None:
        self._target = port
        self._limit = limit
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self.stalled = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Before it is closed an end must be shut down, or the thread that waits for it would wait on.
        for end in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if not self.admits(client):
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets.append(server)
            for source, sink, limit in ((client, server, None), (server, client, self._limit)):
                threading.Thread(target=self._pump, args=(source, sink, limit), daemon=True).start()

    def admits(self, client: socket.socket) -> bool:
        """Tell whether a connection is handed on; else it is closed."""
        return True

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        try:
            while data := source.recv(1 << 16):
                passed += len(data)
                if limit is not None and passed > limit:
                    self.stalled.set()
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


class Outage(Proxy):
    """Answers the first requests itself, as a gateway does whose server is away.

    Args:
        port: The server's port.
        answer: What it says, and then closes; nothing for a connection that breaks.
        times: How often.
    """

    def __init__(self, port: int, answer: bytes, times: int) -> None:
        self._answer = answer
        self._left = times
        super().__init__(port)

    def admits(self, client: socket.socket) -> bool:
        if not self._left:
            return True
        # Who may do without TLS tries with it first: that is no request yet.
        if not client.recv(1 << 16).startswith(b"\x16"):
            self._left -= 1
            client.sendall(self._answer)
        return False
