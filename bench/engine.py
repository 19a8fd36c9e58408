"""Compare Sealer's engine with ansible-core and pyinfra: 10 files, 5 directories, 5 commands on many hosts.

The hosts are lab nodes with nothing but sshd, and Python, which Ansible needs. Every way runs as a process of
its own on the operator's side, from start to end, in turns with the others; before each run the nodes are
cleared, and after it every node must hold what was asked for. Sealer does the work as 20 steps of one change,
and as one step of 20 changes. The peers are installed from PyPI for the run alone.

    python bench/engine.py --hosts 16 64 --delayed 16

needs root, PyPI, a Debian mirror, and Sealer importable by the Python that runs this.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from engine_drive import DATA
from engine_peers import Command, Peers
from engine_root import make_root
from engine_work import TOP, make_work

from sealer.testing.lab import Lab, Node
from sealer.testing.lab.cgroups import hierarchies

DELAY = 0.1
"""Seconds that packets are held back in each direction of a slow link: a round trip takes twice as much."""

WAYS = ("steps", "together", "pyinfra", "ansible")
# Nothing is deleted: for minutes after that, ext4 looks at each inode that was, whenever it needs a new one,
# and all nodes share one disk.
CLEAR = f"""
for path in {TOP} {DATA} /root/.ansible /tmp/pyinfra-*; do
  [ ! -e "$path" ] || mv "$path" "$(mktemp -d /kept-XXXXXX)"
done
mkdir -p {TOP}
"""
SETTLED = 3.0
DRIVE = Path(__file__).with_name("engine_drive.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: wall seconds, processor seconds of operator and nodes, the operator's most resident bytes."""

    seconds: float
    processor: float
    nodes: float
    memory: int


class Bench:
    """The nodes, and the ways to give them the work."""

    def __init__(self, lab: Lab, peers: Peers) -> None:
        self._lab = lab
        self._peers = peers
        self._work = make_work()
        self._ways: Mapping[str, Callable[[Sequence[str]], Command]] = {
            "steps": lambda addresses: self._sealer("steps", addresses),
            "together": lambda addresses: self._sealer("together", addresses),
            "pyinfra": lambda addresses: peers.pyinfra(self._work, addresses),
            "ansible": lambda addresses: peers.ansible(self._work, addresses),
        }

    def delay(self, count: int) -> None:
        """Hold all packets of so many nodes back."""
        for node in self._lab.nodes[:count]:
            node.shape(delay=DELAY)

    def measure(self, way: str, count: int) -> Measured:
        """Do the work on that many nodes that have nothing of it, and look whether it was done."""
        nodes = self._lab.nodes[:count]
        self._everywhere(nodes, CLEAR)
        command = self._ways[way]([node.address for node in nodes])
        # What one has left to write, or disks to be told of what is gone, is not to slow the next.
        os.sync()
        time.sleep(SETTLED)
        measured = self._run(command)
        found = set(self._everywhere(nodes, self._work.check))
        expected = self._expected()
        if found != {expected}:
            raise SystemExit(f"{way} did not do the work: {found}")
        return measured

    def _expected(self) -> str:
        """Do the work by hand, in a directory of this machine, and return what the check says of it."""
        with tempfile.TemporaryDirectory() as top:
            Path(top).chmod(0o755)
            for path in self._work.directories:
                (Path(top) / Path(path).name).mkdir(mode=0o755)
            for path, content in (*self._work.files, *((path, "") for path in self._work.commands)):
                (Path(top) / Path(path).name).write_text(content)
            check = self._work.check.replace(TOP, top)
            return subprocess.run(["sh", "-c", check], check=True, capture_output=True, text=True).stdout

    def _sealer(self, way: str, addresses: Sequence[str]) -> Command:
        words = (sys.executable, str(DRIVE), str(self._lab.key_path), str(self._lab.known_hosts_path), way)
        path = os.pathsep.join(entry for entry in sys.path if entry)
        return Command(words=(*words, *addresses), variables=(("PYTHONPATH", path),))

    def _run(self, command: Command) -> Measured:
        environment = {**os.environ, **dict(command.variables)}
        words = self._lab.operator_command(command.words)
        before = self._nodes_processor()
        with tempfile.TemporaryFile() as output:
            began = time.monotonic()
            process = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                output.seek(0)
                text = output.read().decode(errors="replace")
                raise SystemExit(f"{' '.join(command.words[:3])} ... failed:\n{text[-4000:]}")
        processor = usage.ru_utime + usage.ru_stime
        nodes = self._nodes_processor() - before
        return Measured(seconds=seconds, processor=processor, nodes=nodes, memory=usage.ru_maxrss * 1024)

    def _nodes_processor(self) -> float:
        """Return the processor seconds that all nodes together have used."""
        for hierarchy in hierarchies():
            group = hierarchy.lab(self._lab.name)
            if (group / "cpuacct.usage").exists():
                return int((group / "cpuacct.usage").read_text()) / 1e9
            if (group / "cpu.stat").exists() and "usage_usec" in (text := (group / "cpu.stat").read_text()):
                return int(text.split()[1]) / 1e6
        raise SystemExit("this machine does not count the processor time of control groups")

    @staticmethod
    def _everywhere(nodes: Sequence[Node], script: str) -> list[str]:
        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(lambda node: node.run(["sh", "-c", script]).stdout, nodes))


