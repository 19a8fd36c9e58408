"""The steps of an installation: what core adds around what the providers declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from sealer.build.declared import verification
from sealer.changes import Change, HostsEntry, Wait, quote
from sealer.cluster.applications import Launch, LaunchSite, launch_steps
from sealer.cluster.distribution import rootfs_steps, store_steps
from sealer.cluster.foreign import Existing
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.made_files import MadeFiles
from sealer.cluster.parts import Parts
from sealer.cluster.redirecting import redirecting_here
from sealer.cluster.registry_access import Layers, plan_groups, registry_steps, with_pushes
from sealer.cluster.request import Growth
from sealer.cluster.tasks import UNPACKED, TaskPlan, plan_tasks, plan_upgrade_tasks
from sealer.clusterfile import PluginSpec
from sealer.errors import PlanError
from sealer.hosts.secret import resolve_secret
from sealer.image.platforms import same_platform
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    Cluster,
    Step,
    Upgrade,
    at,
)
from sealer.operation.plan import Plan, make_plan
from sealer.providers import SupportsUpgrade

READY_TIMEOUT = 900

NOTHING_MADE = MadeFiles()


def installation_plan(
    cluster: Cluster,
    layers: Layers,
    parts: Parts,
    choice: LaunchChoice,
    *,
    made: MadeFiles = NOTHING_MADE,
    plugins: Sequence[PluginSpec] = (),
    stored: Mapping[str, Layers] = MappingProxyType({}),
    served: Sequence[str] = (),
    growth: Growth | None = None,
) -> Plan:
    """Plan a cluster from nothing to applications that run.

    Args:
        cluster: The cluster.
        layers: Of the image of each host.
        parts: The providers.
        choice: What the user wants launched.
        made: Files that come over those of the image.
        plugins: The tasks that the Clusterfile asks for.
        stored: The layers of application images that hosts which came later are to serve too, by the short
            name of each image; as those hosts got them that were there in time.
        served: The names of the container images that the cluster's registry serves for application images.
        growth: Which hosts join, when the cluster ran before.

    Raises:
        PlanError: What the providers declare can't be tied together.
        UsageError: The user names an application that the image does not have.
    """
    site = launch_site(cluster, parts, cluster.rootfs)
    tasks = plan_tasks(cluster, plugins, parts.task_types, site, growth=growth)

    def unpacked(host: str) -> str:
        return at(UNPACKED if host in tasks.early_hosts else "rootfs", host)

    late = _late_store_steps(cluster, parts, stored)
    steps = [
        *_alias_steps(cluster),
        *rootfs_steps(layers, cluster.hosts, files=_verified(cluster, parts, made), provides=unpacked),
        *tasks.before,
        *_runtime_steps(cluster, parts),
        *registry_steps(cluster, layers, parts, served),
        *late,
        *parts.runtime.create(cluster),
        *parts.runtime.join(cluster, cluster.hosts[1:]),
    ]
    if growth is not None and tasks.joining:
        ahead = tuple(name for step in tasks.joining for name in step.provides)
        steps = [
            replace(step, requires=(*step.requires, *ahead)) if step.host in growth.hosts else step
            for step in steps
        ]
        steps += tasks.joining
    # Hosts that join need no pod network, and aren't Ready without: it is made while they do.
    return _with_launches(
        cluster, parts, choice, steps, made=made, tasks=tasks, serving=late, network_requires=("api",)
    )


def upgrade_plan(
    cluster: Cluster,
    layers: Layers,
    parts: Parts,
    choice: LaunchChoice,
    upgrade: Upgrade,
    *,
    made: MadeFiles = NOTHING_MADE,
    plugins: Sequence[PluginSpec] = (),
    served: Sequence[str] = (),
) -> Plan:
    """Plan a cluster that runs over to another image: files everywhere at once, then host by host.

    Args:
        cluster: The cluster, with the new image.
        layers: Of the new image of each host.
        parts: The providers.
        choice: What the user wants launched.
        upgrade: From which version to which.
        made: Files that come over those of the image.
        plugins: The tasks that the Clusterfile asks for.
        served: The names of the container images that the cluster's registry serves for application images.

    Raises:
        PlanError: Its runtime can't do it, or not from the one version to the other.
        UsageError: The user names an application that the image does not have.
    """
    runtime = parts.runtime
    site = launch_site(cluster, parts, cluster.rootfs)
    tasks = plan_upgrade_tasks(cluster, plugins, parts.task_types, site, stamp=upgrade.stamp)
    if not isinstance(runtime, SupportsUpgrade):
        raise PlanError(
            f"clusters of {runtime.name} can't be upgraded by Sealer", hint="use the distribution's own means"
        )
    _require_same_endpoint(cluster, parts, upgrade)
    # A container runtime is restarted when its host's turn has come.
    containers = [
        replace(step, requires=(*step.requires, at("turn", step.host)))
        for step in _runtime_steps(cluster, parts)
    ]
    steps = [
        *_alias_steps(cluster),
        *rootfs_steps(layers, cluster.hosts, files=_verified(cluster, parts, made)),
        *containers,
        *registry_steps(cluster, layers, parts, served),
        *runtime.upgrade(cluster, upgrade),
    ]
    return _with_launches(cluster, parts, choice, steps, made=made, tasks=tasks)


def _verified(cluster: Cluster, parts: Parts, made: MadeFiles) -> dict[str, tuple[Change, ...]]:
    """Return what comes over the files of the image on each host: files, and the look at its programs."""
    looks = tuple(verification(one, cluster.rootfs) for one in parts.declared)
    return {host.name: (*looks, *made.hosts.get(host.name, ())) for host in cluster.hosts}


def _require_same_endpoint(cluster: Cluster, parts: Parts, upgrade: Upgrade) -> None:
    """Refuse to exchange the container runtime, or the way it is spoken to, under pods that run.

    Raises:
        PlanError: The image would do so.
    """
    before = upgrade.previous.labels.get(CONTAINER_RUNTIME_TYPE_LABEL)
    after = cluster.image.labels.get(CONTAINER_RUNTIME_TYPE_LABEL)
    used = None if parts.container is None else parts.container.name
    # What the user asks for beside the image stays as it is.
    changed = used == after and before != after
    if parts.container is not None and cluster.container_runtime is not None:
        settings = parts.container.settings(upgrade.previous, cluster.hosts)
        changed = changed or settings.endpoint != cluster.container_runtime.endpoint
    if changed:
        raise PlanError(
            f"the image {cluster.image.reference} runs containers in another way than the cluster does",
            hint="an upgrade keeps the container runtime, and how it is spoken to: make another cluster",
        )


def _late_store_steps(cluster: Cluster, parts: Parts, stored: Mapping[str, Layers]) -> list[Step]:
    """Return the steps that add application images to registries that came after them."""
    steps: list[Step] = []
    serving = parts.registry.hosts(cluster) if parts.registry is not None else ()
    for short, layers in stored.items():
        hosts = [host for host in serving if host.name not in layers]
        steps += (
            replace(step, provides=(at(f"registry-store/{short}", step.host),))
            for step in store_steps(layers, hosts, source=short)
        )
    return steps


def _with_launches(
    cluster: Cluster,
    parts: Parts,
    choice: LaunchChoice,
    steps: Sequence[Step],
    *,
    made: MadeFiles,
    tasks: TaskPlan,
    serving: Sequence[Step] = (),
    network_requires: tuple[str, ...] = (),
) -> Plan:
    """Return the plan of steps after which all hosts are members, and of what is launched then.

    With ``network_requires`` a pod network waits for these alone, as it is part of the cluster, and what the
    user wants done ahead of applications comes behind it: without one no pod of the system is ready.
    """
    tasks_done = tuple(name for step in tasks.launching for name in step.provides)
    requires = ("cluster", *tasks_done)
    launch = Launch(
        cluster=cluster,
        image=cluster.image,
        choice=choice,
        app_types=parts.app_types,
        site=launch_site(cluster, parts, cluster.rootfs),
        requires=requires,
        network_requires=network_requires or requires,
        read=read_reference,
        prepared=made.apps,
        redirecting=redirecting_here(cluster, cluster.image, parts),
    )
    launches = launch_steps(launch)
    early = tuple(name for step in launches if "cluster" not in step.requires for name in step.provides)
    before = [replace(step, requires=(*step.requires, *early)) for step in tasks.launching]
    ready = []
    if launches or parts.runtime.becomes_ready(cluster):
        ready.append(_ready_step(cluster, parts, launch.site.environment(launch.environment({}, {}))))
    launches = with_pushes(cluster, cluster.image, parts, launches)
    every = [*steps, *before, *launches, *tasks.after, *ready]
    groups = plan_groups(cluster, parts, every)
    # Nobody turns to a registry that lacks what the others have.
    groups["registry"] += tuple(name for step in serving for name in step.provides)
    return make_plan(every, groups=groups)


def launch_site(cluster: Cluster, parts: Parts, root: str) -> LaunchSite:
    """Return where applications are launched from on the first master, with the image's files in ``root``."""
    runtime = parts.runtime
    kubeconfig = runtime.kubeconfig_path(cluster)
    if isinstance(runtime, Existing):
        return LaunchSite(
            root=root,
            kubeconfig=kubeconfig,
            owner=runtime.owner,
            system_path=runtime.path,
            programs=same_platform(cluster.image.platform, cluster.first_master.facts.platform),
        )
    return LaunchSite(root=root, kubeconfig=kubeconfig, path=(f"{cluster.rootfs}/bin",))


