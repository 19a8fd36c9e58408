"""k0s as a cluster runtime: the steps that start the first controller and let others join."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sealer.changes import Change, Command, Output
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
    at,
)
from sealer.providers import (
    ClusterRuntime,
    ImageImport,
    SupportsCertificates,
    SupportsImageImport,
    SupportsUpgrade,
)
from sealer_runtime_k0s import containerd, fragments, probes
from sealer_runtime_k0s.certificates import certificate_files, renewal_steps
from sealer_runtime_k0s.checks import ServiceRuns, all_checks, traffic
from sealer_runtime_k0s.config import has_etcd, has_network, is_worker
from sealer_runtime_k0s.documents import GROUP, IMAGE_FILE, KIND
from sealer_runtime_k0s.names import KUBECONFIG, KUBECTL, SOCKET, node_name
from sealer_runtime_k0s.prepare import PREPARED, prepare_step
from sealer_runtime_k0s.removal import removal_steps
from sealer_runtime_k0s.units import unit_change
from sealer_runtime_k0s.upgrade import upgrade_steps
from sealer_runtime_k0s.version import image_version
from sealer_runtime_k0s.waits import balanced, registered

_JOINED = "k0s-joined"
_CONTROLLER, _WORKER = "controller", "worker"


class K0s(ClusterRuntime, SupportsCertificates, SupportsUpgrade, SupportsImageImport):
    """k0s: Kubernetes in one program, with etcd, containerd and a network of pods inside."""

    name = "k0s"
    summary = "Kubernetes by k0s, with etcd on each controller"
    image_files = (IMAGE_FILE,)
    document_kinds = frozenset({f"{GROUP}{KIND}"})

    def probes(self) -> tuple[Probe, ...]:
        return probes.ALL

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return all_checks()

    def health(self, cluster: Cluster) -> Iterable[Check]:
        return (ServiceRuns(),)

    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        return traffic(cluster)

    def becomes_ready(self, cluster: Cluster) -> bool:
        return has_network(cluster) and all(is_worker(cluster, host) for host in cluster.hosts)

    def kubeconfig_path(self, cluster: Cluster) -> str:
        return KUBECONFIG

    def create(self, cluster: Cluster) -> Iterable[Step]:
        """Return the steps of the first controller: prepare, serve, and its labels.

        Raises:
            PlanError: The image, the environment or the documents ask for what can't work.
        """
        host = cluster.first_master
        yield prepare_step(cluster, host)
        yield _serve_step(cluster, host)
        if is_worker(cluster, host):
            yield _mark_step(cluster, host)

    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        """Return the steps of further hosts: workers join side by side, controllers one after the other.

        Raises:
            PlanError: The image, the environment or the documents ask for what can't work.
        """
        tokens = {role: _token_step(cluster, role) for role in dict.fromkeys(map(_role, hosts))}
        yield from tokens.values()
        before: tuple[str, ...] = ()
        for host in hosts:
            yield prepare_step(cluster, host)
            yield _join_step(cluster, host, tokens[_role(host)], before if host.is_master else ())
            if is_worker(cluster, host):
                yield _mark_step(cluster, host, at(_JOINED, host.name))
            if host.is_master:
                # etcd takes one new member at a time.
                before = (at(_JOINED, host.name),)

    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        """Return a step for each host: drained, out of etcd if it is a controller, and forgotten.

        Raises:
            PlanError: etcd would lose its quorum, nobody could do it, or workers know that controller alone.
        """
        return removal_steps(cluster, departure)

    def certificate_files(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        return certificate_files(cluster, host)

    def renew(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        """Return the steps: controllers one after the other, then all workers.

        Raises:
            PlanError: The image, the environment or the documents ask for what can't work.
        """
        return renewal_steps(cluster, renewal, _token_step(cluster, _WORKER))

    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        """Return the steps: a backup, masters one by one, nodes in batches, each drained and then healthy.

        Raises:
            PlanError: There is no way from the one version to the other, or the settings can't work.
        """
        return upgrade_steps(cluster, upgrade)

    def image_import(self) -> ImageImport:
        # Since v1.21 only.
        return ImageImport(
            present=f"[ -S {SOCKET} ] && k0s ctr --help >/dev/null 2>&1",
            run="k0s ctr -n k8s.io images import -",
        )

    def mirrors(
        self, cluster: Cluster, host: Host, registry: RegistryEndpoint, domains: Sequence[str]
    ) -> Iterable[Change]:
        """Return the mirrors of the containerd inside k0s; where nothing runs in containers there are none.

        Raises:
            PlanError: The image's version can't be installed.
        """
        return containerd.mirrors(cluster, host, registry, domains) if is_worker(cluster, host) else ()


def _role(host: Host) -> str:
    return _CONTROLLER if host.is_master else _WORKER


def _mark_step(cluster: Cluster, host: Host, *requires: str) -> Step:
    return mark_step(cluster, host, node=node_name(host), kubectl=KUBECTL, requires=requires)


def _member(cluster: Cluster, host: Host) -> tuple[str, ...]:
    """Return that a controller that is no node is a member as soon as it serves."""
    return () if is_worker(cluster, host) else (at("member", host.name),)


def _serve_step(cluster: Cluster, host: Host) -> Step:
    return Step(
        id=at("k0s/serve", host.name),
        title="start the control plane",
        host=host.name,
        changes=(unit_change(cluster, host), fragments.api_answers()),
        provides=("api", *_member(cluster, host)),
        requires=host_needs(cluster, host, at(PREPARED, host.name)),
        timeout=900,
    )


def _token_step(cluster: Cluster, role: str) -> Step:
    """Return the step whose every visit makes a new token for a role: a secret is never written down."""
    host = cluster.first_master
    script = fragments.new_token(image_version(cluster.image), role)
    return Step(
        id=at(f"k0s/token/{role}", host.name),
        title=f"make a join token for {role}s",
        host=host.name,
        changes=(
            Command(
                title=f"join token for {role}s",
                run=":",
                unless="true",
                yields=(Output(key="token", script=script, secret=True, fresh=True),),
            ),
        ),
        requires=("api",),
    )


def _join_step(cluster: Cluster, host: Host, token: Step, before: Sequence[str]) -> Step:
    if host.is_master:
        joined = fragments.HAS_JOINED_ETCD if has_etcd(cluster) else fragments.HAS_AUTHORITY
        waits: tuple[Change, ...] = (fragments.api_answers(),)
    else:
        joined = fragments.IS_REGISTERED
        waits = (registered(host), *balanced(cluster, host))
    text = fragments.keep_token(str(token.value("token")), controller=host.is_master)
    return Step(
        id=at("k0s/join", host.name),
        title="join the control plane" if host.is_master else "join the cluster",
        host=host.name,
        changes=(
            Command(title="join token of k0s", run=text, unless=joined),
            unit_change(cluster, host),
            *waits,
        ),
        provides=(at(_JOINED, host.name), *_member(cluster, host)),
        requires=("api", *host_needs(cluster, host, at(PREPARED, host.name)), *before),
        timeout=900,
        concurrency=JOINS,
    )
