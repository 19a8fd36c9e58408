"""The second round of questions: asked of all hosts at the same time, while each listens for the others.

Each host runs one script in one session. It starts to listen, says so, waits until all hosts do, asks its
questions, and listens on until all hosts are done. Standard input carries the two signals; when it ends,
because the operator is gone, so does the script.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from sealer.changes import quote
from sealer.cluster.checks.between import LISTENING
from sealer.errors import HostError
from sealer.hosts.connection import Connection
from sealer.hosts.facts import questions_script, read_answers
from sealer.model import Probe

TIMEOUT = 90.0
"""Seconds that the round may take on a host."""

READY_TIMEOUT = 20.0
"""Seconds after which hosts that are not ready are waited for no longer."""

_READY, _DONE, _PORT = "sealer-ready", "sealer-done", "sealer-listening"

# Who tries a port closes first: a connection that waits for its end would be in the way of a server here.
_LISTEN = """\
listen() {
  if command -v python3 >/dev/null; then exec python3 -c 'import select, signal, socket, sys
signal.alarm(LIMIT)
def answer(port, address):
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_DGRAM)
        server.bind((address, int(port)))
        print("PORT", port + "/udp", file=sys.stderr, flush=True)
        return server
    except OSError:
        pass
def listen(port):
    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):
        try:
            server = socket.socket(family)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind((address, port))
            server.listen(128)
            print("PORT", port, file=sys.stderr, flush=True)
            return server
        except OSError:
            pass
address, *ports = sys.argv[1:]
servers = [server for server in (listen(int(port)) for port in ports if "/" not in port) if server]
talkers = [server for server in (answer(port[:-4], address) for port in ports if "/" in port) if server]
print("READY", file=sys.stderr, flush=True)
clients = []
while servers or talkers:
    for ready in select.select(servers + talkers + clients, [], [])[0]:
        if ready in servers:
            clients.append(ready.accept()[0])
        elif ready in talkers:
            try:
                ready.sendto(*ready.recvfrom(16))
            except OSError:
                pass
        else:
            clients.remove(ready)
            ready.close()' "$@"
  elif perl -MIO::Socket::IP -MIO::Select -e 1 2>/dev/null; then
    exec perl -MIO::Socket::IP -MIO::Select -e '
      alarm LIMIT; my $all = IO::Select->new; my (%servers, %talkers); my $address = shift @ARGV;
      for my $port (@ARGV) {
        if ($port =~ m{^(\\d+)/udp$}) {
          my $talker = IO::Socket::IP->new(LocalHost => $address, LocalPort => $1, Proto => "udp") || next;
          $all->add($talker); $talkers{fileno $talker} = 1; print STDERR "PORT $port\n"; next;
        }
        my %how = (LocalPort => $port, Listen => 128, ReuseAddr => 1);
        my $server = IO::Socket::IP->new(LocalHost => "::", V6Only => 0, %how)
          || IO::Socket::IP->new(LocalHost => "0.0.0.0", %how) || next;
        $all->add($server); $servers{fileno $server} = 1; print STDERR "PORT $port\\n";
      }
      print STDERR "READY\\n";
      while ($all->count) { for my $ready ($all->can_read) {
        if ($talkers{fileno $ready}) {
          my $who = recv $ready, my $said, 16, 0;
          send $ready, $said, 0, $who if $who;
        } elsif ($servers{fileno $ready}) { my $client = $ready->accept; $all->add($client) if $client }
        else { $all->remove($ready); close $ready }
      } }' "$@"
  else echo READY >&2; fi
}
"""
_LISTEN_MARKS = (("LIMIT", f"{TIMEOUT:.0f}"), ("PORT", _PORT), ("READY", _READY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one host is asked, and the ports on which it listens meanwhile.

    Attributes:
        probes: The questions.
        ports: Numbers, or as ``8472/udp``: there every packet is sent back.
        address: Where packets come in, and are sent back from.
    """

    probes: tuple[Probe, ...] = ()
    ports: tuple[str, ...] = ()
    address: str = "0.0.0.0"  # noqa: S104 - listening everywhere is what is tried


async def ask_together(
    connections: Mapping[str, Connection], rounds: Mapping[str, Round]
) -> Mapping[str, Mapping[str, str]]:
    """Ask each host its own questions while all hosts listen.

    Args:
        connections: By the host's name.
        rounds: What to ask, for the same hosts.

    Returns:
        The answers by host and probe; a host that fails meanwhile has none. ``core/listening`` is among them.
    """
    meeting = _Meeting(tuple(rounds))
    outcomes = await asyncio.gather(
        *(_ask(connections[host], asked, meeting.of(host)) for host, asked in rounds.items())
    )
    return dict(zip(rounds, outcomes, strict=True))


def round_script(asked: Round, *, mark: str) -> str:
    """Return the script of one host; it reads two lines from standard input."""
    listen = _LISTEN
    for name, text in _LISTEN_MARKS:
        listen = listen.replace(name, text)
    ports = " ".join(asked.ports)
    start = f"echo {_READY} >&2"
    if asked.ports:
        start = f"listen {quote(asked.address)} {ports} </dev/null >/dev/null &"
    return f"""\
{listen}
listener=
{start}
if [ -n "{ports}" ]; then listener=$!; fi
if IFS= read -r signal; then {{
{questions_script({probe.name: probe.script for probe in asked.probes}, mark=mark)}
}} </dev/null; fi
echo {_DONE} >&2
IFS= read -r signal || :
if [ -n "$listener" ]; then kill "$listener" 2>/dev/null; wait "$listener" 2>/dev/null; fi
:
"""


async def _ask(connection: Connection, asked: Round, seat: _Seat) -> Mapping[str, str]:
    mark = f"sealer-{secrets.token_hex(16)}"
    try:
        result = await connection.send(
            round_script(asked, mark=mark), seat.signals(), on_line=seat.heard, timeout=TIMEOUT
        )
    except HostError:
        return {}
    finally:
        seat.leave()
    listening = " ".join([*seat.ports, "."])
    return {**read_answers(result.stdout, mark=mark), LISTENING: listening}


class _Meeting:
    """Where all hosts wait for one another, twice."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.ready = _Gate(len(hosts))
        self.done = _Gate(len(hosts))
        self._seats = {host: _Seat(self) for host in hosts}

    def of(self, host: str) -> _Seat:
        return self._seats[host]


class _Gate:
    """Opens when it was passed by as many as it waits for."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._open = asyncio.Event()

    def arrive(self) -> None:
        self._missing -= 1
        if self._missing <= 0:
            self._open.set()

    async def wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._open.wait()
        except TimeoutError:
            self._open.set()


class _Seat:
    """One host's place in a meeting: what it said, and the signals it gets."""

    def __init__(self, meeting: _Meeting) -> None:
        self._meeting = meeting
        self._ready = self._done = False
        self.ports: list[str] = []

    def heard(self, line: str) -> None:
        words = line.split()
        match words:
            case [word, port] if word == _PORT:
                self.ports.append(port)
            case [word] if word == _READY:
                self._arrive_ready()
            case [word] if word == _DONE:
                self._arrive_done()

    def leave(self) -> None:
        """Keep nobody waiting."""
        self._arrive_ready()
        self._arrive_done()

    async def signals(self) -> AsyncIterator[bytes]:
        await self._meeting.ready.wait(READY_TIMEOUT)
        yield b"go\n"
        await self._meeting.done.wait(TIMEOUT)
        yield b"end\n"

    def _arrive_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self._meeting.ready.arrive()

    def _arrive_done(self) -> None:
        if not self._done:
            self._done = True
            self._meeting.done.arrive()
