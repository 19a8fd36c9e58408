"""The user's ``K3sConfig`` documents: which settings there are, and which of them agents know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sealer.errors import PlanError
from sealer.model import Cluster

DOCUMENT = "K3sConfig"
DOCUMENT_KINDS = frozenset({f"k3s.cattle.io/{DOCUMENT}", f"sealer.io/{DOCUMENT}"})
"""The documents of Clusterfiles that are heeded."""

_OURS = frozenset(
    {
        # What tells one host from another, or is secret.
        "server", "token", "token-file", "agent-token", "agent-token-file", "cluster-secret",
        "node-name", "node-ip", "i", "s", "t",
        # How a cluster begins: once, and not at each start.
        "cluster-init", "cluster-reset", "cluster-reset-restore-path",
        # Where k3s listens and keeps its files: all else relies on it.
        "config", "data-dir", "https-listen-port", "private-registry", "write-kubeconfig", "c", "d", "o",
    }
)  # fmt: skip
"""What is not the user's to say."""

# Of k3s 1.21 to 1.36 (`k3s agent --help`); all else would stop an agent from starting.
AGENT_KEYS = frozenset(
    [
        "airgap-extra-registry", "alsologtostderr", "bind-address", "container-runtime-endpoint", "debug",
        "default-runtime", "disable-apiserver-lb", "disable-default-registry-endpoint", "docker",
        "enable-pprof", "flannel-cni-conf", "flannel-conf", "flannel-iface",
        "image-credential-provider-bin-dir", "image-credential-provider-config", "image-service-endpoint",
        "kube-proxy-arg", "kubelet-arg", "l", "lb-server-port", "log", "node-external-dns",
        "node-external-ip", "node-internal-dns", "node-label", "node-taint", "nonroot-devices", "pause-image",
        "prefer-bundled-bin", "protect-kernel-defaults", "resolv-conf", "rootless", "selinux",
        "snapshotter", "v", "vmodule", "vpn-auth", "vpn-auth-file", "with-node-id",
    ]
)  # fmt: skip

# Of k3s 1.21 to 1.36 (`k3s server --help`).
_SERVER_KEYS = frozenset(
    [
        "advertise-address", "advertise-port", "cluster-cidr", "cluster-dns", "cluster-domain",
        "datastore-cafile", "datastore-certfile", "datastore-endpoint", "datastore-keyfile",
        "default-local-storage-path", "disable", "disable-agent", "disable-apiserver",
        "disable-cloud-controller", "disable-controller-manager", "disable-etcd", "disable-helm-controller",
        "disable-kube-proxy", "disable-network-policy", "disable-scheduler", "egress-selector-mode",
        "embedded-registry", "etcd-arg", "etcd-disable-snapshots", "etcd-expose-metrics", "etcd-s3",
        "etcd-s3-access-key", "etcd-s3-bucket", "etcd-s3-config-secret", "etcd-s3-endpoint",
        "etcd-s3-endpoint-ca", "etcd-s3-folder", "etcd-s3-insecure", "etcd-s3-proxy", "etcd-s3-region",
        "etcd-s3-retention", "etcd-s3-secret-key", "etcd-s3-session-token", "etcd-s3-skip-ssl-verify",
        "etcd-s3-timeout", "etcd-snapshot-compress", "etcd-snapshot-dir", "etcd-snapshot-name",
        "etcd-snapshot-retention", "etcd-snapshot-schedule-cron", "flannel-backend", "flannel-external-ip",
        "flannel-ipv6-masq", "helm-job-image", "kube-apiserver-arg", "kube-cloud-controller-manager-arg",
        "kube-controller-manager-arg", "kube-scheduler-arg", "multi-cluster-cidr", "no-deploy",
        "secrets-encryption", "secrets-encryption-provider", "service-cidr", "service-node-port-range",
        "servicelb-namespace", "supervisor-metrics", "system-default-registry", "tls-san",
        "tls-san-security", "write-kubeconfig-group", "write-kubeconfig-mode",
    ]
)  # fmt: skip

KNOWN_KEYS = AGENT_KEYS | _SERVER_KEYS


def asked(cluster: Cluster) -> dict[str, Any]:
    """Return the settings of the user's documents, the later ones winning.

    Raises:
        PlanError: They set what is not theirs.
    """
    result: dict[str, Any] = {}
    for document in cluster.documents:
        if document.get("kind") != DOCUMENT:
            continue
        spec = document.get("spec") or {}
        if not isinstance(spec, Mapping):
            raise PlanError(f"spec of a {DOCUMENT} is no mapping", hint="write the keys of k3s' config.yaml")
        refused = sorted(key for key in map(str, spec) if plain(key) in _OURS)
        if refused:
            raise PlanError(
                f"{DOCUMENT} sets {', '.join(refused)}, which Sealer sets for each host",
                hint="leave it away",
            )
        result |= spec
    return result


def plain(key: str) -> str:
    """Return the name of a setting without the sign that it is added to."""
    return key.removesuffix("+")


def as_list(value: object) -> list[str]:
    """Return what a setting says, which may be one word or several."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def as_text(value: object) -> str:
    """Return what a setting says with commas between its words; empty when it says nothing."""
    return ",".join(as_list(value)) if value else ""
