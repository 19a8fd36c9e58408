"""containerd as a container runtime: what makes it run on a host, and pull from the cluster's registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sealer.changes import Change, Cleanup, Command, Copy, File, OwnedPath, Unit, Wait
from sealer.kubernetes import (
    brings_script,
    cni_components,
    cni_programs,
    end_containers,
    image_script,
    pause_image,
    script_path,
)
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    CONTAINER_RUNTIME_VERSION_LABEL,
    Check,
    Cluster,
    ContainerRuntimeSettings,
    Host,
    ImageMetadata,
    Platform,
    Probe,
    RegistryEndpoint,
    Step,
    at,
)
from sealer.providers import (
    Component,
    ContainerRuntime,
    Download,
    ImageImport,
    SupportsBaseImages,
    SupportsImageImport,
)
from sealer_container_containerd import fragments, releases
from sealer_container_containerd.checks import OVERLAY, STATE, HasOverlay, NoOtherRuntime, Runs
from sealer_container_containerd.config import (
    CONFIG,
    MIRRORS,
    PROGRAMS,
    SOCKET,
    UNIT,
    config_toml,
    crictl_yaml,
    hosts_toml,
    unit_text,
)

_SCRIPT = "containerd.sh"
_OOM = Probe(name="containerd/oom", script=fragments.OOM_PROBE)
_COPIED = ("containerd", "containerd-shim-runc-v2", "ctr", "runc")
_CLAIMED = (
    "/var/lib/containerd",
    "/run/containerd",
    "/etc/containerd",
    "/opt/containerd",
    "/etc/cni",
    "/opt/cni",
    "/var/lib/cni",
    "/run/netns",
    # containerd 2 has a socket for plugins of its own there.
    "/run/nri",
)


class Containerd(ContainerRuntime, SupportsBaseImages, SupportsImageImport):
    """containerd 1.6 and later, with runc and the CNI programs, all from the cluster image."""

    name = "containerd"
    summary = "containerd from the cluster image, under systemd"
    image_files = (script_path(_SCRIPT),)

    def probes(self) -> tuple[Probe, ...]:
        return (_OOM, STATE, OVERLAY)

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return (NoOtherRuntime(), HasOverlay())

    def health(self, cluster: Cluster) -> Iterable[Check]:
        return (Runs(),)

    def settings(self, image: ImageMetadata, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        """Return the socket, and systemd's cgroup driver where every host runs systemd.

        The image's own script configures what it likes, and says in ``CgroupDriver`` if that is another.
        """
        everywhere = all(host.facts.init == "systemd" for host in hosts)
        driver = "systemd" if everywhere else "cgroupfs"
        if brings_script(image, _SCRIPT):
            driver = image.env.get("CgroupDriver", driver)
        return ContainerRuntimeSettings(socket=SOCKET, cgroup_driver=driver)

    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        """Return one step: claims, what the image's script or we install, and the wait for the socket."""
        by_script = brings_script(cluster.image, _SCRIPT)
        changes: tuple[Change, ...] = (
            *(OwnedPath(path=path) for path in _CLAIMED),
            # After the unit has been stopped, and before the claims are released.
            Cleanup(title="containers end with containerd", run=end_containers(SOCKET)),
            *(_by_script(cluster, host) if by_script else self._by_us(cluster, host)),
        )
        yield Step(
            id=at("containerd/install", host.name),
            title=f"install containerd by {script_path(_SCRIPT)}" if by_script else "install containerd",
            host=host.name,
            changes=changes,
            provides=(at("container-runtime", host.name),),
            requires=(at("rootfs", host.name),),
            timeout=2400 if by_script else 900,
        )

    def _by_us(self, cluster: Cluster, host: Host) -> Iterator[Change]:
        settings = cluster.container_runtime or self.settings(cluster.image, cluster.hosts)
        rootfs = cluster.rootfs
        config = config_toml(
            sandbox=pause_image(cluster.image.container_images),
            cgroup_driver=settings.cgroup_driver,
            restrict_oom=host.facts.answers.get(_OOM.name) == "refused",
        )
        yield from (Copy(source=f"{rootfs}/bin/{name}", path=f"{PROGRAMS}/{name}") for name in _COPIED)
        yield cni_programs(rootfs)
        yield File(path=CONFIG, content=config)
        yield File(path="/etc/crictl.yaml", content=crictl_yaml())
        yield Unit(name=UNIT, content=unit_text(cluster.name), watches=(CONFIG, f"{PROGRAMS}/containerd"))
        yield Wait(
            title="containerd answers",
            until=fragments.CRI_ANSWERS,
            why=fragments.WHY_NO_CRI,
            limit=30,
            pause=0.5,
        )

    def image_import(self) -> ImageImport:
        # Docker has a containerd too, in which Kubernetes does not look.
        present = f"[ -S {SOCKET} ] && ! [ -S /run/dockershim.sock ] && ! [ -S /run/cri-dockerd.sock ]"
        return ImageImport(present=present, run="ctr -n k8s.io images import -")

    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        """Return the files that containerd reads at every pull, for each domain and the registry itself."""
        ca = f"{MIRRORS}/{registry.netloc}/ca.crt"
        if registry.certificate_authority is not None:
            yield File(path=ca, content=str(registry.certificate_authority))
        for domain in dict.fromkeys((registry.netloc, *domains)):
            yield File(
                path=f"{MIRRORS}/{domain}/hosts.toml",
                content=hosts_toml(domain, registry, ca),
                mode=0o600,
            )

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return (*releases.COMPONENTS, *cni_components(platform))

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        return releases.downloads(kubernetes, platform)

    def base_labels(self, kubernetes: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {
            CONTAINER_RUNTIME_TYPE_LABEL: self.name,
            CONTAINER_RUNTIME_VERSION_LABEL: versions["containerd"],
        }


def _by_script(cluster: Cluster, host: Host) -> Iterator[Change]:
    """Yield what the image's script does, and what shows that it did what it is there for."""
    settings = cluster.container_runtime
    yield image_script(cluster, host, _SCRIPT, uninstall=f"uninstall-{_SCRIPT}")
    yield cni_programs(cluster.rootfs)
    yield Wait(
        title="containerd answers", until=fragments.SOCKET_ANSWERS, why=fragments.WHY_NO_SOCKET, limit=30
    )
    yield Command(
        title="containerd and kubelets go together",
        run=fragments.settle(settings.cgroup_driver if settings else "systemd"),
        revert=fragments.UNSETTLE,
    )
