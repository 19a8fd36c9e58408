"""The systemd units of controllers and workers: with what arguments k0s runs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from sealer.changes import Change, Unit
from sealer.kubernetes import MARK, remote_endpoint
from sealer.model import Cluster, Host
from sealer_runtime_k0s.config import is_worker, networks
from sealer_runtime_k0s.control_groups import skips_preflight
from sealer_runtime_k0s.names import (
    CONFIG,
    JOIN_ENVIRONMENT,
    JOIN_TOKEN,
    PROGRAM,
    unit,
)
from sealer_runtime_k0s.version import image_version


def unit_change(cluster: Cluster, host: Host) -> Change:
    """Return the unit that runs k0s on a host.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    watches = (CONFIG, PROGRAM) if host.is_master else (PROGRAM,)
    return Unit(name=unit(host), content=unit_text(cluster, host), watches=watches)


def unit_text(cluster: Cluster, host: Host) -> str:
    """Return the unit. It says nothing of other hosts, so that none restarts because one comes or goes.

    Raises:
        PlanError: The image, the environment or the documents ask for what can't work.
    """
    role = "controller" if host.is_master else "worker"
    command = " ".join([PROGRAM, role, *(_quoted(word) for word in _arguments(cluster, host))])
    if host.is_master:
        command += " $JOIN"
    # k0s starts what it is made of itself, and stops it when it is told to; containers outlive it.
    return f"""\
{MARK}{cluster.name}
[Unit]
Description=k0s: Kubernetes, {role}
Documentation=https://docs.k0sproject.io
After=network-online.target containerd.service

[Service]
Type=exec
Environment=JOIN=
EnvironmentFile=-{JOIN_ENVIRONMENT}
ExecStart={command}
Delegate=yes
KillMode=process
LimitNOFILE=999999
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
TimeoutStopSec=90
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def _arguments(cluster: Cluster, host: Host) -> Iterator[str]:
    version = image_version(cluster.image)
    works = is_worker(cluster, host)
    if host.is_master:
        yield f"--config={CONFIG}"
        if works:
            yield "--enable-worker"
            if version.taints_controllers:
                # The Clusterfile says which nodes have which taints.
                yield "--no-taints"
        if networks(cluster)[1][0].version == 6:
            yield "--feature-gates=IPv6SingleStack=true"
    else:
        yield f"--token-file={JOIN_TOKEN}"
    if not works:
        return
    if skips_preflight(cluster, host):
        yield "--ignore-pre-flight-checks"
    kubelet = [f"--node-ip={ipaddress.ip_address(host.address)}"]
    if cluster.container_runtime is not None:
        yield f"--cri-socket=remote:{remote_endpoint(cluster.container_runtime, 'k0s')}"
        kubelet.append(f"--cgroup-driver={cluster.container_runtime.cgroup_driver}")
    yield f"--kubelet-extra-args={' '.join(kubelet)}"


def _quoted(word: str) -> str:
    """Return a word as systemd reads it in ExecStart (systemd.service(5), command lines)."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or not word.isprintable() or " " in word else word
