"""A real HTTP/1.1 server on a free port of the loopback that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Resource:
    """What a path answers.

    Attributes:
        content: The whole file.
        statuses: Statuses answered, one a request, before the file is.
        cuts: How many bytes each of the next answers has before the connection is cut.
        etag: The entity tag, or "".
        modified: The Last-Modified date, or "".
        ranges: Whether ranges are served.
        location: Where it redirects to.
        pause: Seconds before each piece of a tenth.
        headers: Further headers of error statuses.
    """

    content: bytes = b""
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    etag: str = '"one"'
    modified: str = ""
    ranges: bool = True
    location: str = ""
    pause: float = 0.0
    headers: str = ""


@dataclass
class Request:
    path: str
    headers: dict[str, str]


class Server:
    """Serves resources by path, and remembers what it was asked."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.requests: list[Request] = []
        self.url = ""
        self.active: set[asyncio.StreamWriter] = set()
        self.most_active = 0

    def asked(self, path: str) -> list[dict[str, str]]:
        return [request.headers for request in self.requests if request.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            path = first.split(" ")[1]
            self.requests.append(Request(path, headers))
            self.active.add(writer)
            self.most_active = max(self.most_active, len(self.active))
            await self.answer(path, headers, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.active.discard(writer)
            writer.close()

    async def answer(self, path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        resource = self.resources.get(path)
        if resource is None or resource.statuses:
            status = 404 if resource is None else resource.statuses.pop(0)
            await send_head(writer, f"{status} Told", 0, resource.headers if resource else "")
            return
        if resource.location:
            await send_head(writer, "302 Found", 0, f"location: {resource.location}\r\n")
            return
        start, reason, extra = 0, "200 OK", ""
        matches = headers.get("if-range", "") in {resource.etag, resource.modified} - {""}
        if resource.ranges and "range" in headers and matches:
            start = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
            total = len(resource.content)
            reason, extra = "206 Partial Content", f"content-range: bytes {start}-{total - 1}/{total}\r\n"
        extra += f"etag: {resource.etag}\r\n" if resource.etag else ""
        extra += f"last-modified: {resource.modified}\r\n" if resource.modified else ""
        body = resource.content[start:]
        await send_head(writer, reason, len(body), extra)
        if resource.cuts:
            body = body[: resource.cuts.pop(0)]
        piece = max(len(body) // 10, 1)
        for offset in range(0, len(body), piece):
            await asyncio.sleep(resource.pause)
            if offset + piece >= len(body):
                self.active.discard(writer)  # once the client has this piece, it may ask for the next file
            writer.write(body[offset : offset + piece])
            await writer.drain()


async def send_head(writer: asyncio.StreamWriter, status: str, length: int, extra: str) -> None:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{extra}\r\n"
    writer.write(head.encode())
    await writer.drain()


@asynccontextmanager
async def http_server(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    scheme = "https" if context else "http"
    server.url = f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()
