"""Kubernetes by kubeadm as a cluster runtime: the steps that make the first master and let others join."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sealer.changes import Command, File, Output, Wait
from sealer.kubernetes import JOINS, host_needs, mark_step
from sealer.model import Check, Cluster, Departure, Host, Probe, Renewal, Step, Traffic, Upgrade, Value, at
from sealer.providers import ClusterRuntime, SupportsCertificates, SupportsUpgrade
from sealer_runtime_k8s import fragments, probes
from sealer_runtime_k8s.certificates import MASTER_FILES, NODE_FILES, renewal_steps
from sealer_runtime_k8s.checks import KubeletRuns, all_checks
from sealer_runtime_k8s.documents import DOCUMENT_KINDS, IMAGE_FILE
from sealer_runtime_k8s.kubeadm import discovery_kubeconfig, init_configuration, join_configuration
from sealer_runtime_k8s.names import ADMIN_KUBECONFIG, directory, environment, node_name
from sealer_runtime_k8s.prepare import IMAGE_FILES, PREPARED, prepare_step
from sealer_runtime_k8s.removal import removal_steps
from sealer_runtime_k8s.traffic import traffic
from sealer_runtime_k8s.upgrade import upgrade_steps

_JOINED = "kubernetes-joined"


class Kubernetes(ClusterRuntime, SupportsCertificates, SupportsUpgrade):
    """Upstream Kubernetes, installed by the kubeadm that the image brings."""

    name = "kubernetes"
    summary = "upstream Kubernetes by kubeadm"
    image_files = (IMAGE_FILE, *IMAGE_FILES)
    document_kinds = DOCUMENT_KINDS

    def probes(self) -> tuple[Probe, ...]:
        return probes.ALL

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return all_checks()

    def health(self, cluster: Cluster) -> Iterable[Check]:
        return (KubeletRuns(),)

    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        return traffic(cluster)

    def kubeconfig_path(self, cluster: Cluster) -> str:
        return ADMIN_KUBECONFIG

    def create(self, cluster: Cluster) -> Iterable[Step]:
        """Return the steps of the first master: prepare, init, and its labels.

        Raises:
            PlanError: The image, the environment or the kubeadm documents ask for what can't work.
        """
        host = cluster.first_master
        yield prepare_step(cluster, host)
        yield _init_step(cluster, host)
        yield _mark_step(cluster, host)

    def certificate_files(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        return (*MASTER_FILES, *NODE_FILES) if host.is_master else NODE_FILES

    def renew(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        """Return the steps: masters one after the other, then all kubelets.

        Raises:
            PlanError: The image, the environment or the kubeadm documents ask for what can't work.
        """
        return renewal_steps(cluster, renewal, _token_step(cluster))

    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        """Return the steps: etcd saved, masters one by one, nodes in batches, each drained and then healthy.

        Raises:
            PlanError: There is no way from the one version to the other, or the settings can't work.
        """
        return upgrade_steps(cluster, upgrade)

    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        """Return the steps in which hosts are drained, leave etcd if they are masters, and are forgotten.

        Raises:
            PlanError: etcd would lose its quorum, or no master that stays can be reached.
        """
        return removal_steps(cluster, departure)

    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        """Return the steps of further hosts: nodes join side by side, masters one after the other.

        Raises:
            PlanError: The image, the environment or the kubeadm documents ask for what can't work.
        """
        if not hosts:
            return
        token = _token_step(cluster)
        yield token
        masters = [host for host in hosts if host.is_master]
        upload = _certificates_step(cluster) if masters else None
        if upload is not None:
            yield upload
        before: tuple[str, ...] = ()
        for host in hosts:
            yield prepare_step(cluster, host)
            if host.is_master and upload is not None:
                yield _join_step(cluster, host, token, before, key=upload.value("key"))
                # etcd takes one new member at a time.
                before = (at(_JOINED, host.name),)
            else:
                yield _join_step(cluster, host, token, ())
            yield _mark_step(cluster, host, at(_JOINED, host.name))


def _mark_step(cluster: Cluster, host: Host, *requires: str) -> Step:
    return mark_step(
        cluster, host, node=node_name(cluster, host), kubectl=fragments.KUBECTL, requires=requires
    )


def _reset(cluster: Cluster) -> str:
    runtime = cluster.container_runtime
    return fragments.reset(directory(cluster), runtime.endpoint if runtime else "")


def _init_config(cluster: Cluster) -> str:
    return f"{directory(cluster)}/init.yaml"


def _init_step(cluster: Cluster, host: Host) -> Step:
    config = _init_config(cluster)
    mark = f"{directory(cluster)}/initialised"
    return Step(
        id=at("kubernetes/init", host.name),
        title="start the control plane",
        host=host.name,
        changes=(
            File(path=config, content=init_configuration(cluster), mode=0o600),
            Command(
                title="kubeadm init",
                run=fragments.init(config, mark),
                unless=fragments.initialised(mark, f"{directory(cluster)}/joined"),
                revert=_reset(cluster),
                limit=800,
            ),
            Wait(
                title="the API server answers",
                until=fragments.API_ANSWERS,
                why=fragments.WHY_NO_API,
                limit=180,
            ),
        ),
        provides=("api",),
        requires=host_needs(cluster, host, at(PREPARED, host.name)),
        env=environment(),
        timeout=1200,
    )


def _token_step(cluster: Cluster) -> Step:
    """Return the step whose every visit makes a new token: a secret is never written down."""
    host = cluster.first_master
    return Step(
        id=at("kubernetes/token", host.name),
        title="make a join token",
        host=host.name,
        changes=(
            Command(
                title="join token",
                run=":",
                unless="true",
                yields=(
                    Output(key="token", script=fragments.NEW_TOKEN, secret=True, fresh=True),
                    Output(key="authority", script=fragments.AUTHORITY),
                ),
            ),
        ),
        requires=("api",),
        env=environment(),
    )


def _certificates_step(cluster: Cluster) -> Step:
    """Return the step that uploads what further masters share, encrypted with a key that it yields."""
    host = cluster.first_master
    script = fragments.new_certificate_key(_init_config(cluster))
    return Step(
        id=at("kubernetes/certificates", host.name),
        title="upload the certificates of the control plane",
        host=host.name,
        changes=(
            Command(
                title="certificates for masters",
                run=":",
                unless="true",
                yields=(Output(key="key", script=script, secret=True, fresh=True),),
            ),
        ),
        requires=("api",),
        env=environment(),
    )


def _join_step(
    cluster: Cluster, host: Host, token: Step, before: Sequence[str], key: Value | None = None
) -> Step:
    mark = f"{directory(cluster)}/joined"
    config = join_configuration(
        cluster,
        host,
        token=str(token.value("token")),
        discovery=f"{directory(cluster)}/discovery.conf",
        certificate_key=str(key) if key else "",
    )
    discovery = discovery_kubeconfig(cluster, authority=str(token.value("authority")))
    return Step(
        id=at("kubernetes/join", host.name),
        title="join the control plane" if key else "join the cluster",
        host=host.name,
        changes=(
            Command(
                title="kubeadm join",
                run=fragments.join(directory(cluster), mark, config=config, discovery=discovery),
                unless=fragments.joined(mark),
                revert=_reset(cluster),
                limit=800,
            ),
        ),
        provides=(at(_JOINED, host.name),),
        requires=("api", *host_needs(cluster, host, at(PREPARED, host.name)), *before),
        timeout=1200,
        concurrency=JOINS,
    )
