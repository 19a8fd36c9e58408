"""One file over HTTP: resumed where an earlier attempt ended, tried again while failures may pass."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx

from sealer.errors import TransportError

Progress = Callable[[int, int], None]
"""Told the bytes that have arrived, and the total or 0 when it isn't known."""

# Too many requests, and what servers and the proxies before them answer while something is restarted.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How transient failures are met.

    Attributes:
        attempts: How many in a row may bring the file no further before the download is given up.
        delay: Seconds before the second attempt; doubled before each further one, and scattered by half.
    """

    attempts: int = 5
    delay: float = 0.5

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        longest = min(self.delay * 2.0 ** (failures - 1), _LONGEST_WAIT)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # it scatters requests, it keeps no secret


class _TransientFailure(Exception):
    """What may pass when it is tried again, at the earliest ``after`` seconds later."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


def shown(url: str) -> str:
    """Return an address without the credentials it may carry."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class Transfer:
    """Brings what an address answers into a file, which exists only once it is whole.

    What arrives is kept beside the target until then, and the next attempt asks for the rest, on condition
    that the server still has the same file.

    Args:
        client: Follows redirects.
        url: The address, with http or https.
        target: The file to write.
        subject: What messages call it.
        retries: How transient failures are met.
        maximum: Bytes after which an answer is refused.
        progress: Told how far it is.

    Attributes:
        resumed: Whether the file was put together from more than one answer.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        target: Path,
        *,
        subject: str,
        retries: Retries,
        maximum: int,
        progress: Progress | None = None,
    ) -> None:
        self.resumed = False
        self._client = client
        self._url = url
        self._part = _Part(target)
        self._subject = subject
        self._retries = retries
        self._maximum = maximum
        self._progress = progress

    async def run(self) -> None:
        """Transfer the file.

        Raises:
            TransportError: The address has no such file, or keeps failing.
        """
        failures = 0
        while True:
            before = self._part.size()
            try:
                await self._attempt()
            except _TransientFailure as failure:
                advanced = self.resumed and self._part.size() > before
                failures = 1 if advanced else failures + 1
                if failures >= self._retries.attempts:
                    hint = "check the network and the proxy; what has arrived is kept for the next attempt"
                    raise self._failed(str(failure), hint) from failure.__cause__
                await asyncio.sleep(max(self._retries.wait(failures), failure.after))
            else:
                self._part.finish()
                return

    async def _attempt(self) -> None:
        """Ask once, and write what arrives."""
        start, mark = self._part.resume_point()
        headers = {"range": f"bytes={start}-", "if-range": mark} if start else {}
        try:
            async with self._client.stream("GET", self._url, headers=headers) as response:
                self._check_redirects(response)
                self.resumed = self._check_status(response, start)
                if not self.resumed:
                    start = 0
                    self._part.restart(_mark(response))
                await self._write(response, start)
        except httpx.TransportError as error:
            if _is_permanent(error):
                hint = "for a server with a certificate of your own authority, set SSL_CERT_FILE"
                raise self._failed(_words(error), hint) from error
            raise _TransientFailure(_words(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failed(_words(error), "check the address") from error

    async def _write(self, response: httpx.Response, start: int) -> None:
        length = int(response.headers.get("content-length", 0))
        total = start + length if length else 0
        moved = start
        with self._part.path.open("ab") as file:
            # Raw, because archives must keep the compression that a server may declare as an encoding; in
            # pieces as they arrive, because what waits for a larger one is lost when the connection is.
            async for chunk in response.aiter_raw():
                moved += len(chunk)
                if moved > self._maximum:
                    file.truncate(0)
                    raise self._failed(f"it is larger than {self._maximum} bytes", None)
                file.write(chunk)
                if self._progress is not None:
                    self._progress(moved, total)

    def _check_redirects(self, response: httpx.Response) -> None:
        """Refuse an answer that an https address led to over a plain connection."""
        hops = [*(earlier.url for earlier in response.history), response.url]
        plain = next((hop for hop in hops if hop.scheme != "https"), None)
        if self._url.startswith("https:") and plain is not None:
            raise self._failed(f"it leads to {shown(str(plain))}, which is not secured by TLS", None)

    def _check_status(self, response: httpx.Response, start: int) -> bool:
        """Return whether the answer continues what there is."""
        status = response.status_code
        if status == 200:
            return False
        if status == 206 and response.headers.get("content-range", "").startswith(f"bytes {start}-"):
            return True
        if status in {206, 416} and start:
            self._part.restart("")
            raise _TransientFailure("the server can't continue the file where it broke off")
        reason = f"the server answers {status} {response.reason_phrase}".rstrip()
        if status in _TRANSIENT:
            after = response.headers.get("retry-after", "")
            raise _TransientFailure(reason, min(float(after), _LONGEST_WAIT) if after.isdecimal() else 0.0)
        hint = "check the version: not every one is published for every architecture, nor mirrored"
        raise self._failed(reason, hint if status in {403, 404, 410} else None)

    def _failed(self, reason: str, hint: str | None) -> TransportError:
        message = f"{self._subject} can't be downloaded from {shown(self._url)}: {reason}"
        return TransportError(message, hint=hint)


class _Part:
    """The bytes of a file that have arrived, and the mark by which its server knows this version of it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self._mark = target.with_name(f"{target.name}.mark")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def resume_point(self) -> tuple[int, str]:
        """Return how many bytes there are and their mark; no bytes when there is no mark to resume by."""
        mark = self._mark.read_text() if self._mark.exists() else ""
        return (self.size(), mark) if mark else (0, "")

    def restart(self, mark: str) -> None:
        """Forget what there is and note the mark of what will come."""
        self.path.write_bytes(b"")
        self._mark.write_text(mark)

    def finish(self) -> None:
        """Put the file in its place."""
        self.path.replace(self._target)
        self._mark.unlink()


def _mark(response: httpx.Response) -> str:
    """Return what If-Range may carry: a strong entity tag, or else the date (RFC 9110, 13.1.5), or ""."""
    tag: str = response.headers.get("etag", "")
    date: str = response.headers.get("last-modified", "")
    return tag if tag.startswith('"') else date


def _is_permanent(error: httpx.TransportError) -> bool:
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return True
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _words(error: Exception) -> str:
    """Return what an error says; some of httpx's say nothing but their name."""
    return str(error) or type(error).__name__
