"""Tasks on the cluster as a whole: waiting until it is healthy, and a snapshot of its store."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import ClassVar

from sealer.changes import Change, Command, quote
from sealer.model import Cluster, Host, Task, bracketed
from sealer.providers import TaskType

_LONGEST_WAIT = 900
_DIRECTORY = "/var/lib/sealer-etcd-snapshots"
_CERTIFICATES = "/etc/kubernetes/pki/etcd"
_PODS = '{{range .items}}{{.status.hostIP}} {{.metadata.name}}{{"\\n"}}{{end}}'


_READY = (
    '{{range .items}}{{$ready := "False"}}{{range .status.conditions}}'
    '{{if eq .type "Ready"}}{{$ready = .status}}{{end}}{{end}}{{$ready}} {{end}}'
)
"""Prints a word for each pod: whether it is Ready."""


class ClusterCheck(TaskType):
    """Waits until every pod of ``kube-system`` is ready."""

    name: ClassVar[str] = "clustercheck"
    summary: ClassVar[str] = "waits until the cluster's own pods are ready"

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        text = task.data.strip() or str(_LONGEST_WAIT)
        if not text.isdigit() or not 0 < int(text) <= _LONGEST_WAIT:
            raise ValueError(f"data must be seconds, at most {_LONGEST_WAIT}, or nothing")
        # Pods that have done their work are never Ready again.
        pods = "-n kube-system --field-selector=status.phase!=Succeeded,status.phase!=Failed"
        yield Command(
            title=f"{task.name} at {task.phase}",
            run=f"kubectl wait --for=condition=Ready pod {pods} --timeout={text}s >&2",
            # To wait for a second only would be too short where there are many, or much else to do.
            unless=f"found=$(kubectl get pods {pods} -o go-template={quote(_READY)}) || exit\n"
            'case " $found" in *" False "* | *" Unknown "* | " ") exit 1 ;; esac',
            limit=int(text) + 60.0,
        )


class Etcd(TaskType):
    """A snapshot of etcd, made by the etcdctl of its own pod on the first master."""

    name: ClassVar[str] = "etcd"
    summary: ClassVar[str] = "snapshots of etcd"

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        directory = task.data.strip() or _DIRECTORY
        if not posixpath.isabs(directory) or ".." in directory.split("/"):
            raise ValueError("data must be the absolute path of a directory, or nothing")
        server = quote(f"https://{bracketed(host.loopback)}:2379")
        flags = (
            f"--endpoints={server} --cacert={_CERTIFICATES}/ca.crt "
            f"--cert={_CERTIFICATES}/server.crt --key={_CERTIFICATES}/server.key"
        )
        yield Command(
            title=f"{task.name} at {task.phase}",
            run=(
                # That of this host, where the file is to be; its image has no programs but its own.
                f"pod=$(kubectl get pods -n kube-system -l component=etcd -o go-template={quote(_PODS)} | "
                f"awk -v address={quote(host.address)} '$1 == address {{ print $2; exit }}')\n"
                '[ -n "$pod" ] || { echo "no pod of etcd runs in kube-system on this host" >&2; exit 1; }\n'
                f'kubectl exec -n kube-system "$pod" -c etcd -- etcdctl {flags} '
                "snapshot save /var/lib/etcd/sealer-snapshot.db >&2\n"
                f"mkdir -p -m 700 {quote(directory)}\n"
                f"mv /var/lib/etcd/sealer-snapshot.db "
                f"{quote(directory)}/snapshot-$(date -u +%Y%m%d-%H%M%S).db"
            ),
        )
