"""Checks of a running cluster that are the same with every distribution: its nodes, its pods, its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sealer.changes import quote
from sealer.model import NO_ANSWER, Check, Cluster, Finding, Host, Probe, Severity

SYSTEM_NAMESPACE = "kube-system"
SUBJECT = "cluster"

_FAILED = "failed"
_NOW = "now\t"
_TELL_TIME = "date -u +'now\t%Y-%m-%dT%H:%M:%SZ'"
_BEGINNING_SECONDS = 120
_ADDRESS = re.compile(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*")
_NODES = Probe(name="kubernetes/health-nodes", script="")
_PODS = Probe(name="kubernetes/health-pods", script="")
_NAMES = Probe(name="kubernetes/health-names", script="")
_RESOLVED = Probe(name="kubernetes/health-resolved", script="")

_NODE_LINES = (
    r"{{range .items}}{{.metadata.name}}{{'\t'}}{{range .status.addresses}}{{.address}} {{end}}{{'\t'}}"
    r"{{if .spec.unschedulable}}cordoned{{end}}{{'\t'}}{{range .status.conditions}}{{if eq .type 'Ready'}}"
    r"{{.status}}{{'\t'}}{{.reason}}: {{.message}}{{end}}{{end}}{{'\n'}}{{end}}"
).replace("'", '"')

_POD_LINES = (
    r"{{range .items}}{{.metadata.name}}{{'\t'}}{{.status.hostIP}}{{'\t'}}{{.status.phase}}{{'\t'}}"
    r"{{range .status.conditions}}{{if eq .type 'Ready'}}{{.status}}{{end}}{{end}}{{'\t'}}"
    r"{{range .status.conditions}}{{if ne .status 'True'}}{{.message}}|{{end}}{{end}}"
    r"{{range .status.containerStatuses}}{{if .state.waiting}}{{.state.waiting.reason}}|{{end}}{{end}}"
    r"{{'\t'}}{{.metadata.creationTimestamp}}"
    r"{{range .status.containerStatuses}}{{if .state.running}} {{.state.running.startedAt}}{{end}}{{end}}"
    r"{{'\t'}}{{range .status.containerStatuses}}{{.restartCount}} {{end}}{{'\n'}}{{end}}"
).replace("'", '"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """How kubectl finds the cluster on a master.

    Attributes:
        kubeconfig: The path of the administrator's kubeconfig.
        programs: A directory that comes first in PATH.
    """

    kubeconfig: str
    programs: str

    def asking(self, words: str) -> str:
        """Return sh that asks the API server: ``ok`` and what it says, or ``failed`` and why.

        It prints nothing where there is no kubeconfig.
        """
        return f"""\
PATH={quote(self.programs)}:$PATH
[ -r {quote(self.kubeconfig)} ] || exit 1
if said=$(kubectl --kubeconfig {quote(self.kubeconfig)} --request-timeout=20s {words} 2>&1); then
  printf 'ok\\n%s\\n' "$said"
else
  printf '{_FAILED}\\n%s\\n' "$said" | tail -n 2
fi"""


class _OfTheCluster(Check):
    """Base of checks that ask the API server, by every master that can be reached.

    Args:
        kubectl: How it is asked.
    """

    subject = SUBJECT
    question: Probe
    words: str

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the question, for masters."""
        if not host.is_master:
            return ()
        return (Probe(name=self.question.name, script=self._kubectl.asking(self.words)),)

    def _answer(self, cluster: Cluster) -> tuple[Host, str, tuple[str, ...]]:
        """Return the master that got an answer, or said last why not; ``ok`` or not; and the lines."""
        last = (cluster.first_master, "", ("no master could be asked",))
        for host in cluster.masters:
            text = host.facts.answers.get(self.question.name, "")
            state, _, said = text.partition("\n")
            if state == "ok":
                return host, "ok", tuple(line for line in said.splitlines() if line.strip())
            if state == _FAILED:
                last = (host, _FAILED, (" ".join(said.split()),))
        return last


