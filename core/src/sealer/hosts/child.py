"""A child process of this one that is let go of, never killed, when nobody waits for it any longer.

The standard library's subprocess transports kill their process when they are closed or collected; a script
in flight has to run to its end.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import Callable, Sequence

from sealer.hosts.shell import Shell


class Child:
    """Runs a program in a session of its own and tells a shell what happens to it.

    Args:
        words: The argument list; the program is found on PATH.
        shell: Gets output, errors and the exit status, and writes the input.
    """

    def __init__(self, words: Sequence[str], shell: Shell) -> None:
        self._words = words
        self._shell = shell
        self._open_streams = 2
        self._status: int | None = None
        self._process_file: int | None = None
        self._input: asyncio.WriteTransport | None = None
        self._outputs: list[asyncio.ReadTransport] = []

    async def start(self) -> None:
        """Start the program.

        Raises:
            OSError: It can't be started.
        """
        process, (input_pipe, output_pipe, error_pipe) = _spawn(self._words)
        loop = asyncio.get_running_loop()
        self._process_file = os.pidfd_open(process)
        self._input, _ = await loop.connect_write_pipe(
            lambda: _Input(self), os.fdopen(input_pipe, "wb", buffering=0)
        )
        self._shell.opened(self)
        for pipe, sink in ((output_pipe, self._shell.printed), (error_pipe, self._shell.complained)):
            protocol = _Output(sink, self._drained)
            transport, _ = await loop.connect_read_pipe(
                functools.partial(_same, protocol), os.fdopen(pipe, "rb", buffering=0)
            )
            self._outputs.append(transport)
        loop.add_reader(self._process_file, self._exited, process)

    def write(self, data: bytes) -> None:
        """Send bytes to the program."""
        if self._input is not None and not self._input.is_closing():
            self._input.write(data)

    def write_eof(self) -> None:
        """End the program's input."""
        if self._input is not None and not self._input.is_closing():
            self._input.write_eof()

    def close(self) -> None:
        """Let go of the program's streams."""
        if self._input is not None:
            # An empty pipe whose end was written closes by itself, and to abort it as well is an error.
            if not self._input.is_closing() or self._input.get_write_buffer_size() > 0:
                self._input.abort()
            self._input = None
        for transport in self._outputs:
            transport.close()
        # Its end is still waited for, so that no dead process is left behind.

    def input_lost(self) -> None:
        """Take that the program reads no more."""
        self._input = None
        self._shell.resume()

    def pause_writing(self) -> None:
        """Take that the program reads slowly."""
        self._shell.pause()

    def resume_writing(self) -> None:
        """Take that the program has read."""
        self._shell.resume()

    def _exited(self, process: int) -> None:
        _, wait_status = os.waitpid(process, 0)
        self._forget()
        code = os.waitstatus_to_exitcode(wait_status)
        self._status = code if code >= 0 else 128 - code
        self._shell.exited(self._status)
        self._finish()

    def _drained(self) -> None:
        self._open_streams -= 1
        self._finish()

    def _finish(self) -> None:
        if self._status is not None and self._open_streams == 0:
            self._shell.closed()

    def _forget(self) -> None:
        if self._process_file is not None:
            asyncio.get_running_loop().remove_reader(self._process_file)
            os.close(self._process_file)
            self._process_file = None


class _Input(asyncio.BaseProtocol):
    """Passes on what happens to the pipe into the program."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def pause_writing(self) -> None:
        self._child.pause_writing()

    def resume_writing(self) -> None:
        self._child.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._child.input_lost()


class _Output(asyncio.Protocol):
    """Passes on what comes out of a pipe."""

    def __init__(self, sink: Callable[[bytes], None], drained: Callable[[], None]) -> None:
        self._sink = sink
        self._drained = drained

    def data_received(self, data: bytes) -> None:
        self._sink(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._drained()


def _same(protocol: _Output) -> _Output:
    return protocol


def _spawn(words: Sequence[str]) -> tuple[int, tuple[int, int, int]]:
    """Start a program with three pipes.

    Returns:
        Its process id, and this side's ends of its input, output and errors.

    Raises:
        OSError: It can't be started.
    """
    their_input, our_input = os.pipe()
    our_output, their_output = os.pipe()
    our_errors, their_errors = os.pipe()
    theirs = (their_input, their_output, their_errors)
    ours = (our_input, our_output, our_errors)
    try:
        process = os.posix_spawnp(
            words[0],
            list(words),
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(theirs)],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError:
        for end in ours:
            os.close(end)
        raise
    finally:
        for end in theirs:
            os.close(end)
    return process, ours
