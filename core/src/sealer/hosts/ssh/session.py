"""An SSH session channel that tells a shell what happens."""

from __future__ import annotations

import signal

import asyncssh

from sealer.errors import HostUnreachable
from sealer.hosts.shell import Shell

BUFFER = 1024 * 1024
"""Bytes that wait to be sent before writers have to wait; together with OpenSSH's window of 2 MiB."""


class LaunchSession(asyncssh.SSHClientSession[bytes]):
    """Passes on output, errors, exit status and back-pressure."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Take the channel."""
        self._channel = chan
        chan.set_write_buffer_limits(BUFFER)
        self._shell.opened(SessionInput(chan))

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Pass on output or errors."""
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._shell.complained(data)
        else:
            self._shell.printed(data)

    def pause_writing(self) -> None:
        """Let writers wait."""
        self._shell.pause()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._shell.resume()

    def exit_status_received(self, status: int) -> None:
        """Pass on the exit status."""
        self._shell.exited(status)

    def exit_signal_received(self, signal_name: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Pass on a signal as sh writes it."""
        number = getattr(signal, f"SIG{signal_name}", signal.SIGKILL)
        self._shell.exited(128 + int(number))

    def eof_received(self) -> bool:
        """Keep the channel open for the exit status."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on the end of the channel, or of the whole connection."""
        if exc is None:
            self._shell.closed()
        else:
            self._shell.lost(
                HostUnreachable(
                    f"the connection was lost while a script ran: {exc}",
                    host=self._shell.host,
                    hint="what was started goes on, on the host",
                )
            )


class SessionInput:
    """The standard input of a launcher behind an SSH channel."""

    def __init__(self, channel: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = channel

    def write(self, data: bytes) -> None:
        """Send bytes as the host takes them."""
        if not self._channel.is_closing():
            self._channel.write(data)

    def write_eof(self) -> None:
        """End the input after what was written."""
        if not self._channel.is_closing():
            self._channel.write_eof()

    def close(self) -> None:
        """Close the channel at once; the host's processes are not told."""
        self._channel.abort()
