"""Typed values back to the text of a Clusterfile, in one normal form and without any secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

import yaml

from sealer.clusterfile.model import (
    CLUSTER_API_VERSION,
    PROMPT,
    CachedRegistry,
    ClusterSpec,
    ExternalRegistry,
    HostSpec,
    SecretReference,
    SshSpec,
)
from sealer.clusterfile.scalars import plain_value
from sealer.clusterfile.settings import Clusterfile
from sealer.clusterfile.settings_documents import render_settings
from sealer.clusterfile.substitution import escape
from sealer.model import DEFAULT_DATA_ROOT
from sealer.secret import Secret

_UNCOMMON = re.compile("[^ -~\u00a1-\u1fff\u3000-\ud7ff\uf900-\ufaff]")
"""Line breaks, controls and characters that look like nothing: written as escapes, in double quotes."""


def render_clusterfile(clusterfile: Clusterfile, *, defaults: bool = False) -> str:
    """Return a text that parses, in any environment, to an equal value.

    References to secrets are kept. A secret itself is never written: ``prompt`` takes its place, which asks
    the user. Hosts that follow one another and differ in their addresses alone share an entry.

    Args:
        clusterfile: The values.
        defaults: Whether what is as it is by default is written as well.
    """
    documents = [
        _cluster(clusterfile.cluster, defaults=defaults),
        *(render_settings(settings) for settings in clusterfile.settings),
        *(document.data for document in clusterfile.documents),
    ]
    return yaml.dump_all(
        [_escaped(document) for document in documents], Dumper=_Dumper, sort_keys=False, width=1_000_000
    )


def without_secrets(cluster: ClusterSpec) -> ClusterSpec:
    """Return the cluster with ``prompt`` in place of every secret, which is what its rendered text says."""
    hosts = tuple(replace(host, ssh=_prompting(host.ssh)) for host in cluster.hosts)
    external = cluster.external
    if external is not None and isinstance(external.password, Secret):
        external = replace(external, password=PROMPT)
    caches = tuple(
        replace(cached, password=PROMPT) if isinstance(cached.password, Secret) else cached
        for cached in cluster.registry.caches
    )
    registry = replace(cluster.registry, caches=caches)
    return replace(cluster, ssh=_prompting(cluster.ssh), hosts=hosts, registry=registry, external=external)


def _prompting(ssh: SshSpec) -> SshSpec:
    return replace(
        ssh,
        password=PROMPT if isinstance(ssh.password, Secret) else ssh.password,
        passphrase=PROMPT if isinstance(ssh.passphrase, Secret) else ssh.passphrase,
        sudo_password=PROMPT if isinstance(ssh.sudo_password, Secret) else ssh.sudo_password,
        jump=None if ssh.jump is None else tuple(replace(hop, ssh=_prompting(hop.ssh)) for hop in ssh.jump),
    )


def with_defaults(cluster: ClusterSpec) -> ClusterSpec:
    """Return the cluster with what applies to log-ins when nothing is said."""
    ssh = replace(cluster.ssh, user=cluster.ssh.user or "root", port=cluster.ssh.port or DEFAULT_SSH_PORT)
    return replace(cluster, ssh=ssh)


def _cluster(cluster: ClusterSpec, *, defaults: bool = False) -> dict[str, object]:
    registry = _said(
        domain=cluster.registry.domain,
        port=cluster.registry.port,
        caches=[_cached(cached) for cached in cluster.registry.caches],
    )
    data_root = None if cluster.data_root == DEFAULT_DATA_ROOT and not defaults else cluster.data_root
    spec = _said(
        image=cluster.image,
        env=_assignments(cluster.env),
        appNames=None if cluster.app_names is None else list(cluster.app_names),
        cmd=None if cluster.cmds is None else list(cluster.cmds),
        ssh=_ssh(cluster.ssh),
        dataRoot=data_root,
        containerRuntime=_said(type=cluster.container_runtime),
        registry=_said(localRegistry=registry, externalRegistry=_external(cluster.external)),
        hostAliases=[{"ip": alias.ip, "hostnames": list(alias.hostnames)} for alias in cluster.host_aliases],
        hosts=list(_hosts(cluster)),
    )
    return {
        "apiVersion": CLUSTER_API_VERSION,
        "kind": "Cluster",
        "metadata": {"name": cluster.name},
        "spec": spec,
    }


def _cached(registry: CachedRegistry) -> dict[str, object]:
    return _said(
        domain=registry.domain,
        url=registry.url,
        username=registry.username,
        passwordFrom=_reference(registry.password),
        caFile=registry.ca_file,
    )


def _external(registry: ExternalRegistry | None) -> dict[str, object]:
    if registry is None:
        return {}
    return _said(
        domain=registry.domain,
        port=registry.port,
        path=registry.path or None,
        username=registry.username,
        passwordFrom=_reference(registry.password),
        caFile=registry.ca_file,
    )


def _hosts(cluster: ClusterSpec) -> Iterator[dict[str, object]]:
    for settings, hosts in groupby(cluster.hosts, key=_settings):
        yield {"ips": [host.address for host in hosts], **settings}


def _settings(host: HostSpec) -> dict[str, object]:
    return {
        "roles": list(host.roles),
        **_said(
            ssh=_ssh(host.ssh),
            env=_assignments(host.env),
            labels=dict(host.labels),
            taints=list(host.taints),
        ),
    }


def _ssh(ssh: SshSpec) -> dict[str, object]:
    return _said(
        user=ssh.user,
        passwdFrom=_reference(ssh.password),
        pk=ssh.private_key,
        pkPasswdFrom=_reference(ssh.passphrase),
        sudoPasswdFrom=_reference(ssh.sudo_password),
        port=ssh.port,
        hostKeyFingerprints=list(ssh.fingerprints),
        knownHosts=ssh.known_hosts,
        identitiesOnly=ssh.identities_only,
        jump=None if ssh.jump is None else [{"host": hop.address, **_ssh(hop.ssh)} for hop in ssh.jump],
    )


def _reference(secret: Secret | SecretReference | None) -> str | None:
    return str(PROMPT if isinstance(secret, Secret) else secret) if secret is not None else None


def _assignments(env: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in env.items()]


def _said(**fields: object) -> dict[str, object]:
    """Return the fields that say something. An empty list of some kinds says: none."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and (value not in ([], {}) or name in ("appNames", "cmd", "jump"))
    }


def _escaped(item: object) -> object:
    if isinstance(item, str):
        return escape(item)
    if isinstance(item, Mapping):
        return {key: _escaped(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_escaped(value) for value in item]
    return item


DEFAULT_SSH_PORT = 22


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, and quotes every text that would mean something else without quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = not isinstance(plain_value(text), str) or _UNCOMMON.search(text) is not None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _represent_text)
