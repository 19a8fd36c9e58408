"""Clusters that Sealer did not make: reached by a kubeconfig from the operator's machine, without SSH."""

from __future__ import annotations

import os
import platform as this
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from sealer.changes.objects import record_name
from sealer.cluster.parts import Parts
from sealer.cluster.request import Foreign, Request
from sealer.clusterfile import Clusterfile, ClusterSpec, HostSpec
from sealer.errors import SealerError, UsageError
from sealer.model import MASTER, Cluster, Departure, Facts, Host, Platform, Step
from sealer.operation.records import ClusterRecords
from sealer.plugins import Plugins
from sealer.providers import ClusterRuntime, ImageImport, SupportsImageImport

THIS_MACHINE = "127.0.0.1"
"""The one host of such a cluster, as far as Sealer works on it: the operator's own machine."""

NODE_PLATFORMS = (
    "kubectl get nodes --request-timeout=20s -o go-template='{{range .items}}{{with .status.nodeInfo}}"
    '{{.operatingSystem}}/{{.architecture}}{{end}}{{"\\n"}}{{end}}\''
)
"""sh that prints a line ``linux/amd64`` for each node."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
_OVERLAY = "context.yaml"
_NAME_IT = "name another: --kubeconfig FILE, or the variable KUBECONFIG"


@dataclass(frozen=True, slots=True)
class Existing(ClusterRuntime):
    """Stands for whatever runs a cluster that exists: nothing is installed on it.

    Attributes:
        kubeconfig: The paths of kubeconfigs, with colons between them, as ``KUBECONFIG`` has it.
        owner: Who works on it, ``user:group``, and owns what is written on the operator's machine.
        path: The directories in which programs are found there, as ``PATH`` has it.
    """

    kubeconfig: str
    owner: str = "root:root"
    path: str = ""
    name = "existing"
    summary = "a cluster that exists"

    def create(self, cluster: Cluster) -> Iterable[Step]:
        """Return no step."""
        return ()

    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        """Return no step."""
        return ()

    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        """Return no step."""
        return ()

    def kubeconfig_path(self, cluster: Cluster) -> str:
        """Return what ``KUBECONFIG`` is to be."""
        return self.kubeconfig


def choose_context(kubeconfig: str | None, context: str | None) -> Foreign:
    """Return which cluster the user means.

    Args:
        kubeconfig: A path, or None for ``$KUBECONFIG`` or ``~/.kube/config``.
        context: The name of a context in it, or None for the current one.

    Raises:
        UsageError: There is no such file or context.
    """
    given = kubeconfig or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    paths = [Path(path).absolute() for path in given.split(os.pathsep) if path]
    names: list[str] = []
    current = ""
    for path in paths:
        content = _read(path)
        names += [
            str(entry.get("name")) for entry in content.get("contexts") or () if isinstance(entry, dict)
        ]
        current = current or str(content.get("current-context") or "")
    chosen = context or current
    if chosen not in names:
        known = ", ".join(names) or "none"
        what = f"{given} has no context {chosen}" if chosen else f"{given} names no current context"
        raise UsageError(what, hint=f"contexts: {known}; choose one with --context")
    return Foreign(kubeconfig=os.pathsep.join(map(str, paths)), context=chosen)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"the kubeconfig can't be read: {error.strerror}", place=str(path), hint=_NAME_IT
        ) from error
    except yaml.YAMLError as error:
        raise UsageError("this is no kubeconfig", place=str(path), hint=_NAME_IT) from error
    if not isinstance(content, dict):
        raise UsageError("this is no kubeconfig", place=str(path), hint=_NAME_IT)
    return content


def foreign_request(home: Path, foreign: Foreign, name: str | None = None) -> tuple[ClusterRecords, Request]:
    """Return the records of a cluster that exists, and a request for nothing yet.

    Args:
        home: Sealer's home directory.
        foreign: The cluster.
        name: What it is called, or None to call it after its context.

    Raises:
        SealerError: What it takes can't be written down.
    """
    name = name or re.sub(r"-+", "-", record_name(f"context-{foreign.context}"))[:63].strip("-")
    host = HostSpec(address=THIS_MACHINE, roles=(MASTER,))
    spec = ClusterSpec(name=name, hosts=(host,), data_root=str(home.absolute() / "contexts"))
    request = Request.of_hosts(Clusterfile(cluster=spec))
    return ClusterRecords(home, name), replace(request, foreign=foreign, facts={THIS_MACHINE: _own_facts()})


def kubeconfig_of(data: str, foreign: Foreign) -> str:
    """Return what ``KUBECONFIG`` is to be: what chooses the context, and then the user's own."""
    return os.pathsep.join((f"{data}/{_OVERLAY}", foreign.kubeconfig))


def write_context(request: Request) -> None:
    """Write down which context is chosen, beside the cluster's files; it holds no secret.

    Raises:
        SealerError: It can't be written.
    """
    if request.foreign is None:
        return
    spec = request.clusterfile.cluster
    overlay = {"apiVersion": "v1", "kind": "Config", "current-context": request.foreign.context}
    path = Path(spec.data_root, spec.name, _OVERLAY)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    except OSError as error:
        raise SealerError(f"can't write {path}: {error.strerror}") from error


def foreign_parts(data: str, foreign: Foreign, plugins: Plugins) -> Parts:
    """Return the providers for a cluster that exists."""
    owner = f"{os.getuid()}:{os.getgid()}"
    runtime = Existing(kubeconfig_of(data, foreign), owner=owner, path=os.environ.get("PATH", os.defpath))
    return Parts(
        runtime=runtime,
        container=None,
        registry=None,
        app_types=plugins.app_types(),
        image_policies=plugins.image_policies(),
    )


def node_platforms(text: str) -> tuple[Platform, ...]:
    """Return the platforms that ``NODE_PLATFORMS`` has printed, each once; a new node may not say."""
    parts = (line.partition("/") for line in dict.fromkeys(text.split()))
    return tuple(Platform(os=system, architecture=name) for system, _, name in parts if system and name)


def image_imports(plugins: Plugins) -> tuple[ImageImport, ...]:
    """Return how container images come into nodes, those runtimes first that bring their own."""
    runtimes = (*plugins.cluster_runtimes().values(), *plugins.container_runtimes().values())
    return tuple(one.image_import() for one in runtimes if isinstance(one, SupportsImageImport))


def _own_facts() -> Facts:
    """Return what is known of this machine as far as an application image asks: its platform."""
    machine = this.machine()
    return Facts(
        hostname=this.node(),
        platform=Platform(architecture=_ARCHITECTURES.get(machine, machine)),
        operating_system=this.system().lower(),
        kernel=this.release(),
        init="unknown",
        machine_id="",
        clock_offset=0.0,
        cpus=os.cpu_count() or 1,
        memory=0,
        disk_free=0,
        cgroup_version=2,
    )
