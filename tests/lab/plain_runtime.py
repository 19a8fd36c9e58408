"""A cluster runtime as a stranger could write it: fast, and with all that could be left behind.

``tests.lab.plain`` installs it for the program under test. A service, a network link and a token that the
hosts share stand in for Kubernetes where a test is about driving, and not about Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sealer import hookimpl
from sealer.changes import (
    Change,
    Command,
    Copy,
    Directory,
    File,
    HostsEntry,
    Output,
    OwnedChains,
    OwnedLinks,
    OwnedPath,
    Sysctl,
    Unit,
)
from sealer.model import (
    RUNTIME_VERSION_LABEL,
    Cluster,
    Departure,
    Host,
    RegistryEndpoint,
    Step,
    Task,
    Upgrade,
    at,
)
from sealer.providers import ClusterRuntime, SupportsUpgrade, TaskType

COMMANDS = "/var/lib/plain/commands"
"""Where each command writes its name when it runs, so that a test can count."""

MAKE_TOKEN = "head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ' > /var/lib/plain/token"

SERVICE = """\
[Unit]
Description=A plain service

[Service]
ExecStart=/usr/local/bin/plain infinity

[Install]
WantedBy=multi-user.target
"""


def noted(name: str, script: str = "", *, seconds: float = 0.2) -> str:
    """Return sh that takes its time, does what it should, and notes that it has run."""
    return f"sleep {seconds}\n{script}\necho {name} >> {COMMANDS}"


class Plain(ClusterRuntime, SupportsUpgrade):
    """Hosts with a service each, and a token of the first master on all of them."""

    name = "plain"
    summary = "services without Kubernetes"

    def create(self, cluster: Cluster) -> Iterable[Step]:
        host = cluster.first_master
        yield _prepare(cluster, host)
        yield Step(
            id=at("plain/create", host.name),
            title="create",
            host=host.name,
            changes=(
                *_gate(cluster, "create"),
                Command(
                    title="make a token",
                    run=noted("token", MAKE_TOKEN),
                    revert="rm -f /var/lib/plain/token",
                    yields=(
                        Output(key="token", script="cat /var/lib/plain/token", secret=True),
                        Output(key="name", script="uname -n"),
                    ),
                ),
            ),
            provides=("api", at("member", host.name)),
            requires=(at("prepared", host.name),),
        )

    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        made = at("plain/create", cluster.first_master.name)
        (create,) = (step for step in self.create(cluster) if step.id == made)
        for host in hosts:
            yield _prepare(cluster, host)
            yield Step(
                id=at("plain/join", host.name),
                title="join",
                host=host.name,
                changes=(
                    *_gate(cluster, "join"),
                    File(path="/etc/plain/token", content=f"{create.value('token')}\n", mode=0o600),
                    File(path="/etc/plain/master", content=f"{create.value('name')}\n"),
                    Command(title="join", run=noted("join", seconds=0.5)),
                ),
                provides=(at("member", host.name),),
                requires=("api", at("prepared", host.name)),
            )

    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        master = next(host for host in departure.reachable(cluster) if host.is_master)
        for node in departure.hosts:
            yield Step(
                id=at(f"plain/remove/{node.name}", master.name),
                title="forget",
                host=master.name,
                changes=(
                    *_gate(cluster, "forget"),
                    Command(title=f"forget {node.name}", run=noted(f"forget {node.name}")),
                ),
                provides=(at("removed", node.name),),
            )

    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        version = cluster.image.labels[RUNTIME_VERSION_LABEL]
        before: tuple[str, ...] = ()
        for host in cluster.hosts:
            yield Step(
                id=at("plain/upgrade", host.name),
                title="upgrade",
                host=host.name,
                changes=(
                    File(path="/etc/plain/version", content=f"{version}\n"),
                    *_gate(cluster, "upgrade"),
                    Command(title=f"upgrade to {version}", run=noted(f"upgrade to {version}")),
                ),
                provides=(at("turn", host.name), at("member", host.name)),
                requires=(at("rootfs", host.name), *before),
            )
            before = (at("member", host.name),)

    def kubeconfig_path(self, cluster: Cluster) -> str:
        return "/etc/plain/settings"

    def mirrors(
        self, cluster: Cluster, host: Host, registry: RegistryEndpoint, domains: Sequence[str]
    ) -> Iterable[Change]:
        below = " ".join(registry.below(domain) for domain in domains)
        authority = registry.certificate_authority or ""
        caches = "".join(f"{cache.upstream} {cache.netloc}\n" for cache in registry.caches)
        text = f"{registry.location} {registry.credentials} {below}\n{caches}{authority}"
        yield File(path="/etc/plain/registry", content=text, mode=0o600)


class Plainly(TaskType):
    """A script, done as it stands."""

    name = "plainly"
    summary = "a script"

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Command]:
        yield Command(title=f"{task.name} at {task.phase}", run=task.data)


def _gate(cluster: Cluster, stage: str) -> Iterable[Command]:
    """Yield what waits for a file of the host, ``$PLAIN_GATE``, at one stage, ``$PLAIN_GATE_AT``."""
    gate = cluster.env.get("PLAIN_GATE")
    if gate and stage == cluster.env.get("PLAIN_GATE_AT", "create"):
        waiting = f"until [ -e {gate} ]; do sleep 0.1; done"
        late = stage == "delete"
        yield Command(title="wait at the gate", run=":" if late else waiting, revert=waiting if late else "")


def _prepare(cluster: Cluster, host: Host) -> Step:
    without = cluster.env.get("PLAIN_WITHOUT", "").split(",")
    link = "ip link show plain0 >/dev/null 2>&1 || ip link add plain0 address 02:00:00:00:00:01 type bridge"
    chain = "iptables -t nat -N PLAIN-OUT 2>/dev/null || :"
    service = Unit(name="plain.service", content=SERVICE, watches=("/etc/plain/settings",))
    # These are gone when the power fails.
    passing = (
        Sysctl(name="net.ipv4.conf.all.rp_filter", value="2"),
        Command(title="make a link", run=noted("link", link)),
        Command(title="make a chain", run=noted("chain", chain)),
    )
    return Step(
        id=at("plain/prepare", host.name),
        title="prepare",
        host=host.name,
        changes=(
            OwnedPath(path="/var/lib/plain"),
            OwnedLinks(patterns=("plain*",)),
            OwnedChains(prefixes=("PLAIN-",)),
            Directory(path="/var/lib/plain"),
            *_gate(cluster, "prepare"),
            HostsEntry(address=cluster.first_master.address, names=("plain.example",)),
            File(path="/etc/plain/settings", content=f"cluster {cluster.name}\n"),
            Copy(source="/usr/bin/sleep", path="/usr/local/bin/plain"),
            *(() if "service" in without else (service,)),
            *(() if "passing" in without else passing),
            *_gate(cluster, "delete"),
        ),
        provides=(at("prepared", host.name),),
        requires=(at("rootfs", host.name),),
    )


@hookimpl
def sealer_cluster_runtimes() -> Iterable[ClusterRuntime]:
    """Return the runtime."""
    yield Plain()


@hookimpl
def sealer_task_types() -> Iterable[TaskType]:
    """Return the type of tasks."""
    yield Plainly()
