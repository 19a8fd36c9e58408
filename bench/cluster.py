"""Compare `sealer run` with the same kubeadm commands, typed by somebody who makes no pause and no mistake.

Three lab machines become a cluster of one master and two nodes, in turns by Sealer and by hand, each time
on machines that were started anew. By hand means: one tar stream to every host at once, with the programs
and those container images that the host needs; containerd and the import of the images everywhere at once;
`kubeadm init`; `kubeadm join` on both nodes at once; the pod network; all with the configuration files that
Sealer has written. Both end when every node is Ready.

    python bench/cluster.py "$SEALER_CACHE"/kubernetes-v1.20.2/artifacts --repetitions 3

needs root, and Sealer installed for the Python that runs this; scripts/build-kubernetes makes the artifacts.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from sealer.testing.lab import Lab, Node

EXAMPLE = Path(__file__).parents[1] / "examples" / "cni-bridge"
VERSION = "v1.20.2"
INIT = "/var/lib/sealer/my-cluster/kubeadm/init.yaml"
PLACES = {
    "usr/bin": ("kubeadm", "kubelet", "kubectl"),
    "usr/local/bin": ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "crictl"),
}
# kubeadm wants CoreDNS on the master before it begins, though it may come to run on a node.
EVERYWHERE = ("kube-proxy", "pause", "busybox", "coredns")
MASTERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
SETTINGS = (
    "/etc/containerd/config.toml",
    "/etc/crictl.yaml",
    "/etc/systemd/system/containerd.service",
    "/etc/systemd/system/kubelet.service",
    "/etc/sysctl.d/90-sealer-kubernetes.conf",
)
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
PREPARE = """\
set -e
sysctl -q -p /etc/sysctl.d/90-sealer-kubernetes.conf
printf '%s apiserver.cluster.local\\n' {master} >> /etc/hosts
mkdir -p /lib/modules
systemctl daemon-reload
systemctl enable -q --now containerd
until ctr version > /dev/null 2>&1; do sleep 0.2; done
for archive in /root/images/*; do ctr -n k8s.io images import "$archive" > /dev/null & done
wait
systemctl enable -q kubelet
"""
READY = f"""\
until {KUBECTL} wait --for=condition=Ready nodes --all --timeout=300s > /dev/null 2>&1 &&
  [ "$({KUBECTL} get nodes -o name | wc -l)" = {{count}} ]; do sleep 0.2; done
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifacts", type=Path)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        compare(arguments.artifacts, Path(directory), arguments.repetitions)


def compare(artifacts: Path, directory: Path, repetitions: int) -> None:
    build(artifacts, directory)
    settings: dict[str, bytes] = {}
    ways: Mapping[str, Callable[[Lab], None]] = {
        "sealer run": lambda lab: run(lab, directory, settings),
        "by hand": lambda lab: by_hand(lab, directory),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(repetitions):
        for way, make in ways.items():
            if way == "by hand" and number == 0:
                put_together(artifacts, directory, settings)
            with Lab("bench-cluster", network="10.89.77.0/24") as lab:
                lab.up(3)
                started = time.monotonic()
                make(lab)
                seconds[way].append(time.monotonic() - started)
            print(f"{number + 1}: {way}: {seconds[way][-1]:.1f} s", file=sys.stderr)
    medians = {way: statistics.median(found) for way, found in seconds.items()}
    for way, found in seconds.items():
        print(f"{way}: {medians[way]:.1f} s ({min(found):.1f} to {max(found):.1f})")
    print(f"ratio: {medians['sealer run'] / medians['by hand']:.2f}")


def build(artifacts: Path, directory: Path) -> None:
    """Build the cluster image, which costs neither way anything."""
    sealer(directory, "base", "build", "kubernetes", "--from", str(artifacts), "-t", f"kubernetes:{VERSION}")
    archives = ("--image-archive", str(artifacts / "images"))
    sealer(directory, "build", "-t", "cluster:1", *archives, str(EXAMPLE))


def sealer(directory: Path, *words: str, lab: Lab | None = None) -> None:
    argv = [str(Path(sys.executable).with_name("sealer")), *words]
    environment = {**os.environ, "HOME": str(directory), "SEALER_HOME": str(directory / "sealer")}
    command = argv if lab is None else lab.operator_command(argv)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(argv)}: {done.stdout}{done.stderr}")


def run(lab: Lab, directory: Path, settings: dict[str, bytes]) -> None:
    """Make the cluster with Sealer; keep the files it writes, for the other way."""
    trusted = directory / ".ssh" / "known_hosts"
    trusted.parent.mkdir(mode=0o700, exist_ok=True)
    trusted.write_bytes(lab.known_hosts_path.read_bytes())
    master, *others = (node.address for node in lab.nodes)
    login = ("--pk", str(lab.key_path))
    sealer(directory, "run", "cluster:1", "-m", master, "-n", ",".join(others), *login, lab=lab)
    sealer(directory, "operations", "list", lab=lab)
    for path in (*SETTINGS, INIT):
        settings[path] = lab.nodes[0].run(["cat", path]).stdout.encode()
    # Another cluster of the same name is to come.
    for path in sorted((directory / "sealer" / "clusters").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def by_hand(lab: Lab, directory: Path) -> None:
    """Make the same cluster by hand; what is sent has been put together before."""
    master, *others = lab.nodes
    with ThreadPoolExecutor() as pool:

        def everywhere(action: Callable[[Node], None], nodes: Iterable[Node] = lab.nodes) -> None:
            list(pool.map(action, nodes))

        def prepare(node: Node) -> None:
            send(lab, node, archive(directory, master=node.name == master.name))
            shell(lab, node, PREPARE.format(master=master.address))

        everywhere(prepare)
        shell(lab, master, f"kubeadm init --config {INIT} --skip-token-print")
        join = shell(lab, master, "kubeadm token create --print-join-command").strip()
        with (EXAMPLE / "manifests" / "cni-bridge.yaml").open() as manifests:
            shell(lab, master, f"{KUBECTL} apply -f - <<'END'\n{manifests.read()}\nEND\n")
        everywhere(lambda node: shell(lab, node, join) and None, others)
    shell(lab, master, READY.format(count=len(lab.nodes)))


def archive(directory: Path, *, master: bool) -> Path:
    return directory / ("master.tar" if master else "node.tar")


def put_together(artifacts: Path, directory: Path, settings: Mapping[str, bytes]) -> None:
    """Make the archives of all that a master and a node need."""
    for master in (True, False):
        with tarfile.open(archive(directory, master=master), "w") as tar:
            for place, names in PLACES.items():
                for name in names:
                    tar.add(artifacts / "bin" / name, f"{place}/{name}")
            tar.add(artifacts / "cni", "opt/cni/bin")
            for name in (*EVERYWHERE, *(MASTERS if master else ())):
                tar.add(artifacts / "images" / f"{name}.tar", f"root/images/{name}.tar")
            for name, content in settings.items():
                member = tarfile.TarInfo(name.lstrip("/"))
                member.size, member.mode = len(content), 0o644
                tar.addfile(member, BytesIO(content))


def send(lab: Lab, node: Node, path: Path) -> None:
    with path.open("rb") as stream:
        subprocess.run(lab.ssh_command(node.name, ["tar", "-x", "-C", "/"]), stdin=stream, check=True)


def shell(lab: Lab, node: Node, script: str) -> str:
    done = subprocess.run(
        lab.ssh_command(node.name, ["bash", "-s"]), input=script, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{node.name}: {script}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
