"""Compare how Sealer distributes an image's files to 1, 2, 4 and 8 hosts with `tar | ssh` and `scp -r`.

The hosts are lab nodes. Each way sends to all of them at once, over the same links, in turns, several times.
Sealer sends the layers of an image, with hosts passing them on and without, the others the files
that it was made of. Bytes are those that the hosts'
network cards received.

    python bench/distribution.py "$SEALER_CACHE"/kubernetes-v1.20.2/artifacts/cni

needs root, and Sealer importable by the Python that runs this. Any directory will do;
scripts/build-kubernetes makes this one, which has programs in it as cluster images do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sealer.cluster.distribution import image_files, rootfs_steps
from sealer.errors import HostError
from sealer.events import Event, Message, discard
from sealer.hosts.facts import observe
from sealer.hosts.pool import close_connections, open_connections
from sealer.hosts.secret import Redactor
from sealer.hosts.settings import SshSettings, Target
from sealer.image.store import ImageStore
from sealer.model import Host
from sealer.operation.engine import Engine
from sealer.operation.journal import History, Journal
from sealer.operation.passing import FAN_OUT, Passing
from sealer.operation.plan import make_plan
from sealer.operation.visit import Applier
from sealer.testing.lab import Lab, Node
from sealer.testing.lab.network import BRIDGE

IMAGE = "bench:1"
DATA = "/var/lib/bench"
RATE = "100mbit"
CARD = "/sys/class/net/eth0/statistics/rx_bytes"
LINKS = {
    "unshaped": "as fast as this machine",
    "per-host": f"{RATE} to each host",
    "uplink": f"{RATE} from the operator, which all hosts share",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One distribution: wall seconds, and the bytes that all hosts together received."""

    seconds: float
    received: int


def tell(event: Event) -> None:
    """Print what did not go as it should."""
    if isinstance(event, Message):
        print(event.host, event.text, file=sys.stderr)


async def send(home: Path, lab: Lab, count: int, uploads: int, fan_out: int) -> None:
    """Do what `sealer run` does until the rootfs is on all hosts, and no more."""
    store = ImageStore(home)
    layers = store.resolve(IMAGE).layers
    ssh = SshSettings(private_key=lab.key_path, known_hosts=lab.known_hosts_path, agent=False)
    targets = [Target(name=node.name, address=node.address, ssh=ssh) for node in lab.nodes[:count]]
    connections = await open_connections(targets)
    try:
        hosts = []
        for target in targets:
            connection = connections[target.name]
            if isinstance(connection, HostError):
                raise connection
            facts = await observe(connection, (), data_root=DATA)
            hosts.append(Host(name=target.name, address=target.address, roles=("node",), facts=facts))
        plan = make_plan(rootfs_steps({host.name: layers for host in hosts}, hosts))
        with tempfile.TemporaryDirectory() as directory, Journal(Path(directory) / "journal") as journal:
            passing = Passing(plan.steps, fan_out=fan_out, events=tell)
            visitor = Applier(
                data=DATA,
                operation="bench",
                blobs=store,
                uploads=asyncio.Semaphore(uploads),
                events=discard,
                redactor=Redactor(),
                passing=passing,
            )
            engine = Engine(
                plan=plan,
                connections=connections,
                visitor=visitor,
                journal=journal,
                history=History(done={}, started={}, finished=None),
                concurrency=30,
                events=discard,
            )
            async with passing:
                await engine.run()
    finally:
        await close_connections(connections.values())


