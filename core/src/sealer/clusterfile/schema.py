"""The document of kind ``Cluster``: nodes to a ``ClusterSpec``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sealer.clusterfile.addresses import ip_version, is_host_name
from sealer.clusterfile.data_root import data_root_of
from sealer.clusterfile.environment import read_environment
from sealer.clusterfile.fields import Fields, Reader
from sealer.clusterfile.host_entries import read_hosts
from sealer.clusterfile.login import read_ssh
from sealer.clusterfile.model import CLUSTER_NAME, ClusterSpec, HostAlias
from sealer.clusterfile.registries import read_external_registry, read_local_registry
from sealer.clusterfile.tree import Node
from sealer.model import DEFAULT_DATA_ROOT

_RUNTIME_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def read_cluster(reader: Reader, node: Node) -> ClusterSpec:
    """Return what a ``Cluster`` document says; problems go to the reader's."""
    document = Fields(reader, node, "")
    document.ignore("apiVersion", "kind", "status")
    metadata = document.fields("metadata")
    name = metadata.text("name")
    if not metadata.has("name"):
        document.problem("metadata", "must have a name", "write as: metadata: {name: my-cluster}")
    elif name is not None and not CLUSTER_NAME.fullmatch(name):
        metadata.problem("name", "must be lower-case letters, digits and dashes, at most 63 of them")
    metadata.ignore("creationTimestamp")
    metadata.finish()
    spec = document.fields("spec")
    registries = spec.fields("registry")
    cluster = ClusterSpec(
        name=name or "",
        image=spec.line("image"),
        hosts=read_hosts(spec),
        ssh=read_ssh(spec.fields("ssh")),
        env=read_environment(spec),
        app_names=spec.texts("appNames"),
        cmds=spec.texts("cmd"),
        data_root=_data_root(spec),
        container_runtime=_container_runtime(spec.fields("containerRuntime")),
        registry=read_local_registry(registries),
        external=read_external_registry(registries),
        host_aliases=tuple(_host_aliases(spec)),
        place=reader.problems.source.place(node.position),
    )
    registries.finish()
    spec.not_built("cmd_args")
    spec.finish()
    document.finish()
    return cluster


def _data_root(spec: Fields) -> str:
    value = spec.line("dataRoot")
    if value is None:
        return DEFAULT_DATA_ROOT
    try:
        return data_root_of(value)
    except ValueError as error:
        spec.problem("dataRoot", str(error))
        return value


def _container_runtime(fields: Fields) -> str | None:
    name = fields.text("type")
    if name is not None and not _RUNTIME_NAME.fullmatch(name):
        fields.problem("type", "must be the name of a container runtime")
    fields.finish()
    return name


def _host_aliases(spec: Fields) -> Iterator[HostAlias]:
    for item, path in spec.reader.items(spec.node("hostAliases"), spec.path_of("hostAliases")):
        fields = Fields(spec.reader, item, path)
        ip = fields.text("ip")
        names = fields.texts("hostnames") or ()
        if ip is None or ip_version(ip) is None:
            fields.problem("ip", "must be an IP address")
        if not names:
            fields.problem("hostnames", "must be a list of at least one name")
        for name in names:
            if not is_host_name(name):
                fields.problem("hostnames", f"has {name!r}, which is no host name")
        fields.finish()
        yield HostAlias(ip=ip or "", hostnames=names)
