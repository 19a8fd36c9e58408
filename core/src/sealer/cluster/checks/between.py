"""The ways between hosts: ports that hosts must reach of one another, and packets of full size.

Without a listener little can be told: a port that refuses may be closed, or a firewall may refuse for it.
So each host listens for a moment, if it has a program for that, perl or python3; where nothing listens a
refusal is no result, and the check says that it was not made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sealer.changes import quote
from sealer.cluster.checks.answers import answer
from sealer.cluster.checks.given import Given
from sealer.cluster.checks.network import SUBJECT, family_of
from sealer.model import Check, Cluster, Finding, Host, Probe, Severity, Traffic

LISTENING = "core/listening"
"""The name of the answer that says where a host listened: ports, and a final dot."""

REACHED = "core/reached"
ECHOES = "core/echoes"

# Each way is tried by a process of its own, 50 at a time, with the first program of the host that can.
REACH = """\
tool=none
if command -v python3 >/dev/null; then tool=python3
elif perl -MIO::Socket::IP -e 1 2>/dev/null; then tool=perl
elif command -v bash >/dev/null && command -v timeout >/dev/null; then tool=bash
elif command -v nc >/dev/null && command -v timeout >/dev/null; then tool=nc; fi
attempt() {
  case $tool in
    python3) python3 -c 'import socket, sys
port, _, kind = sys.argv[2].partition("/")
way = socket.SOCK_DGRAM if kind else socket.SOCK_STREAM
try:
    for family, _, _, _, address in socket.getaddrinfo(sys.argv[1], int(port), type=way):
        with socket.socket(family, way) as peer:
            peer.settimeout(1 if kind else 3)
            peer.connect(address)
            for attempt in range(3 if kind else 0):
                peer.send(b"sealer")
                try:
                    peer.recv(16)
                    break
                except TimeoutError:
                    if attempt == 2:
                        raise
    print("open")
except OSError as error:
    print(error)' "$1" "$2" ;;
    perl) perl -MIO::Socket::IP -e '
      my ($port, $kind) = split "/", $ARGV[1];
      my %how = $kind ? (Type => 2, Proto => "udp") : (Type => 1, Timeout => 3);
      my $socket = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $port, %how);
      if (!$socket) { print "$! $@"; exit }
      for (1 .. ($kind ? 3 : 0)) {
        send $socket, "sealer", 0;
        vec(my $read = "", fileno $socket, 1) = 1;
        next unless select $read, undef, undef, 1;
        print defined recv($socket, my $said, 16, 0) ? "open" : "$!";
        exit;
      }
      print $kind ? "timed out" : "open"' "$1" "$2" 2>&1 ;;
    # What bash is given is for bash to expand.
    # shellcheck disable=SC2016
    bash) case $2 in
      */udp) talk='exec 3<>"/dev/udp/$1/$2"; printf sealer >&3; IFS= read -r -N 1 -u 3' ;;
      *) talk=': <>"/dev/tcp/$1/$2"' ;;
      esac
      timeout 3 bash -c "$talk" sealer "$1" "${2%/udp}" 2>&1
      case $? in 0) echo open ;; 124) echo timed out ;; esac ;;
    # Some of its kind wait for the server to end the connection, so a time-out tells nothing.
    nc) case $2 in */udp) return ;; esac
      if timeout 3 nc "$1" "$2" </dev/null 2>&1; then echo open; fi ;;
  esac
}
try() {
  said=$(attempt "$1" "$2" 2>&1)
  case $said in
    *open*) echo "$1 $2 open" ;;
    *efused*) echo "$1 $2 refused" ;;
    *imed?out* | *"now in progress"*) echo "$1 $2 silent" ;;
    *nreachable* | *"No route"* | *rohibited*) echo "$1 $2 unreachable" ;;
    *) echo "$1 $2 unknown" ;;
  esac
}
count=0
for way in WAYS; do
  try "${way%,*}" "${way##*,}" &
  count=$((count + 1))
  if [ $((count % 50)) = 0 ]; then wait; fi