class Bench:
    """An image in a store, the files it was made of, and the hosts."""

    def __init__(self, lab: Lab, home: Path, tree: Path, uploads: int) -> None:
        self._lab = lab
        self._home = home
        self._tree = tree
        self._uploads = uploads

    def measure(self, count: int) -> dict[str, Measured]:
        """Distribute in every way, each to hosts that have nothing, and with Sealer once more."""
        ways: Sequence[tuple[str, Callable[[int], None]]] = (
            ("sealer", self._sealer),
            ("again", self._sealer),
            ("direct", lambda count: self._sealer(count, fan_out=0)),
            ("tar", self._tar),
            ("scp", self._scp),
        )
        return {name: self._timed(way, count, clear=name != "again") for name, way in ways}

    def shape(self, links: str) -> None:
        """Make the links as slow as one of LINKS says."""
        self._lab.run_operator(["tc", "qdisc", "del", "dev", BRIDGE, "root"], check=False)
        for node in self._lab.nodes:
            node.shape(rate=RATE if links == "per-host" else None)
        if links == "uplink":
            bucket = ["tbf", "rate", RATE, "burst", "128kb", "latency", "200ms"]
            self._lab.run_operator(["tc", "qdisc", "add", "dev", BRIDGE, "root", *bucket])

    def _timed(self, way: Callable[[int], None], count: int, *, clear: bool) -> Measured:
        nodes = self._lab.nodes[:count]
        if clear:
            for node in nodes:
                node.run(["sh", "-c", f"rm -rf {DATA}; mkdir {DATA}"])
        os.sync()  # what one has left to write is not to slow the next
        before = sum(map(received, nodes))
        began = time.monotonic()
        way(count)
        return Measured(seconds=time.monotonic() - began, received=sum(map(received, nodes)) - before)

    def _sealer(self, count: int, *, fan_out: int = FAN_OUT) -> None:
        words = [sys.executable, __file__, str(self._home), "--send", str(count), "--lab", self._lab.name]
        flags = ["--uploads", str(self._uploads), "--fan-out", str(fan_out)]
        self._all([self._lab.operator_command([*words, *flags])])

    def _tar(self, count: int) -> None:
        pipe = 'tree=$1; shift; tar -C "$tree" -cf - . | "$@"'
        unpack = f"tar -xf - -C {DATA}"
        commands = [self._lab.ssh_command(node.name, [unpack]) for node in self._lab.nodes[:count]]
        self._all([["sh", "-c", pipe, "tar", str(self._tree), *command] for command in commands])

    def _scp(self, count: int) -> None:
        options = [f"UserKnownHostsFile={self._lab.known_hosts_path}", "StrictHostKeyChecking=yes"]
        flags = [word for option in options for word in ("-o", option)]
        words = ["scp", "-F", "none", "-q", "-r", *flags, "-i", str(self._lab.key_path), str(self._tree)]
        nodes = self._lab.nodes[:count]
        self._all([self._lab.operator_command([*words, f"root@{node.address}:{DATA}/"]) for node in nodes])

    @staticmethod
    def _all(commands: Sequence[Sequence[str]]) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        running = [subprocess.Popen(command, env=environment) for command in commands]
        statuses = [process.wait() for process in running]
        if any(statuses):
            raise SystemExit("a distribution failed")


def received(node: Node) -> int:
    return int(node.run(["cat", CARD]).stdout)


def build_image(files: Path, directory: Path) -> None:
    kubefile = directory / "Kubefile"
    kubefile.write_text("FROM scratch\nCOPY . .\n")
    words = ["sealer", "build", "-q", "-f", str(kubefile), "-t", IMAGE, str(files)]
    variables = {"PYTHONPATH": os.pathsep.join(sys.path), "SEALER_HOME": str(directory)}
    subprocess.run(
        [sys.executable, "-m", *words], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **variables}
    )


def summary(runs: Sequence[Mapping[str, Measured]]) -> dict[str, dict[str, float]]:
    """Return the medians of every way, and how often as long as Sealer it took."""
    result = {}
    for way in runs[0]:
        seconds = statistics.median(run[way].seconds for run in runs)
        ratio = statistics.median(run[way].seconds / run["sealer"].seconds for run in runs)
        megabytes = statistics.median(run[way].received for run in runs) / 1e6
        result[way] = {
            "seconds": round(seconds, 2),
            "megabytes": round(megabytes, 2),
            "ratio": round(ratio, 2),
        }
    return result


def print_row(links: str, count: int, ways: Mapping[str, Mapping[str, float]]) -> None:
    cells = "".join(f"{way['seconds']:8.1f} s{way['megabytes']:9.1f} MB" for way in ways.values())
    print(f"{links:9}{count:6}{cells}{ways['tar']['ratio']:8.1f}{ways['scp']['ratio']:8.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, help="the files to distribute")
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--links", nargs="+", choices=LINKS, default=list(LINKS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--uploads", type=int, default=5, help="hosts that Sealer sends to at one time")
    parser.add_argument("--lab", default="bench", help="name of the lab that is made")
    parser.add_argument("--network", default="10.94.0.0/24", help="its network")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--fan-out", type=int, default=FAN_OUT, help=argparse.SUPPRESS)
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.send:
        asyncio.run(send(given.directory, Lab.attach(given.lab), given.send, given.uploads, given.fan_out))
        return
    report: dict[str, dict[int, dict[str, dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as home, Lab(given.lab, given.network) as lab:
        build_image(given.directory, Path(home))
        layers = image_files(ImageStore(Path(home)).resolve(IMAGE).layers)
        lab.up(max(given.hosts), "sshd")
        bench = Bench(lab, Path(home), given.directory, given.uploads)
        if not given.json:
            print(f"{sum(layer.size for layer in layers) / 1e6:.1f} MB of layers")
            names = ("sealer", "sealer again", "without fan-out", "tar | ssh", "scp -r")
            print("links     hosts" + "".join(f"{name:>22}" for name in names) + "   tar/s.   scp/s.")
        for links in given.links:
            bench.shape(links)
            for count in given.hosts:
                ways = summary([bench.measure(count) for _ in range(given.repetitions)])
                report.setdefault(links, {})[count] = ways
                if not given.json:
                    print_row(links, count, ways)
    if given.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
