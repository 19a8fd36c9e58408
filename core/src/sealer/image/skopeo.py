"""Runs skopeo: one process per request, its complaints turned into errors a person can act on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sealer.errors import TransportError
from sealer.events import EventSink, Message, discard
from sealer.image.access import Access
from sealer.image.complaints import may_pass, transport_error

_LOG_LINE = re.compile(r'level=(?P<level>\w+) msg=(?P<text>"(?:[^"\\]|\\.)*"|\S+)')
_RETRY = re.compile(r"retrying in (?P<delay>[\w.]+)")
_PATIENCE = 5.0
# Seconds between attempts where a registry says that it can't answer just now, which skopeo takes for final.
_DELAYS = (1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skopeo:
    """Runs skopeo.

    Attributes:
        access: How registries are reached.
        sink: Is told about retries and warnings.
    """

    access: Access
    sink: EventSink = discard

    async def run(
        self,
        words: Sequence[str],
        *,
        subject: str,
        domain: str = "",
        stdin: bytes = b"",
        started: Callable[[int], None] | None = None,
    ) -> bytes:
        """Run skopeo and return its standard output.

        Args:
            words: Its arguments.
            subject: The image or registry that it is about, for messages.
            domain: The registry it talks to, or "" when it talks to none.
            stdin: What it reads, such as a password.
            started: Is given its process id.

        Raises:
            TransportError: It is not installed, or it failed.
            VerificationError: It got content with another digest than it should have.
        """
        delays = iter(_DELAYS)
        while True:
            said, output = await self._attempt(words, subject, stdin, started)
            if said is None:
                return output
            delay = next(delays, None)
            if delay is None or not may_pass(said):
                authority = self.access.certificates(domain) / "ca.crt"
                raise transport_error(said, subject=subject, domain=domain, authority=authority)
            self.sink(Message(text=f"{subject}: trying again in {delay:g}s: {said}", warning=True))
            await asyncio.sleep(delay)

    async def _attempt(
        self, words: Sequence[str], subject: str, stdin: bytes, started: Callable[[int], None] | None
    ) -> tuple[str | None, bytes]:
        """Run skopeo once; return what it complains of in the end, if it failed, and its output."""
        try:
            process = await asyncio.create_subprocess_exec(
                "skopeo",
                *self.access.registries,
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise TransportError(
                "the program skopeo is not installed", hint="on Debian and Ubuntu: apt install skopeo"
            ) from error
        complaints: list[str] = []
        if started is not None:
            started(process.pid)
        try:
            output, _, _ = await asyncio.gather(
                _output(process), self._listen(process, subject, complaints), _feed(process, stdin)
            )
            status = await process.wait()
        finally:
            await _end(process)
        if not status:
            return None, output
        return complaints[-1] if complaints else f"it ended with status {status} and said nothing", output

    async def _listen(self, process: asyncio.subprocess.Process, subject: str, complaints: list[str]) -> None:
        assert process.stderr is not None  # noqa: S101  # it is a pipe
        buffered = b""
        while chunk := await process.stderr.read(1 << 16):
            *lines, buffered = (buffered + chunk).split(b"\n")
            for line in lines:
                self._take(line, subject, complaints)
        self._take(buffered, subject, complaints)

    def _take(self, line: bytes, subject: str, complaints: list[str]) -> None:
        text = line.decode(errors="replace").strip()
        match = _LOG_LINE.search(text)
        if match is None:
            complaints.extend([text] if text else [])
            return
        said = _unquoted(match["text"])
        retry = _RETRY.search(said)
        if match["level"] in {"fatal", "error"}:
            complaints.append(said)
        elif retry is not None:
            why = said.partition(" Error: ")[2]
            self.sink(Message(text=f"{subject}: trying again in {retry['delay']}: {why}", warning=True))
        elif match["level"] == "warning":
            self.sink(Message(text=f"{subject}: {said}", warning=True))


async def _output(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    return await process.stdout.read()


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101  # it is a pipe
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Make sure that the process is gone, also when this task is cancelled."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _unquoted(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip('"')
    return value if isinstance(value, str) else text


def signature_policy() -> tuple[str, ...]:
    """Return the flag that stands in for a signature policy where the machine has none.

    skopeo reads containers-policy.json(5) and refuses to work without; one that exists is obeyed.
    """
    places = (Path.home() / ".config/containers/policy.json", Path("/etc/containers/policy.json"))
    return () if any(place.exists() for place in places) else ("--insecure-policy",)