done
wait
echo end"""

# `ping -M do` forbids routers to split the packet; busybox's ping can't. IP and ICMP take 28 or 48 bytes.
_ECHO = """\
echo_of() {
  peer=$1
  device=$(ip -o route get "$peer" 2>/dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
  mtu=$(cat "/sys/class/net/$device/mtu" 2>/dev/null) || { echo "$peer 0 unknown"; return; }
  if ! ping -c 1 -W 2 -M do -s 56 "$peer" >/dev/null 2>&1; then
    if ping -c 1 -W 2 "$peer" >/dev/null 2>&1; then echo "$peer $mtu unable"
    else echo "$peer $mtu silent"; fi
    return
  fi
  if said=$(ping -c 2 -W 1 -M do -s "$((mtu - $2))" "$peer" 2>&1); then echo "$peer $mtu whole"; return; fi
  path=$(printf '%s\\n' "$said" | sed -n 's/.*mtu *= *\\([0-9]*\\).*/\\1/p' | head -n 1)
  echo "$peer $mtu lost $path"
}
for way in WAYS; do echo_of "${way%,*}" "${way##*,}" & done
wait
echo end"""


class PortsReachable(Check):
    """Hosts reach the ports of other hosts that they will connect to."""

    id = "ports-reachable"
    title = "hosts reach each other's ports"
    subject = SUBJECT
    needs_image = True

    def __init__(self, given: Given) -> None:
        self._traffic = given.traffic
        self._new = given.new

    def listens(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        """Return the ports on which a host must be reached by others, as ``Traffic.listed`` writes them."""
        wanted = {
            (way.port, way.listed)
            for way in self._traffic
            if host.name in way.targets and set(way.sources) - {host.name}
        }
        return tuple(listed for _, listed in sorted(wanted))

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the question which of these ports of others it reaches."""
        ways = sorted({f"{target.address},{way.listed}" for way, target in self._ways(cluster, host)})
        if not ways:
            return ()
        return (Probe(name=REACHED, script=REACH.replace("WAYS", " ".join(map(quote, ways)))),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each port that others don't reach, with these; and for what was not tried.

        It is about the host that listens, where firewalls are, unless that one is in the cluster already.
        """
        trials = [
            (way, source, target, self._result(source, target, way))
            for source in cluster.hosts
            for way, target in self._ways(cluster, source)
        ]
        blocked: dict[tuple[str, str], list[str]] = defaultdict(list)
        untold: dict[tuple[str, str], list[str]] = defaultdict(list)
        for way, source, target, (reached, why) in trials:
            if reached:
                continue
            about_target = target.name in self._new or not self._new
            whose = "its" if about_target else f"{target.name}'s"
            what = f"{whose} port {way.listed} ({way.purpose}): {why}"
            about = target.name if about_target else source.name
            (blocked if reached is False else untold)[about, what].append(source.name)
        for (host, what), sources in blocked.items():
            yield self.finding(
                host,
                found=f"{', '.join(sources)} can't reach {what}",
                wanted="connections to this port",
                mend="open it in the firewalls of the hosts and between them",
            )
        for (host, what), sources in untold.items():
            yield self.not_checked(host, f"way from {', '.join(sources)} to {what}")

    def _result(self, source: Host, target: Host, way: Traffic) -> tuple[bool | None, str]:
        """Return whether a port was reached, or None when that can't be told, and why not."""
        tried = _triples(source.facts.answers.get(REACHED)).get((target.address, way.listed))
        listened = way.listed in target.facts.answers.get(LISTENING, "").split()
        match tried:
            case "open":
                return True, ""
            case "silent" if way.protocol == "udp" and not listened:
                return None, "no answer, but nothing could listen there for the trial"
            case "silent":
                return False, "no answer"
            case "unreachable":
                return False, "no route, or a firewall refuses"
            case "refused" if listened:
                return False, "a firewall refuses"
            case "refused":
                return None, "refused, but nothing could listen there for the trial"
            case "unknown":
                return None, "there is no program that could try it"
        return None, "it was not tried"

    def _ways(self, cluster: Cluster, host: Host) -> Iterator[tuple[Traffic, Host]]:
        """Yield what a host connects to on other hosts."""
        for way in self._traffic:
            if host.name in way.sources:
                for target in cluster.hosts:
                    if target.name in way.targets and target.name != host.name:
                        yield way, target


class PathFrames(Check):
    """Packets as large as the network card allows reach the other hosts in one piece."""

    id = "mtu-path"
    title = "packets of full size reach other hosts"
    subject = SUBJECT

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the question what becomes of such packets to the first and to the next host."""
        ways = [
            f"{peer.address},{48 if family_of(peer.address) == 6 else 28}"
            for peer in _peers(cluster.hosts, host)
        ]
        if not ways:
            return ()
        return (Probe(name=ECHOES, script=_ECHO.replace("WAYS", " ".join(map(quote, ways)))),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose packets are lost; a warning when routers tell of it."""
        for host in cluster.hosts:
            said = _triples(answer(host, Probe(name=ECHOES, script="")))
            for peer in _peers(cluster.hosts, host):
                found = {size: state for (address, size), state in said.items() if address == peer.address}
                mtu, state = next(iter(found.items()), ("", ""))
                what, _, path = state.partition(" ")
                if what == "lost":
                    told = f": the way takes {path} bytes" if path else ": nothing says why"
                    yield self.finding(
                        host.name,
                        found=f"packets of {mtu} bytes to {peer.name} are lost{told}",
                        wanted="packets as large as the MTU of the network card",
                        mend=f"set the MTU of the cards to {path or 'what the network carries'}",
                        severity=Severity.WARNING if path else None,
                    )
                elif what != "whole":
                    yield self.not_checked(
                        host.name, f"packets to {peer.name}: {_UNTOLD.get(what, _NOT_TRIED)}"
                    )


_UNTOLD = {"silent": "it does not answer to ping", "unable": "this ping can't forbid splitting them"}
_NOT_TRIED = "the way was not tried"


def _peers(hosts: Sequence[Host], host: Host) -> tuple[Host, ...]:
    """Return the hosts to try the way to: the first and the next one, so that work grows with hosts only."""
    names = [item.name for item in hosts]
    number = names.index(host.name)
    chosen = {0, (number + 1) % len(hosts)} - {number}
    return tuple(hosts[index] for index in sorted(chosen))


def _triples(text: str | None) -> dict[tuple[str, str], str]:
    """Read lines of an address, a word and the rest."""
    lines = (line.split(None, 2) for line in (text or "").splitlines())
    return {(words[0], words[1]): words[2] for words in lines if len(words) == 3}