def measure_all(bench: Bench, count: int, repetitions: Mapping[str, int]) -> dict[str, list[Measured]]:
    """Measure all ways in turns."""
    results: dict[str, list[Measured]] = {way: [] for way in repetitions}
    for turn in range(max(repetitions.values())):
        for way, wanted in repetitions.items():
            if turn < wanted:
                results[way].append(bench.measure(way, count))
                print(f"  {way}: {results[way][-1].seconds:.2f} s", file=sys.stderr, flush=True)
    return results


def summary(results: Mapping[str, Sequence[Measured]]) -> dict[str, dict[str, object]]:
    """Return medians, the spread of the seconds, and how often as long as each of ours the peers took."""
    medians = {way: statistics.median(run.seconds for run in runs) for way, runs in results.items()}
    return {
        way: {
            "seconds": round(medians[way], 2),
            "runs": [round(run.seconds, 2) for run in runs],
            "processor_seconds": round(statistics.median(run.processor for run in runs), 2),
            "nodes_processor_seconds": round(statistics.median(run.nodes for run in runs), 2),
            "peak_mib": round(max(run.memory for run in runs) / 2**20, 1),
            "times_steps": round(medians[way] / medians["steps"], 2),
            "times_together": round(medians[way] / medians["together"], 2),
        }
        for way, runs in results.items()
    }


def print_summary(title: str, ways: Mapping[str, Mapping[str, object]]) -> None:
    print(title)
    print("             wall s   processor s   that of nodes   peak MiB   / 20 steps   / 1 step   runs")
    numbers = (
        "{seconds:>8} {processor_seconds:>13} {nodes_processor_seconds:>15} {peak_mib:>10} "
        "{times_steps:>12} {times_together:>10}"
    )
    for way, row in ways.items():
        print(f"  {way:10}{numbers.format(**row)}   {row['runs']}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, nargs="*", default=[16, 64])
    parser.add_argument(
        "--delayed", type=int, nargs="*", default=[16], help="hosts with a round trip of 200 ms"
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--ansible-repetitions", type=int, default=2)
    parser.add_argument("--lab", default="benchengine", help="name of the lab that is made")
    parser.add_argument("--network", default="10.96.0.0/24", help="its network")
    parser.add_argument("--directory", type=Path, help="where to work; by default below $TMPDIR")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    given.ways = list(dict.fromkeys(("steps", "together", *given.ways)))
    report: dict[str, object] = {}
    with tempfile.TemporaryDirectory(dir=given.directory) as place, Lab(given.lab, given.network) as lab:
        peers = Peers(Path(place), lab.key_path, lab.known_hosts_path)
        report["versions"] = peers.install()
        lab.up(max(given.hosts + given.delayed), "sshd", root=make_root(Path(place)))
        bench = Bench(lab, peers)
        repetitions = {
            way: given.ansible_repetitions if way == "ansible" else given.repetitions for way in given.ways
        }
        for name, counts, delay in (("hosts", given.hosts, 0.0), ("delayed", given.delayed, DELAY)):
            if counts and delay:
                bench.delay(max(counts))
            for count in counts:
                ways = summary(measure_all(bench, count, repetitions))
                report[f"{name}-{count}"] = ways
                if not given.json:
                    print_summary(f"{count} hosts, {2000 * delay:.0f} ms added to a round trip", ways)
    if given.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
