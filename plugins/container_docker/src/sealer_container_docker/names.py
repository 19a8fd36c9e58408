"""Names and places of Docker on a host."""

from __future__ import annotations

PROGRAMS = "/usr/local/lib/sealer-docker"
"""Where our programs are: a containerd that was there before must not find our shim on its PATH."""

BOUNDED_RUNC = f"{PROGRAMS}/runc-bounded"
CLIENT = "/usr/local/bin/docker"
DAEMON_JSON = "/etc/docker/daemon.json"
CERTIFICATES = "/etc/docker/certs.d"
LOGIN = "/etc/docker/sealer"
"""Where the client finds the account of the cluster's registry; people's own settings are not touched."""

NODE_LOGIN = "/var/lib/kubelet/config.json"
"""Where the kubelet looks for accounts of registries."""

DATA_ROOT = "/var/lib/docker"
CONTAINERD_SOCKET = "/var/run/docker/containerd/containerd.sock"
"""Of the containerd that dockerd starts for itself, in the words it gives to shims."""

DOCKER_UNIT = "docker.service"
DOCKER_UNIT_PATH = f"/etc/systemd/system/{DOCKER_UNIT}"
CRI_UNIT = "cri-docker.service"
CRI_PROGRAM = f"{PROGRAMS}/cri-dockerd"

SHIM_SOCKET = "/var/run/dockershim.sock"
"""Of the dockershim inside kubelets; kubeadm knows it by just this spelling."""

CRI_SOCKET = "/run/cri-dockerd.sock"
FIRST_WITHOUT_SHIM = (1, 24)
"""The Kubernetes whose kubelet has no dockershim any more."""

MARK = "# Written by Sealer for the cluster "
"""How our unit's first line begins; the cluster's name follows."""
