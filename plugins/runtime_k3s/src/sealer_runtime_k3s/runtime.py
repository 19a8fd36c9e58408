"""k3s as a cluster runtime: the steps that start the first server and let others join."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sealer.changes import Change, Command, File, Output, Wait
from sealer.kubernetes import JOINS, host_needs, mark_step
from sealer.model import (
    Check,
    Cluster,
    Departure,
    Host,
    Probe,
    RegistryEndpoint,
    Renewal,
    Step,
    Traffic,
    Upgrade,
    Value,
    at,
)
from sealer.providers import (
    ClusterRuntime,
    ImageImport,
    SupportsCertificates,
    SupportsImageImport,
    SupportsUpgrade,
)
from sealer_runtime_k3s import etcd, fragments, probes
from sealer_runtime_k3s.certificates import certificate_files, renewal_steps
from sealer_runtime_k3s.checks import ServiceRuns, all_checks, traffic
from sealer_runtime_k3s.config import has_etcd, has_network, registries
from sealer_runtime_k3s.documents import DOCUMENT_KINDS
from sealer_runtime_k3s.names import (
    JOIN_TOKEN,
    KUBECONFIG,
    KUBECTL,
    NODE_SECRET,
    REGISTRIES,
    REGISTRY_AUTHORITY,
    SERVER_SECRET,
    SOCKET,
    node_name,
    unit,
)
from sealer_runtime_k3s.prepare import PREPARED, prepare_step
from sealer_runtime_k3s.removal import removal_steps
from sealer_runtime_k3s.units import unit_change
from sealer_runtime_k3s.upgrade import upgrade_steps
from sealer_runtime_k3s.version import image_version

_JOINED = "k3s-joined"


class K3s(ClusterRuntime, SupportsCertificates, SupportsUpgrade, SupportsImageImport):
    """k3s: Kubernetes in one program, with etcd, containerd and a network of pods inside."""

    name = "k3s"
    summary = "Kubernetes by k3s, with embedded etcd"
    document_kinds = DOCUMENT_KINDS
    restarts_for_mirrors = True

    def probes(self) -> tuple[Probe, ...]:
        return probes.ALL

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return all_checks()

    def health(self, cluster: Cluster) -> Iterable[Check]:
        return (ServiceRuns(),)

    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        return traffic(cluster)

    def becomes_ready(self, cluster: Cluster) -> bool:
        return has_network(cluster)

    def kubeconfig_path(self, cluster: Cluster) -> str:
        return KUBECONFIG

    def create(self, cluster: Cluster) -> Iterable[Step]:
        """Return the steps of the first server: prepare, serve, and its labels.

        Raises:
            PlanError: The image, the environment or the documents ask for what can't work.
        """
        image_version(cluster.image)
        host = cluster.first_master
        yield prepare_step(cluster, host)
        yield _serve_step(cluster, host)
        yield _mark_step(cluster, host)

    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        """Return the steps of further hosts: nodes join side by side, servers one after the other.

        Raises:
            PlanError: The image, the environment or the documents ask for what can't work.
        """
        if not hosts:
            return
        token = _token_step(cluster)
        yield token
        before: tuple[str, ...] = ()
        for host in hosts:
            yield prepare_step(cluster, host)
            yield _join_step(cluster, host, token, before if host.is_master else ())
            yield _mark_step(cluster, host, at(_JOINED, host.name))
            if host.is_master:
                # etcd takes one new member at a time.
                before = (at(_JOINED, host.name),)

    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        """Return a step for each host: drained, forgotten, and out of etcd if it is a server.

        Raises:
            PlanError: etcd would lose its quorum, or nobody could do it.
        """
        return removal_steps(cluster, departure)

    def certificate_files(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        return certificate_files(host)

    def renew(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        """Return the steps: servers one after the other, or all at once when certificates ended; then agents.

        Raises:
            PlanError: The image, the environment or the documents ask for what can't work.
        """
        return renewal_steps(cluster, renewal)

    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        """Return the steps: etcd saved, servers one by one, agents in batches, each drained and then healthy.

        Raises:
            PlanError: There is no way from the one version to the other, or the settings can't work.
        """
        return upgrade_steps(cluster, upgrade)

    def image_import(self) -> ImageImport:
        return ImageImport(present=f"[ -S {SOCKET} ]", run="k3s ctr -n k8s.io images import -")

    def mirrors(
        self, cluster: Cluster, host: Host, registry: RegistryEndpoint, domains: Sequence[str]
    ) -> Iterable[Change]:
        """Return registries.yaml, and the restart without which a k3s that runs would not read it.

        Raises:
            PlanError: The documents ask for what can't work.
        """
        if registry.certificate_authority is not None:
            yield File(path=REGISTRY_AUTHORITY, content=str(registry.certificate_authority))
        yield File(path=REGISTRIES, content=registries(registry, domains), mode=0o600)
        is_read, is_off = fragments.mirrors_are_read(unit(host)), fragments.is_off(unit(host))
        if host.is_master and has_etcd(cluster):
            yield Wait(
                title="etcd can do without this server for a moment",
                until=f"{is_read} || {{\n{etcd.can_restart(host)}\n}}",
                why=etcd.why_not_restart(host),
                limit=120,
            )
        yield Command(
            title="k3s reads registries.yaml",
            run=f"systemctl restart {unit(host)}",
            unless=is_read,
            limit=300,
            repeatable=True,
        )
        if host.is_master:
            yield Wait(
                title="the server is ready with its mirrors",
                until=f"{is_off} || {fragments.API_ANSWERS}",
                why=fragments.WHY_NO_API,
                limit=360,
            )


def _mark_step(cluster: Cluster, host: Host, *requires: str) -> Step:
    return mark_step(cluster, host, node=node_name(host), kubectl=KUBECTL, requires=requires)


def _serve_step(cluster: Cluster, host: Host) -> Step:
    secrets = (("servers", SERVER_SECRET), ("nodes", NODE_SECRET))
    return Step(
        id=at("k3s/serve", host.name),
        title="start the control plane",
        host=host.name,
        changes=(
            *(
                Command(title=f"password of {who}", run=fragments.make_secret(path), creates=path)
                for who, path in secrets
            ),
            unit_change(cluster, host),
            # Of a server that joined, and has become the first since: others will join by it.
            Command(
                title="k3s knows the password of servers",
                run=f"systemctl restart {unit(host)}",
                unless=fragments.KNOWS_PASSWORD,
                limit=300,
                repeatable=True,
            ),
            fragments.api_answers(),
        ),
        provides=("api",),
        requires=host_needs(cluster, host, at(PREPARED, host.name)),
        timeout=900,
    )


def _token_step(cluster: Cluster) -> Step:
    """Return the step that reads what hosts need to join; a secret is never written down by us."""
    host = cluster.first_master
    return Step(
        id=at("k3s/token", host.name),
        title="read the join tokens",
        host=host.name,
        changes=(
            Command(
                title="join tokens",
                run=":",
                unless="true",
                yields=(
                    Output(key="server", script=fragments.SERVER_TOKEN, secret=True),
                    Output(key="node", script=fragments.NODE_TOKEN, secret=True),
                    Output(key="servers", script=fragments.SERVER_PASSWORD, secret=True),
                    Output(key="nodes", script=f"cat {NODE_SECRET}", secret=True),
                ),
            ),
        ),
        requires=("api",),
    )


def _join_step(cluster: Cluster, host: Host, token: Step, before: Sequence[str]) -> Step:
    changes = _server_changes if host.is_master else _agent_changes
    return Step(
        id=at("k3s/join", host.name),
        title="join the control plane" if host.is_master else "join the cluster",
        host=host.name,
        changes=changes(cluster, host, token),
        provides=(at(_JOINED, host.name),),
        requires=("api", *host_needs(cluster, host, at(PREPARED, host.name)), *before),
        timeout=900,
        concurrency=JOINS,
    )


def _agent_changes(cluster: Cluster, host: Host, token: Step) -> tuple[Change, ...]:
    return (_secret(JOIN_TOKEN, token.value("node")), unit_change(cluster, host))


def _server_changes(cluster: Cluster, host: Host, token: Step) -> tuple[Change, ...]:
    """Return the changes after which a server is a voting member.

    A token with the authority in it is for the first start alone: k3s would take all of it for the password
    of those who join by this server later, and the key to what a database keeps.
    """
    by_etcd = has_etcd(cluster)
    first = token.value("server" if by_etcd else "servers")
    return (
        Command(
            title="join token of k3s",
            run=fragments.keep_token(str(first)),
            unless=fragments.HAS_JOINED_ETCD if by_etcd else fragments.HAS_AUTHORITY,
        ),
        _secret(NODE_SECRET, token.value("nodes")),
        unit_change(cluster, host),
        fragments.api_answers(),
        _secret(SERVER_SECRET, token.value("servers")),
    )


def _secret(path: str, value: Value) -> File:
    return File(path=path, content=f"{value}\n", mode=0o600)
