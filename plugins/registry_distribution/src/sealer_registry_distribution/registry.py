"""The distribution registry as a cluster's registry: one on each master, all alike, with TLS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from sealer.changes import Change, Command, Copy, File, Output, Unit, Wait, quote
from sealer.kubernetes import brings_script, require_platform
from sealer.model import (
    Check,
    Cluster,
    Host,
    Platform,
    Probe,
    RegistryEndpoint,
    Renewal,
    Step,
    Traffic,
    Value,
    at,
)
from sealer.providers import Component, Download, Registry, SupportsBaseImages, SupportsRotation
from sealer_registry_distribution import fragments
from sealer_registry_distribution.caches import (
    cache_changes,
    cache_domain,
    endpoints,
    instances,
)
from sealer_registry_distribution.checks import STATE, PortsAreFree
from sealer_registry_distribution.config import PROGRAM, UNIT, config_yml, unit_text
from sealer_registry_distribution.credentials import Credentials, issue_credentials
from sealer_registry_distribution.health import Answers, CachesRun, Runs
from sealer_registry_distribution.script import IMAGE_FILES, SCRIPT, by_script
from sealer_registry_distribution.zot_config import IMAGE_PROGRAM

DEFAULT_DOMAIN = "sea.hub"
DEFAULT_PORT = 5000
USERNAME = "sealer"

_VERSION = "2.8.3"
"""Of the release that base images get."""


class Distribution(Registry, SupportsBaseImages, SupportsRotation):
    """The ``registry`` program of the cluster image, serving the image's container images."""

    name = "distribution"
    summary = "the CNCF distribution registry on every master, with TLS and a password"
    image_files = IMAGE_FILES
    image_programs = (IMAGE_PROGRAM,)

    def probes(self) -> tuple[Probe, ...]:
        return (STATE,)

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return (PortsAreFree(_ports(cluster)),)

    def health(self, cluster: Cluster) -> Iterable[Check]:
        directory = f"{cluster.data}/registry/{_domain(cluster)}"
        endpoint = self.endpoint(cluster)
        places = (f"{endpoint.domain}:{endpoint.port}", *(cache.netloc for cache in endpoint.caches))
        return (
            Runs(),
            CachesRun(instances(cluster, endpoint.port) if endpoint.caches else ()),
            Answers(
                addresses=tuple(f"https://{place}" for place in places),
                directory=directory,
                programs=f"{cluster.rootfs}/bin",
            ),
        )

    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        everyone = tuple(host.name for host in cluster.hosts)
        targets = tuple(host.name for host in cluster.masters)
        for port in _ports(cluster):
            yield Traffic(purpose="registry", port=port, sources=everyone, targets=targets)

    def certificate_files(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        return (f"{cluster.data}/registry/{_domain(cluster)}/*.crt",) if host.is_master else ()

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        require_platform(platform, "the registry")
        return (Component(name="registry", path="bin/registry"),)

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        require_platform(platform, "the registry")
        release = f"https://github.com/distribution/distribution/releases/download/v{_VERSION}"
        url = f"{release}/registry_{_VERSION}_linux_{platform.architecture}.tar.gz"
        program = {"registry": "registry"}
        return (Download(url=url, checksum=f"{url}.sha256", version=_VERSION, members=program),)

    def hosts(self, cluster: Cluster) -> tuple[Host, ...]:
        return cluster.masters

    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        step = _step_id(cluster.first_master)
        return RegistryEndpoint(
            domain=_domain(cluster),
            port=_port(cluster),
            addresses=tuple(host.address for host in cluster.masters),
            username=USERNAME,
            password=Value(step=step, key="password", secret=True),
            credentials=Value(step=step, key="basic", secret=True),
            certificate_authority=Value(step=step, key="authority"),
            caches=() if _is_by_script(cluster) else endpoints(cluster, _domain(cluster), _port(cluster)),
        )

    def serve(self, cluster: Cluster) -> Iterable[Step]:
        """Return a step for each master: program, credentials, configuration, unit, the wait for its port.

        Every plan brings new credentials; those that once reached the first master stay, as long as the
        domain does, and the other masters get the same.
        """
        yield from _serve_steps(cluster)

    def rotate(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        """Return the same steps with credentials that take the place of those that are there."""
        yield from _serve_steps(cluster, stamp=renewal.stamp)


def _serve_steps(cluster: Cluster, *, stamp: str = "") -> Iterator[Step]:
    first = cluster.first_master
    credentials = issue_credentials(
        username=USERNAME,
        domains=(_domain(cluster), cache_domain(_domain(cluster))),
        addresses=(*(host.address for host in cluster.masters), "127.0.0.1"),
        now=datetime.now(UTC),
    )
    original = _serve_step(cluster, first, credentials, stamp)
    yield original
    for host in cluster.masters[1:]:
        copy = Credentials(**{name: str(original.value(name)) for name in fragments.FILES})
        yield _serve_step(cluster, host, copy, stamp)


def _serve_step(cluster: Cluster, host: Host, credentials: Credentials, stamp: str) -> Step:
    domain, port = _domain(cluster), _port(cluster)
    directory = f"{cluster.data}/registry/{domain}"
    is_first = host == cluster.first_master
    credential_files = _credentials(
        domain,
        directory,
        credentials,
        yields=_credential_outputs(cluster, directory) if is_first else (),
        stamp=stamp,
    )
    started: Iterable[Change]
    cached = () if _is_by_script(cluster) else instances(cluster, port)
    if _is_by_script(cluster):
        started = by_script(cluster, host, domain=domain, port=port, directory=directory, stamp=stamp)
    else:
        started = (
            *_by_us(cluster, host, domain=domain, port=port, directory=directory),
            *cache_changes(cluster, host, cached, credentials=directory, domain=domain),
        )
    return Step(
        id=_step_id(host),
        title="serve the container images",
        host=host.name,
        changes=(credential_files, *started),
        provides=(at("registry", host.name),),
        requires=tuple(_requires(cluster, host)),
        secrets={one.variable: one.upstream.password for one in cached if one.upstream.password is not None},
    )


def _requires(cluster: Cluster, host: Host) -> Iterator[str]:
    yield at("rootfs", host.name)
    yield at("registry-store", host.name)
    if _is_by_script(cluster) and cluster.container_runtime is not None:
        # It runs in a container.
        yield at("container-runtime", host.name)


def _by_us(cluster: Cluster, host: Host, *, domain: str, port: int, directory: str) -> Iterator[Change]:
    config = f"{cluster.data}/registry/config.yml"
    yield Copy(source=f"{cluster.rootfs}/bin/registry", path=PROGRAM)
    yield File(
        path=config,
        content=config_yml(
            store=cluster.registry_storage,
            directory=directory,
            address=host.address,
            port=port,
            domain=domain,
        ),
    )
    yield Unit(
        name=UNIT,
        content=unit_text(cluster=cluster.name, config=config, environment=f"{directory}/environment"),
        watches=(config, PROGRAM, *(f"{directory}/{name}" for name in ("tls.crt", "htpasswd"))),
    )
    yield Wait(
        title="the registry answers",
        until=fragments.listens(port),
        why=fragments.why_it_does_not_listen(port),
        limit=30,
        pause=0.5,
    )


def _credentials(
    domain: str, directory: str, credentials: Credentials, *, yields: tuple[Output, ...], stamp: str
) -> Command:
    """Return the command that writes credentials: where there are none, or with a stamp over others."""
    if not stamp:
        return Command(
            title=f"credentials of the registry {domain}",
            run=fragments.write_credentials(directory, credentials),
            creates=directory,
            revert=fragments.remove_credentials(directory),
            yields=yields,
        )
    return Command(
        title=f"new credentials of the registry {domain} ({stamp})",
        run=fragments.replace_credentials(directory, credentials, stamp),
        unless=fragments.has_stamp(directory, stamp),
        revert=fragments.restore_credentials(directory, stamp),
        yields=yields,
    )


def _credential_outputs(cluster: Cluster, directory: str) -> tuple[Output, ...]:
    """Return the outputs that show what clients need, and to other masters everything."""
    names = fragments.FILES if len(cluster.masters) > 1 else ("authority", "password", "basic")
    return tuple(
        Output(
            key=name,
            script=f"cat {quote(f'{directory}/{fragments.FILES[name]}')}",
            secret=name not in fragments.PUBLIC,
        )
        for name in names
    )


def _domain(cluster: Cluster) -> str:
    return cluster.registry_settings.domain or DEFAULT_DOMAIN


def _port(cluster: Cluster) -> int:
    return cluster.registry_settings.port or DEFAULT_PORT


def _ports(cluster: Cluster) -> tuple[int, ...]:
    """Return all ports that masters listen on: those of caches are above that of the registry."""
    port = _port(cluster)
    return (port, *(instance.port for instance in instances(cluster, port)))


def _is_by_script(cluster: Cluster) -> bool:
    return brings_script(cluster.image, SCRIPT)


def _step_id(host: Host) -> str:
    return at("registry/serve", host.name)
