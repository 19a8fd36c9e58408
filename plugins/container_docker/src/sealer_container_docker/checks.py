"""Host checks of Docker: one that runs fits, none is in the way, its settings can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sealer.errors import PlanError
from sealer.kubernetes import UnitRuns
from sealer.model import Check, Cluster, Finding, Host, Probe
from sealer_container_docker.names import CRI_SOCKET, CRI_UNIT, DATA_ROOT, DOCKER_UNIT
from sealer_container_docker.state import SETTINGS, STATE, Found, found_on, settings_of, wanted_driver

_NO_ANSWER = "the host could not answer"
_OLDEST = (19, 3)


class DockerFits(Check):
    """The host has no Docker, or one that runs and that pods can run in; it stays as it is."""

    id = "docker-fits"
    title = "Docker of the host"

    def probes(self) -> tuple[Probe, ...]:
        return (STATE, SETTINGS)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            found = found_on(host)
            if not found.kind:
                yield self.not_checked(host.name, _NO_ANSWER)
            yield from self._judge(cluster, host, found)

    def _judge(self, cluster: Cluster, host: Host, found: Found) -> Iterator[Finding]:
        if found.kind == "ours" and found.what != cluster.name:
            yield self.finding(
                host.name,
                found=f"the Docker of the cluster {found.what}",
                wanted="a host that belongs to no other cluster",
                mend=f"delete the cluster {found.what} first, or choose another host",
            )
        elif found.is_theirs and found.numbers is None:
            yield self.finding(
                host.name,
                found=f"{DOCKER_UNIT} runs and does not say its version",
                wanted="a Docker that answers",
                mend="find out why with: docker info",
            )
        elif found.is_theirs and (found.numbers or _OLDEST) < _OLDEST:
            yield self.finding(
                host.name,
                found=f"Docker {found.version}",
                wanted="19.03 or later, or none: the cluster image brings its own",
                mend="upgrade it, or remove it if nothing else on the host needs it",
            )
        elif found.kind in {"stopped", "snap"}:
            what = "a Docker that does not run" if found.kind == "stopped" else "Docker as a snap"
            yield self.finding(
                host.name,
                found=what,
                wanted=f"{DOCKER_UNIT} running, or no Docker: the cluster image brings its own",
                mend=f"systemctl enable --now {DOCKER_UNIT}, or remove it if nothing else needs it",
            )
        elif found.kind == "left":
            yield self.finding(
                host.name,
                found=f"{DATA_ROOT} holds the containers of another Docker",
                wanted="an unused directory",
                mend=f"move {DATA_ROOT} away",
            )


class DockerSettings(Check):
    """daemon.json can be read, and all hosts have the cgroup driver that the kubelets will be told."""

    id = "docker-settings"
    title = "settings of Docker"

    def probes(self) -> tuple[Probe, ...]:
        return (STATE, SETTINGS)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        common = cluster.container_runtime.cgroup_driver if cluster.container_runtime else ""
        for host in cluster.hosts:
            try:
                settings_of(host)
            except PlanError as error:
                yield self.finding(
                    host.name,
                    found=error.message,
                    wanted="a JSON object",
                    mend="put it right, or move it away",
                )
            driver = wanted_driver(host)
            if common and driver and driver != common:
                yield self.finding(
                    host.name,
                    found=f"Docker's cgroup driver is {driver}",
                    wanted=f"{common}, as on the other hosts: no pod starts where it is not the kubelet's",
                    mend=f'{{"exec-opts": ["native.cgroupdriver={common}"]}} in daemon.json, '
                    "and a restart of Docker",
                )


class DockerRuns(UnitRuns):
    """Docker runs."""

    id = "docker-runs"
    title = "Docker runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        return DOCKER_UNIT


class InterfaceRuns(UnitRuns):
    """cri-dockerd runs, where the kubelet needs it."""

    id = "docker-cri-runs"
    title = "cri-dockerd runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        settings = cluster.container_runtime
        return CRI_UNIT if settings is not None and settings.socket == CRI_SOCKET else None
