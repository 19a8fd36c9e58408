"""Docker as a container runtime: ours from the image, or the one that a host has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sealer.changes import (
    Change,
    Cleanup,
    Command,
    Copy,
    File,
    OwnedChains,
    OwnedLinks,
    OwnedPath,
    Symlink,
    Unit,
    Wait,
)
from sealer.errors import ImageError
from sealer.kubernetes import (
    brings_script,
    cni_programs,
    end_containers,
    image_script,
    pause_image,
    script_path,
)
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    CONTAINER_RUNTIME_VERSION_LABEL,
    RUNTIME_VERSION_LABEL,
    Check,
    Cluster,
    ContainerImage,
    ContainerRuntimeSettings,
    Host,
    ImageMetadata,
    Platform,
    Probe,
    RegistryEndpoint,
    Step,
    at,
)
from sealer.providers import Component, ContainerRuntime, Download, SupportsBaseImages
from sealer_container_docker import fragments, releases
from sealer_container_docker.checks import DockerFits, DockerRuns, DockerSettings, InterfaceRuns
from sealer_container_docker.images import fetched, trust
from sealer_container_docker.names import (
    BOUNDED_RUNC,
    CLIENT,
    CONTAINERD_SOCKET,
    CRI_PROGRAM,
    CRI_SOCKET,
    CRI_UNIT,
    DAEMON_JSON,
    DATA_ROOT,
    DOCKER_UNIT,
    PROGRAMS,
    SHIM_SOCKET,
)
from sealer_container_docker.state import (
    OOM,
    SETTINGS,
    STATE,
    driver_in,
    found_on,
    merged_settings,
    settings_of,
    wanted_driver,
)
from sealer_container_docker.units import cri_unit, docker_unit

_SCRIPT = "docker.sh"
_SCRIPT_SETTINGS = "etc/daemon.json"
"""What the scripts of the Go tool's images copy to Docker's own place."""

_COPIED = ("dockerd", "docker", "containerd", "containerd-shim-runc-v2", "runc")
_POD_PATHS = (
    "/etc/cni",
    "/opt/cni",
    "/var/lib/cni",
    "/var/lib/dockershim",
    "/var/lib/cri-dockerd",
    "/run/dockershim.sock",
    "/run/cri-dockerd.sock",
)
_OWN_PATHS = ("/etc/docker", "/run/docker", "/run/docker.sock", "/run/docker.pid")
_CONTAINERD_PATHS = ("/run/containerd", "/opt/containerd")
"""What the containerd of our Docker uses beside its own; on a host that has another they are that one's."""


