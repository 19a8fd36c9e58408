"""The systemd units of servers and agents, and what is said to k3s in their environment."""

from __future__ import annotations

from sealer.changes import Change, File, Unit
from sealer.kubernetes import MARK
from sealer.model import Cluster, Host
from sealer_runtime_k3s.config import has_etcd
from sealer_runtime_k3s.names import CONFIG, ENVIRONMENT, PROGRAM, TOMBSTONE, server_url, unit


def unit_change(cluster: Cluster, host: Host) -> Change:
    """Return the unit that runs k3s on a host."""
    return Unit(
        name=unit(host),
        content=unit_text(cluster.name, server=host.is_master),
        watches=(CONFIG, PROGRAM),
    )


def environment_file(cluster: Cluster, host: Host) -> File:
    """Return the file that says who begins the cluster: it is read at the next start, and starts nothing.

    Raises:
        PlanError: The documents ask for what can't work.
    """
    return File(path=ENVIRONMENT, content=f"# Written by Sealer.\n{_environment(cluster, host)}", mode=0o600)


def _environment(cluster: Cluster, host: Host) -> str:
    if host.is_master and not has_etcd(cluster):
        return ""
    if host.name == cluster.first_master.name:
        # Members of etcd can be added to a cluster that began with one; sqlite has no members.
        return "K3S_CLUSTER_INIT=true\n"
    return f"K3S_URL={server_url(cluster)}\n"


def unit_text(cluster: str, *, server: bool) -> str:
    """Return the unit of a server or an agent. Containers outlive a restart of it."""
    # A server that was taken out of the cluster would join it anew when it starts again.
    condition = f"ConditionPathExists=!{TOMBSTONE}\n" if server else ""
    return f"""\
{MARK}{cluster}
[Unit]
Description=k3s: Kubernetes, {"control plane and node" if server else "node"}
Documentation=https://k3s.io
After=network-online.target containerd.service
{condition}
[Service]
Type={"notify" if server else "exec"}
EnvironmentFile=-{ENVIRONMENT}
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart={PROGRAM} {"server" if server else "agent"}
Delegate=yes
KillMode=process
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
