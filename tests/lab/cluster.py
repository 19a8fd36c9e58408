"""A Kubernetes cluster in the lab: how it is made, looked at and taken away again."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealer.testing.lab import Difference, Lab, Node, Snapshot, compare, snapshot
from tests.lab.end_state import end_state
from tests.lab.images import CLUSTER_IMAGE
from tests.lab.operator import CLUSTER, Operator


@dataclass(kw_only=True)
class End:
    """What an undisturbed installation comes to, so that others can be compared with it.

    Attributes:
        nodes: What is on each node.
        workloads: What runs in the cluster.
        run_seconds: How long the installation took.
        delete_seconds: How long its deletion took; 0 before there was one.
    """

    nodes: tuple[Snapshot, ...]
    workloads: Mapping[str, int]
    run_seconds: float
    delete_seconds: float = 0.0

    def differences(self, nodes: Iterable[Node]) -> list[str]:
        """Return what is different on nodes of another installation."""
        return [
            f"{node.name}: {difference}"
            for old, node in zip(self.nodes, nodes, strict=True)
            for difference in compare(old, end_state(node))
        ]


@dataclass(kw_only=True)
class Site:
    """Three machines, ``n1`` of which becomes the master, and who makes a cluster of them.

    Attributes:
        lab: The machines.
        operator: On their operator's side.
        before: What was on each of them before anything was installed, by name.
        kubectl: The program on the operator's side.
        end: What the first installation came to.
    """

    lab: Lab
    operator: Operator
    before: Mapping[str, Snapshot]
    kubectl: Path
    end: End | None = None

    @property
    def run_words(self) -> tuple[str, ...]:
        """The words of the command that makes the cluster."""
        return ("run", CLUSTER_IMAGE, *self.operator.host_flags(masters=["n1"], nodes=["n2", "n3"]))

    @property
    def plan_words(self) -> tuple[str, ...]:
        """The words of the command that compares the cluster with what it should be."""
        return ("plan", *self.run_words[1:])

    @property
    def is_installed(self) -> bool:
        """Whether the operator's machine remembers the cluster."""
        return (self.operator.sealer_home / "clusters" / CLUSTER / "cluster.json").exists()

    def install(self) -> None:
        """Make the cluster, unless it is there, and note what it comes to."""
        if not self.is_installed:
            began = time.monotonic()
            self.operator.sealer(*self.run_words)
            seconds = time.monotonic() - began
            self.wait_for_pods()
            states = tuple(end_state(node) for node in self.lab.nodes)
            self.end = End(nodes=states, workloads=self.workloads(), run_seconds=seconds)

    def delete(self) -> None:
        """Take the cluster away, if it is there, and note how long that took."""
        if self.is_installed:
            began = time.monotonic()
            self.operator.sealer("delete", "--all", "--yes")
            if self.end is not None:
                self.end.delete_seconds = time.monotonic() - began

    def residue(self) -> dict[str, tuple[Difference, ...]]:
        """Return what is not as it was before anything was installed, by node."""
        found = {node.name: compare(self.before[node.name], snapshot(node)) for node in self.lab.nodes}
        return {name: differences for name, differences in found.items() if differences}

    def ask(self, *words: str) -> dict[str, Any]:
        """Ask the API server something by kubectl, from the operator's side."""
        path = self.operator.home / "kubeconfig"
        path.write_text(self.operator.sealer("kubeconfig").stdout)
        text = self.operator.run(str(self.kubectl), *words, "-o", "json", KUBECONFIG=str(path))
        answer: dict[str, Any] = json.loads(text)
        return answer

    def pods(self) -> dict[str, dict[str, Any]]:
        """Return all pods, by namespace and name."""
        items = self.ask("get", "pods", "--all-namespaces")["items"]
        return {f"{item['metadata']['namespace']}/{item['metadata']['name']}": item for item in items}

    def workloads(self) -> dict[str, int]:
        """Return how many pods there are of each workload, by names without what is drawn by lot."""
        names = (re.sub(r"(-[0-9a-f]{8,10})?-[0-9a-z]{5}$", "", name) for name in self.pods())
        return dict(Counter(names))

    def wait_for_pods(self) -> None:
        """Wait until every pod is ready."""
        eventually(lambda: all(map(is_ready, self.pods().values())), what="every pod is ready")

    def ready_pods(self) -> dict[str, str]:
        """Return the nodes of the pods whose containers are all ready, by the pods' names."""
        return {name: pod["spec"]["nodeName"] for name, pod in self.pods().items() if is_ready(pod)}


def make_site(lab: Lab, operator: Operator, *, kubectl: Path) -> Site:
    """Take down what is on the machines of a lab."""
    before = {node.name: snapshot(node) for node in lab.nodes}
    return Site(lab=lab, operator=operator, before=before, kubectl=kubectl)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod runs and serves.

    That a pod of the control plane is ready, which answered us, its kubelet says a minute late.
    """
    if "kubernetes.io/config.mirror" in pod["metadata"].get("annotations", {}):
        return bool(pod["status"]["phase"] == "Running")
    conditions = pod["status"].get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def eventually(holds: Callable[[], bool], *, what: str, seconds: float = 120.0) -> None:
    """Return as soon as something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} seconds"
        time.sleep(0.5)
