"""The texts of the units of Docker and cri-dockerd."""

from __future__ import annotations

from sealer.kubernetes import CNI_PROGRAMS
from sealer_container_docker.names import CRI_PROGRAM, CRI_SOCKET, DOCKER_UNIT, MARK, PROGRAMS

CNI_CONFIG = "/etc/cni/net.d"


def docker_unit(cluster: str) -> str:
    """Return the unit of Docker. Containers outlive a restart of it: only its main process is killed."""
    return f"""\
{MARK}{cluster}
[Unit]
Description=Docker
Documentation=https://docs.docker.com
After=network-online.target firewalld.service

[Service]
Type=notify
Environment=PATH={PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart={PROGRAMS}/dockerd
ExecReload=/bin/kill -s HUP $MAINPID
Delegate=yes
KillMode=process
TimeoutStartSec=0
Restart=always
RestartSec=5
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""


def cri_unit(cluster: str, *, pause: str | None) -> str:
    """Return the unit of cri-dockerd, through which a kubelet without dockershim speaks to Docker."""
    words = [
        CRI_PROGRAM,
        f"--container-runtime-endpoint unix://{CRI_SOCKET}",
        "--network-plugin=cni",
        # Otherwise a pod whose network gives it addresses of both families is known by one of them alone.
        "--ipv6-dual-stack",
        # What kubectl exec streams comes by way of the kubelet; unless told, it listens on all addresses.
        "--streaming-bind-addr=127.0.0.1",
        f"--cni-bin-dir={CNI_PROGRAMS}",
        f"--cni-conf-dir={CNI_CONFIG}",
        *([] if pause is None else [f"--pod-infra-container-image={pause}"]),
    ]
    return f"""\
{MARK}{cluster}
[Unit]
Description=Container runtime interface of Docker
Documentation=https://mirantis.github.io/cri-dockerd
After={DOCKER_UNIT}
Wants={DOCKER_UNIT}

[Service]
Type=notify
Environment=PATH={PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart={" ".join(words)}
Delegate=yes
KillMode=process
Restart=always
RestartSec=2
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""
