"""Settings of the containerd inside k0s: its own file or one beside it, and the mirrors of registries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from sealer.changes import Change, Command, File
from sealer.kubernetes import pause_image
from sealer.model import Cluster, Host, RegistryEndpoint
from sealer_runtime_k0s import fragments, probes
from sealer_runtime_k0s.names import CONTAINERD_CONFIG, CONTAINERD_DROP_IN, MIRRORS, REGISTRY_AUTHORITY
from sealer_runtime_k0s.version import K0sVersion, image_version

_CRI = 'plugins."io.containerd.grpc.v1.cri"'
_IMAGES_2, _RUNTIME_2 = 'plugins."io.containerd.cri.v1.images"', 'plugins."io.containerd.cri.v1.runtime"'
"""Where containerd 2 has what was one section before."""

_UPSTREAM = {"docker.io": "registry-1.docker.io"}
"""Registries that are reached under another name than images have."""


def prepared(cluster: Cluster, host: Host) -> Iterator[Change]:
    """Yield the settings that a host has from the beginning.

    Raises:
        PlanError: The image's version can't be installed.
    """
    version = image_version(cluster.image)
    if version.manages_containerd:
        yield Command(
            title="k0s writes containerd's settings itself",
            run=fragments.PUT_FILE_ASIDE,
            unless=fragments.FILE_IS_NOT_OURS,
            revert=fragments.PUT_FILE_BACK,
        )
        yield File(path=CONTAINERD_DROP_IN, content=_drop_in(version, restrict_oom=_is_refused(host)))
    elif version.reads_mirror_files:
        yield File(path=CONTAINERD_CONFIG, content=_own(cluster, host, [f"config_path = {_text(MIRRORS)}"]))
    elif cluster.registry is None:
        yield File(path=CONTAINERD_CONFIG, content=_own(cluster, host, []), mode=0o600)


def mirrors(
    cluster: Cluster, host: Host, registry: RegistryEndpoint, domains: Sequence[str]
) -> Iterator[Change]:
    """Yield what lets names of domains be pulled from the cluster's registry.

    Raises:
        PlanError: The image's version can't be installed.
    """
    if registry.certificate_authority is not None:
        yield File(path=REGISTRY_AUTHORITY, content=str(registry.certificate_authority))
    if image_version(cluster.image).reads_mirror_files:
        for domain in dict.fromkeys((registry.netloc, *domains)):
            yield File(
                path=f"{MIRRORS}/{domain}/hosts.toml", content=hosts_toml(domain, registry), mode=0o600
            )
        return
    lines = _mirror_lines(registry, domains)
    yield File(path=CONTAINERD_CONFIG, content=_own(cluster, host, lines), mode=0o600)
    yield Command(
        title="containerd reads its mirrors",
        run=fragments.RESTART_CONTAINERD,
        unless=fragments.CONTAINERD_HAS_READ,
        limit=60,
    )


def hosts_toml(domain: str, registry: RegistryEndpoint) -> str:
    """Return how containerd finds images of a domain: in the cluster's registry, its cache, then upstream.

    It may hold a secret.
    """
    below, cache = registry.below(domain), registry.cache_of(domain)
    lines = ["# Written by Sealer.", *_host_lines(registry, registry.netloc, below)]
    if cache is not None:
        lines += _host_lines(registry, cache.netloc, "")
    return "\n".join(lines) + "\n"


def _host_lines(registry: RegistryEndpoint, netloc: str, below: str) -> list[str]:
    host = _text(f"https://{netloc}/v2{f'/{below}' if below else ''}")
    lines = [f"[host.{host}]", '  capabilities = ["pull", "resolve"]']
    if below:
        lines.append("  override_path = true")
    if registry.certificate_authority is not None:
        lines.append(f"  ca = {_text(REGISTRY_AUTHORITY)}")
    if registry.credentials is not None:
        lines += [f"  [host.{host}.header]", f'    Authorization = "Basic {registry.credentials}"']
    return lines


def _own(cluster: Cluster, host: Host, registry: Sequence[str]) -> str:
    """Return the whole of containerd's configuration, for a k0s that writes none itself."""
    lines = ["# Written by Sealer.", "version = 2", "", f"[{_CRI}]"]
    sandbox = pause_image(cluster.image.container_images)
    if sandbox is not None:
        lines.append(f"  sandbox_image = {_text(sandbox)}")
    if _is_refused(host):
        lines.append("  restrict_oom_score_adj = true")
    lines += [f"  [{_CRI}.registry]", *(f"    {line}" for line in registry)]
    return "\n".join(lines) + "\n"


def _drop_in(version: K0sVersion, *, restrict_oom: bool) -> str:
    images, runtime = (_IMAGES_2, _RUNTIME_2) if version.has_containerd_2 else (_CRI, _CRI)
    lines = ["# Written by Sealer.", f"version = {3 if version.has_containerd_2 else 2}", ""]
    if restrict_oom:
        lines += [f"[{runtime}]", "  restrict_oom_score_adj = true"]
    lines += [f"[{images}.registry]", f"  config_path = {_text(MIRRORS)}"]
    return "\n".join(lines) + "\n"


def _mirror_lines(registry: RegistryEndpoint, domains: Iterable[str]) -> list[str]:
    """Return mirrors as containerd 1.4 has them: all in its one file, which holds a secret."""
    lines = []
    for domain in sorted(set(domains) - {registry.netloc}):
        ways = [f"https://{registry.netloc}/v2/{registry.below(domain)}"]
        cache = registry.cache_of(domain)
        if cache is not None:
            ways.append(f"https://{cache.netloc}")
        ways.append(f"https://{_UPSTREAM.get(domain, domain)}")
        lines += [f"[{_CRI}.registry.mirrors.{_text(domain)}]", f"  endpoint = {_text(ways)}"]
    for netloc in (registry.netloc, *(cache.netloc for cache in registry.caches)):
        access = f"{_CRI}.registry.configs.{_text(netloc)}"
        if registry.certificate_authority is not None:
            lines += [f"[{access}.tls]", f"  ca_file = {_text(REGISTRY_AUTHORITY)}"]
        if registry.credentials is not None:
            lines += [f"[{access}.auth]", f'  auth = "{registry.credentials}"']
    return lines


def _is_refused(host: Host) -> bool:
    return host.facts.answers.get(probes.OOM.name) == "refused"


def _text(value: str | list[str]) -> str:
    """Return a TOML string, or an array of some; JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False)