def read_reference(reference: str) -> str:
    """Return the text that a reference to values stands for.

    Raises:
        SealerError: It can't be had.
    """
    return resolve_secret(reference).reveal()


def _alias_steps(cluster: Cluster) -> list[Step]:
    changes = tuple(
        HostsEntry(address=address, names=names) for address, names in cluster.host_aliases.items()
    )
    if not changes:
        return []
    return [
        Step(
            id=at("host-aliases", host.name),
            title="name other hosts",
            host=host.name,
            changes=changes,
            provides=(at("host-aliases", host.name),),
        )
        for host in cluster.hosts
    ]


def _runtime_steps(cluster: Cluster, parts: Parts) -> list[Step]:
    if parts.container is None:
        return []
    return [step for host in cluster.hosts for step in parts.container.install(cluster, host)]


def _ready_step(cluster: Cluster, parts: Parts, env: Mapping[str, str]) -> Step:
    """Return the health gate: every host is a Ready node. It comes last, whatever became of applications."""
    kubectl = f"kubectl --kubeconfig {quote(parts.runtime.kubeconfig_path(cluster))} --request-timeout=20s"
    return Step(
        id="cluster/ready",
        title="wait until every node is Ready",
        host=cluster.first_master.name,
        changes=(
            Wait(
                title="every node is Ready",
                until=f"{kubectl} wait --for=condition=Ready node --all --timeout=1s",
                why=_unready_nodes(kubectl),
                limit=READY_TIMEOUT,
            ),
        ),
        provides=("ready",),
        requires=("cluster",),
        env=env,
        timeout=READY_TIMEOUT + 120,
    )


def _unready_nodes(kubectl: str) -> str:
    """Return sh that prints the nodes that are not Ready, each with what its kubelet says of it."""
    condition = '{range .status.conditions[?(@.type=="Ready")]}{.status} {.reason}: {.message}{end}{"\\n"}'
    path = quote("{range .items[*]}{.metadata.name} " + condition + "{end}")
    return f"""\
if nodes=$({kubectl} get nodes -o jsonpath={path} 2>&1); then
  printf '%s\\n' "$nodes" |
    awk 'NF == 0 {{ print "there are no nodes" }}
      NF && $2 != "True" {{ name = $1; $1 = $2 = ""; print name ": not Ready:" substr($0, 2) }}'
else
  printf 'the API server does not answer: %s\\n' "$nodes"
fi"""