class NodesReady(_OfTheCluster):
    """Every host is a node that is Ready and takes pods."""

    id = "cluster-nodes"
    title = "every host is a Ready node"
    question = _NODES
    words = f"get nodes -o go-template={quote(_NODE_LINES)}"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return what is wrong with nodes, or that the API server does not answer."""
        speaker, state, lines = self._answer(cluster)
        if state == _FAILED:
            yield self.finding(
                speaker.name,
                found=f"the API server does not answer: {lines[0]}",
                wanted="an API server that answers",
                mend="look at the control plane on this host: its services, their containers, and the disk",
            )
            return
        if not state:
            yield self.not_checked(speaker.name, lines[0])
            return
        yield from self._judge(cluster, [tuple(line.split("\t")) for line in lines])

    def _judge(self, cluster: Cluster, nodes: list[tuple[str, ...]]) -> Iterator[Finding]:
        for host in cluster.hosts:
            found = [node for node in nodes if len(node) > 1 and host.address in node[1].split()]
            if not found:
                yield self.finding(
                    host.name,
                    found="no node has the address of the host",
                    wanted="a node that is Ready",
                    mend="sealer run IMAGE with all hosts brings it back",
                )
                continue
            name, _, cordoned, ready, reason, *_ = (*found[0], "", "", "", "")
            if ready != "True":
                yield self.finding(
                    host.name,
                    found=f"node {name} is not Ready: {reason or 'its host has said nothing'}",
                    wanted="a node that is Ready",
                    mend="the log of its service on the host says why: journalctl",
                )
            elif cordoned:
                yield self.finding(
                    host.name,
                    found=f"node {name} is cordoned: no pod is put there",
                    wanted="a node that takes pods",
                    mend=f"kubectl uncordon {name}",
                    severity=Severity.WARNING,
                )


class SystemPods(_OfTheCluster):
    """The pods of the cluster's own namespace are ready, or have only just begun.

    That pods of the control plane are ready, which its kubelet runs from files, it may say a minute late.
    """

    id = "cluster-system-pods"
    title = f"the pods of {SYSTEM_NAMESPACE} are ready"
    question = _PODS
    words = f"get pods -n {SYSTEM_NAMESPACE} -o go-template={quote(_POD_LINES)} && {_TELL_TIME}"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each pod that is not ready."""
        speaker, state, lines = self._answer(cluster)
        if state != "ok":
            yield self.not_checked(speaker.name, lines[0] or NO_ANSWER)
            return
        hosts = {host.address: host.name for host in cluster.hosts}
        now = next((line.partition("\t")[2] for line in lines if line.startswith(_NOW)), "")
        for line in lines:
            if line.startswith(_NOW):
                continue
            name, address, phase, ready, reason, began, restarts, *_ = (*line.split("\t"), *6 * [""])
            if ready == "True" or phase == "Succeeded":
                continue
            said = (part.strip() for part in reason.replace("<no value>", "").split("|"))
            words = "; ".join(dict.fromkeys(part for part in said if part))
            yield self.finding(
                hosts.get(address, speaker.name),
                found=f"pod {name} is {phase or 'Unknown'} and not ready" + (f": {words}" if words else ""),
                wanted="all pods ready",
                mend=f"kubectl -n {SYSTEM_NAMESPACE} describe pod {name}",
                severity=Severity.WARNING if _just_began(began, restarts, now) else None,
            )


def _just_began(began: str, restarts: str, now: str) -> bool:
    """Tell whether a pod, or the last of its containers, has begun only now, and none for the second time.

    Args:
        began: Times of RFC 3339.
        restarts: How often each container was started again.
        now: The time, as of RFC 3339.
    """
    try:
        last = max(datetime.fromisoformat(time) for time in began.split())
        seconds = (datetime.fromisoformat(now) - last).total_seconds()
    except (ValueError, TypeError):
        return False
    return seconds < _BEGINNING_SECONDS and set(restarts.split()) <= {"0"}


# The service has one name everywhere; the domain is in the settings of its usual program, if that is it.
_ASK_NAMES = f"""\
get service kube-dns --ignore-not-found -n {SYSTEM_NAMESPACE} -o 'jsonpath={{.spec.clusterIP}}' &&
  kubectl --kubeconfig "$KUBECONFIG" --request-timeout=20s get configmap coredns -n {SYSTEM_NAMESPACE} \
-o 'jsonpath={{.data.Corefile}}' | sed -n 's/^ *kubernetes \\([^ ]*\\).*/ \\1/p'"""


class ClusterNames(_OfTheCluster):
    """Every host gets the address of the API's service from the DNS inside the cluster."""

    id = "cluster-dns"
    title = "names are resolved inside the cluster"
    question = _NAMES
    words = _ASK_NAMES

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the service's address and the domain; it stays without answer on nodes."""
        export = f"KUBECONFIG={quote(self._kubectl.kubeconfig)}\n"
        return (Probe(name=self.question.name, script=export + self._kubectl.asking(self.words)),)

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the question that every host asks the service."""
        found = self._service(cluster)
        if found is None:
            return ()
        return (Probe(name=_RESOLVED.name, script=_resolving(*found)),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host that gets no address."""
        found = self._service(cluster)
        if found is None:
            speaker, state, lines = self._answer(cluster)
            reason = "there is no service of DNS" if state == "ok" else lines[0] or NO_ANSWER
            yield self.not_checked(speaker.name, reason)
            return
        address, domain = found
        for host in cluster.hosts:
            said = host.facts.answers.get(_RESOLVED.name, "").strip()
            if not said:
                yield self.not_checked(host.name, f"{NO_ANSWER}; it takes unshare and getent")
            elif said == "nothing":
                yield self.finding(
                    host.name,
                    found=f"{address} gives no address for kubernetes.default.svc.{domain}",
                    wanted="the address of the API's service",
                    mend=f"look at the pods of DNS and kube-proxy: kubectl -n {SYSTEM_NAMESPACE} get pods",
                )

    def _service(self, cluster: Cluster) -> tuple[str, str] | None:
        _, state, lines = self._answer(cluster)
        if state != "ok" or not lines:
            return None
        address, *rest = lines[0].split()
        if _ADDRESS.fullmatch(address) is None:
            return None
        return address, rest[-1] if rest and _ADDRESS.fullmatch(rest[-1]) is None else "cluster.local"


def _resolving(address: str, domain: str) -> str:
    """Return sh that asks one name server and no other: with resolver settings that nobody else sees."""
    inside = f"""\
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
printf 'nameserver %s\\noptions timeout:5 attempts:2\\n' {quote(address)} > "$work/resolv"
echo 'hosts: dns' > "$work/nsswitch"
mount --bind "$work/resolv" /etc/resolv.conf && mount --bind "$work/nsswitch" /etc/nsswitch.conf || exit 0
if found=$(getent ahosts {quote(f"kubernetes.default.svc.{domain}.")}); then echo "$found" | head -n 1
else echo nothing; fi"""
    return f"command -v getent >/dev/null && unshare -m sh -c {quote(inside)}"


def cluster_health(kubectl: Kubectl) -> tuple[Check, ...]:
    """Return the checks of a running cluster."""
    return (NodesReady(kubectl), SystemPods(kubectl), ClusterNames(kubectl))
