"""A Kubernetes cluster in the lab: how it is made, looked at and taken away again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealer.testing.lab import Difference, Lab, Snapshot, compare, snapshot
from tests.lab.images import CLUSTER_IMAGE
from tests.lab.operator import CLUSTER, Operator


@dataclass(frozen=True, kw_only=True)
class Site:
    """Three machines, ``n1`` of which becomes the master, and who makes a cluster of them.

    Attributes:
        lab: The machines.
        operator: On their operator's side.
        before: What was on each of them before anything was installed, by name.
        kubectl: The program on the operator's side.
        timings: How long things took that ran undisturbed, in seconds.
    """

    lab: Lab
    operator: Operator
    before: Mapping[str, Snapshot]
    kubectl: Path
    timings: dict[str, float] = field(default_factory=dict)

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
        """Make the cluster, unless it is there, and note how long that took."""
        if not self.is_installed:
            began = time.monotonic()
            self.operator.sealer(*self.run_words)
            self.timings["run"] = time.monotonic() - began

    def delete(self) -> None:
        """Take the cluster away, if it is there, and note how long that took."""
        if self.is_installed:
            began = time.monotonic()
            self.operator.sealer("delete", "--all", "--yes")
            self.timings["delete"] = time.monotonic() - began

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

    def ready_pods(self) -> dict[str, str]:
        """Return the nodes of the pods whose containers are all ready, by the pods' names."""
        return {name: pod["spec"]["nodeName"] for name, pod in self.pods().items() if is_ready(pod)}


def make_site(lab: Lab, operator: Operator, *, kubectl: Path) -> Site:
    """Take down what is on the machines of a lab."""
    before = {node.name: snapshot(node) for node in lab.nodes}
    return Site(lab=lab, operator=operator, before=before, kubectl=kubectl)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod runs and serves."""
    conditions = pod["status"].get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def eventually(holds: Callable[[], bool], *, what: str, seconds: float = 120.0) -> None:
    """Return as soon as something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} seconds"
        time.sleep(0.5)
