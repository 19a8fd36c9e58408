"""The texts of containerd's files: its configuration, its unit, crictl's, and the mirrors of registries."""

from __future__ import annotations

import json
from itertools import chain

from sealer.kubernetes import CNI_PROGRAMS
from sealer.model import RegistryEndpoint

PROGRAMS = "/usr/local/bin"
SOCKET = "/run/containerd/containerd.sock"
CONFIG = "/etc/containerd/config.toml"
MIRRORS = "/etc/containerd/certs.d"
CNI_CONFIG = "/etc/cni/net.d"
UNIT = "containerd.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"
MARK = "# Written by Sealer for the cluster "
"""How our unit's first line begins; the cluster's name follows."""


def config_toml(*, sandbox: str | None, cgroup_driver: str, restrict_oom: bool) -> str:
    """Return containerd's configuration, in the version that 1.6 and 1.7 read and 2.x migrates by itself."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    lines = ["# Written by Sealer.", "version = 2", "", f"[{cri}]"]
    if sandbox is not None:
        lines.append(f"  sandbox_image = {_string(sandbox)}")
    if restrict_oom:
        lines.append("  restrict_oom_score_adj = true")
    lines += [
        f"  [{cri}.cni]",
        f"    bin_dir = {_string(CNI_PROGRAMS)}",
        f"    conf_dir = {_string(CNI_CONFIG)}",
        f"  [{cri}.containerd.runtimes.runc]",
        '    runtime_type = "io.containerd.runc.v2"',
        f"    [{cri}.containerd.runtimes.runc.options]",
        f"      BinaryName = {_string(f'{PROGRAMS}/runc')}",
        f"      SystemdCgroup = {'true' if cgroup_driver == 'systemd' else 'false'}",
        f"  [{cri}.registry]",
        f"    config_path = {_string(MIRRORS)}",
    ]
    return "\n".join(lines) + "\n"


def unit_text(cluster: str) -> str:
    """Return the unit. Containers outlive a restart of it: only its main process is killed."""
    return f"""\
{MARK}{cluster}
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target local-fs.target

[Service]
Type=notify
Environment=PATH={PROGRAMS}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStartPre=-/sbin/modprobe overlay
ExecStart={PROGRAMS}/containerd --config {CONFIG}
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=1048576
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
"""


def crictl_yaml() -> str:
    """Return crictl's configuration, so that people need not name the socket."""
    return f"runtime-endpoint: unix://{SOCKET}\nimage-endpoint: unix://{SOCKET}\ntimeout: 10\n"


def hosts_toml(domain: str, registry: RegistryEndpoint, ca_path: str) -> str:
    """Return how containerd finds images of a domain: in the cluster's registry, its cache, then upstream.

    Images that the Go tool packed are in the cluster's own without their domain, so that is asked second. No
    ``server`` is named, so that what the cluster's registry lacks, or all when it can't be reached, is
    asked of the domain itself as containerd always does. The file may hold a secret.
    """
    below = registry.below(domain)
    paths = [f"/v2/{below}"] if below else []
    if not below or not registry.is_outside:
        paths.append("/v2")
    hosts = [_host(registry.netloc, path, registry, ca_path) for path in paths]
    cache = registry.cache_of(domain)
    if cache is not None:
        hosts.append(_host(cache.netloc, "/v2", registry, ca_path))
    return "\n".join(["# Written by Sealer.", *hosts])


def _host(netloc: str, path: str, registry: RegistryEndpoint, ca_path: str) -> str:
    host = _string(f"https://{netloc}{path}")
    account = [f"  [host.{host}.header]", f'    Authorization = "Basic {registry.credentials}"']
    return "\n".join(
        chain(
            [f"[host.{host}]", '  capabilities = ["pull", "resolve"]'],
            ["  override_path = true"] if path != "/v2" else [],
            [f"  ca = {_string(ca_path)}"] if registry.certificate_authority else [],
            account if registry.credentials else [],
            [""],
        )
    )


def _string(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