class Docker(ContainerRuntime, SupportsBaseImages):
    """Docker 19.03 and later, behind dockershim or cri-dockerd."""

    name = "docker"
    summary = "Docker, from the cluster image or as a host has it, behind dockershim or cri-dockerd"
    image_files = (script_path(_SCRIPT), _SCRIPT_SETTINGS)

    def probes(self) -> tuple[Probe, ...]:
        return (STATE, SETTINGS, OOM)

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return (DockerFits(), DockerSettings())

    def health(self, cluster: Cluster) -> Iterable[Check]:
        return (DockerRuns(), InterfaceRuns())

    def settings(self, image: ImageMetadata, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        """Return the socket of dockershim or cri-dockerd, and the cgroup driver that Docker has on hosts.

        Where a host says nothing of it, it is what the settings of the image's own script say, or systemd's
        if every host runs systemd.
        """
        said = [driver for driver in map(wanted_driver, hosts) if driver in {"systemd", "cgroupfs"}]
        if brings_script(image, _SCRIPT):
            driver = image.env.get("CgroupDriver") or driver_in(image.files.get(_SCRIPT_SETTINGS, ""))
            said += [driver] if driver else []
        everywhere = all(host.facts.init == "systemd" for host in hosts)
        has_shim = _has_shim(image)
        return ContainerRuntimeSettings(
            socket=SHIM_SOCKET if has_shim else CRI_SOCKET,
            cgroup_driver=said[0] if said else "systemd" if everywhere else "cgroupfs",
            built_in=has_shim,
        )

    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        """Return one step: Docker where there is none, the CNI programs, cri-dockerd where it is needed."""
        settings = cluster.container_runtime or self.settings(cluster.image, cluster.hosts)
        found = found_on(host)
        by_script = brings_script(cluster.image, _SCRIPT) and not found.is_theirs
        changes: list[Change] = [OwnedPath(path=path) for path in _POD_PATHS]
        if by_script:
            changes += _by_script(cluster, host)
        elif not found.is_theirs:
            changes += _docker(cluster, host, settings.cgroup_driver)
        changes += (
            Wait(
                title="Docker answers",
                until=fragments.DOCKER_ANSWERS,
                why=fragments.WHY_NO_DOCKER,
                limit=60,
                pause=0.5,
            ),
            # Before Docker is stopped, if it is stopped at all.
            Cleanup(title="containers of pods end", run=fragments.END_PODS_CONTAINERS),
            cni_programs(cluster.rootfs),
        )
        if by_script:
            driver = settings.cgroup_driver
            changes.append(
                Command(
                    title="Docker and kubelets go together",
                    run=fragments.require_driver(driver),
                    unless=fragments.has_driver(driver),
                    repeatable=True,
                )
            )
        if not settings.built_in:
            changes += _interface(cluster)
        yield Step(
            id=at("docker/install", host.name),
            title=_title(by_script=by_script, is_theirs=found.is_theirs),
            host=host.name,
            changes=tuple(changes),
            provides=(at("container-runtime", host.name),),
            requires=(at("rootfs", host.name),),
            timeout=2400 if by_script else 900,
        )

    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        """Return the files by which the registry is trusted: names are not redirected, see ``preload``."""
        return trust(registry)

    def preload(self, registry: RegistryEndpoint, images: Sequence[ContainerImage]) -> Iterable[Change]:
        """Return the commands that pull every image and give it its own name."""
        return fetched(registry, images)

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return releases.components(platform)

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        return releases.downloads(kubernetes, platform)

    def base_labels(self, kubernetes: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        if "cri-dockerd" not in versions and not releases.has_shim(kubernetes):
            raise ImageError(
                f"Kubernetes {kubernetes} needs cri-dockerd to run pods in Docker, and it is not there",
                hint="put the program cri-dockerd to the others; from 1.24 on kubelets have no dockershim",
            )
        return {
            CONTAINER_RUNTIME_TYPE_LABEL: self.name,
            CONTAINER_RUNTIME_VERSION_LABEL: versions["dockerd"],
        }


def _has_shim(image: ImageMetadata) -> bool:
    """Tell whether the kubelet of an image speaks to Docker by itself; one that says no version does not."""
    try:
        return releases.has_shim(image.labels.get(RUNTIME_VERSION_LABEL, ""))
    except ValueError:
        return False


def _title(*, by_script: bool, is_theirs: bool) -> str:
    if is_theirs:
        return "use the host's Docker"
    return f"install Docker by {script_path(_SCRIPT)}" if by_script else "install Docker"


def _by_script(cluster: Cluster, host: Host) -> Iterator[Change]:
    """Yield the claims on what Docker makes while it runs, and the image's script that installs it."""
    yield from _claims(host, DATA_ROOT)
    yield image_script(cluster, host, _SCRIPT, uninstall=f"uninstall-{_SCRIPT}")


def _claims(host: Host, root: str) -> Iterator[Change]:
    yield OwnedPath(path=root)
    paths = _OWN_PATHS if found_on(host).beside else (*_OWN_PATHS, *_CONTAINERD_PATHS)
    yield from (OwnedPath(path=path) for path in paths)
    # Made only when the settings ask for a network of Docker's.
    yield OwnedLinks(patterns=("docker0", "br-*"))
    yield OwnedChains(prefixes=("DOCKER",))
    yield Cleanup(title="containers end with Docker", run=end_containers(CONTAINERD_SOCKET))


def _docker(cluster: Cluster, host: Host, cgroup_driver: str) -> Iterator[Change]:
    """Yield a Docker of our own: claims, programs, settings over which those of the host count, the unit."""
    users = settings_of(host)
    restrict_oom = host.facts.answers.get(OOM.name) == "refused"
    settings = merged_settings(users, cgroup_driver=cgroup_driver, restrict_oom=restrict_oom)
    root = users.get("data-root")
    yield from _claims(host, root if isinstance(root, str) and root.startswith("/") else DATA_ROOT)
    for name in _COPIED:
        yield Copy(source=f"{cluster.rootfs}/bin/{name}", path=f"{PROGRAMS}/{name}")
    if restrict_oom:
        yield File(path=BOUNDED_RUNC, content=fragments.BOUNDED_RUNC_TEXT, mode=0o755)
    yield Symlink(path=CLIENT, target=f"{PROGRAMS}/docker")
    yield File(path=DAEMON_JSON, content=json.dumps(settings, indent=2) + "\n")
    watches = (DAEMON_JSON, *(f"{PROGRAMS}/{name}" for name in ("dockerd", "containerd")))
    yield Unit(name=DOCKER_UNIT, content=docker_unit(cluster.name), watches=watches)


def _interface(cluster: Cluster) -> Iterator[Change]:
    """Yield cri-dockerd."""
    yield Copy(source=f"{cluster.rootfs}/bin/cri-dockerd", path=CRI_PROGRAM)
    socket = f"unix://{CRI_SOCKET}"
    yield File(
        path="/etc/crictl.yaml",
        content=f"runtime-endpoint: {socket}\nimage-endpoint: {socket}\ntimeout: 10\n",
    )
    pause = pause_image(cluster.image.container_images)
    yield Unit(name=CRI_UNIT, content=cri_unit(cluster.name, pause=pause), watches=(CRI_PROGRAM,))
    yield Wait(
        title="cri-dockerd answers",
        until=fragments.CRI_ANSWERS,
        why=f'echo "the unit is $(systemctl is-active {CRI_UNIT})"',
        limit=30,
        pause=0.5,
    )
