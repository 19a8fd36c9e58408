"""Compare `sealer run` of one image with many applications, one after the other and with `--parallel-apps`.

The API server, the controllers and kubectl are real; there are no nodes. A thread takes the kubelet's part:
a pod is ready some seconds after it was made. Each run has a control plane of its own.

    PYTHONPATH=. python bench/applications.py "$SEALER_CACHE"/kubernetes-v1.20.2/artifacts

needs Sealer installed for the Python that runs this; scripts/build-kubernetes makes the artifacts.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.apps.control_plane import ControlPlane, control_plane
from tests.lab.operator import Operator

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: %(name)s}}
  template:
    metadata: {labels: {app: %(name)s}}
    spec: {containers: [{name: main, image: "registry.example/%(name)s:1"}]}
"""
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def kubelet(api: ControlPlane, seconds: float, ended: threading.Event) -> None:
    """Say of each pod that it is ready when it is old enough."""
    found = json.loads(api.kubeconfig.read_text())
    token = found["users"][0]["user"]["token"]
    client = httpx.Client(
        base_url=found["clusters"][0]["cluster"]["server"],
        verify=False,
        headers={"Authorization": f"Bearer {token}"},
    )
    with client:
        while not ended.wait(0.25):
            now = dt.datetime.now(dt.UTC)
            for pod in client.get("/api/v1/pods").json()["items"]:
                if is_due(pod, now, seconds):
                    metadata = pod["metadata"]
                    client.patch(
                        f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status",
                        content=json.dumps({"status": READY}),
                        headers={"Content-Type": "application/merge-patch+json"},
                    )


def is_due(pod: dict[str, Any], now: dt.datetime, seconds: float) -> bool:
    """Tell whether a pod is old enough, and not ready yet."""
    made = dt.datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    return pod["status"]["phase"] != "Running" and (now - made).total_seconds() >= seconds


@contextmanager
def cluster(artifacts: Path, directory: Path, seconds: float) -> Iterator[ControlPlane]:
    """Start a control plane whose pods become ready."""
    with control_plane(artifacts, directory) as api:
        ended = threading.Event()
        thread = threading.Thread(target=kubelet, args=(api, seconds, ended))
        thread.start()
        try:
            yield api
        finally:
            ended.set()
            thread.join()


def build(operator: Operator, context: Path, count: int) -> None:
    """Build an image with many applications, none of which has a container image to be packed."""
    names = [f"app-{number}" for number in range(count)]
    context.mkdir()
    for name in names:
        (context / f"{name}.yaml").write_text(DEPLOYMENT % {"name": name})
    apps = "".join(f"APP {name} local://{name}.yaml\n" for name in names)
    (context / "Kubefile").write_text(f"FROM scratch\n{apps}LAUNCH {json.dumps(names)}\n")
    ignored = context.parent / "ignored"
    ignored.write_text("".join(f"registry.example/{name}:1\n" for name in names))
    words = ("-t", "many:1", "--type", "app-installer", "--ignored-image-list", str(ignored))
    operator.sealer("build", *words, str(context))


def launch(artifacts: Path, operator: Operator, seconds: float, *words: str) -> float:
    """Return the seconds that it takes to launch the image on a new cluster."""
    with tempfile.TemporaryDirectory() as name, cluster(artifacts, Path(name), seconds) as api:
        began = time.monotonic()
        operator.sealer("run", "many:1", "--kubeconfig", str(api.kubeconfig), *words)
        return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifacts", type=Path)
    parser.add_argument("--applications", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=5, help="until a pod is ready")
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    times: dict[str, list[float]] = {"serial": [], "parallel": []}
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        path = f"{given.artifacts / 'bin'}{os.pathsep}{os.environ['PATH']}"
        operator = Operator(home=home, variables={"PATH": path})
        build(operator, home / "context", given.applications)
        for number in range(given.repetitions):
            for kind, words in (("serial", ()), ("parallel", ("--parallel-apps",))):
                times[kind].append(launch(given.artifacts, operator, given.seconds, *words))
                print(f"{number + 1}. {kind}: {times[kind][-1]:.1f} s", flush=True)
    medians = {kind: statistics.median(found) for kind, found in times.items()}
    for kind, median in medians.items():
        print(f"{kind}: {median:.1f} s ({min(times[kind]):.1f} to {max(times[kind]):.1f})")
    print(f"parallel / serial: {medians['parallel'] / medians['serial']:.2f}")


if __name__ == "__main__":
    main()
