"""A Clusterfile's text to typed values: documents told apart by ``apiVersion`` and ``kind``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping as MappingType
from pathlib import Path

from sealer.clusterfile.fields import Fields, Reader, nearest
from sealer.clusterfile.model import CLUSTER_API_VERSION, ClusterSpec, Document
from sealer.clusterfile.plugin_documents import PluginSpec, read_plugin
from sealer.clusterfile.schema import read_cluster
from sealer.clusterfile.settings import ApplicationSpec, Clusterfile, ConfigSpec, Settings
from sealer.clusterfile.settings_documents import read_application, read_config
from sealer.clusterfile.source import Position, Problems, Source
from sealer.clusterfile.tree import Broken, Mapping, Node, compose_documents
from sealer.errors import UsageError

_GROUP = "sealer.io"
_ALIAS_GROUP = "sealer.cloud"
_CLUSTER = "Cluster"
_APPLICATION = "Application"
_CONFIG = "Config"
_PLUGIN = "Plugin"
_KINDS = {_CLUSTER: "v2", _APPLICATION: "v2", _CONFIG: "v1", _PLUGIN: "v1"}
"""Sealer's own kinds and the version of each."""

_SETTINGS_KIND = re.compile(r"[A-Z][A-Za-z0-9]*Config")
"""Settings of a cluster runtime in Sealer's own group."""

_HINT_PLUGIN = f"write as: apiVersion: {_GROUP}/{_KINDS[_PLUGIN]} and kind: {_PLUGIN}"
_HINT_API_VERSION = f"write as: apiVersion: {CLUSTER_API_VERSION}"


def read_clusterfile(path: Path, env: MappingType[str, str]) -> Clusterfile:
    """Read and parse a Clusterfile.

    Raises:
        UsageError: The file can't be read.
        SourceErrors: As ``parse_clusterfile``, and for a file that is no UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the Clusterfile can't be read: {error.strerror}", place=str(path)) from error
    return parse_clusterfile(decode(data, str(path)), str(path), env)


def decode(data: bytes, source: str) -> str:
    """Return the text of a file's bytes.

    Raises:
        SourceErrors: They are no UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # What precedes the bad byte is sound, so its position can be told.
        problems = Problems(Source(source, data[: error.start].decode("utf-8-sig", errors="replace")))
        position = problems.source.position_of(len(problems.source.text))
        problems.add(position, f"byte 0x{data[error.start]:02x} is no UTF-8", "save the file as UTF-8")
        raise problems.error() from error


def parse_clusterfile(text: str, source: str, env: MappingType[str, str]) -> Clusterfile:
    """Parse all documents of a Clusterfile.

    Args:
        text: YAML, one or more documents.
        source: The file's name, for messages.
        env: What ``${NAME}`` refers to.

    Raises:
        SourceErrors: Everything that is wrong with it, each with its position.
    """
    problems = Problems(Source(source, text))
    nodes = _compose(text, problems)
    reader = Reader(problems, env)
    documents: list[Document] = []
    settings: list[Settings] = []
    cluster: ClusterSpec | None = None
    for node in nodes:
        found = _read_document(reader, node)
        if isinstance(found, Document):
            documents.append(found)
        elif isinstance(found, ApplicationSpec | ConfigSpec | PluginSpec):
            settings.append(found)
        elif found is not None and cluster is not None:
            first = cluster.place.line if cluster.place else 0
            problems.add(node.position, f"there are two documents of kind Cluster, the first in line {first}")
        elif found is not None:
            cluster = found
    if problems:
        raise problems.error()
    if cluster is None:
        hint = f"begin it with: apiVersion: {CLUSTER_API_VERSION} and kind: {_CLUSTER}"
        problems.add(Position(1, 1), f"there is no document of kind {_CLUSTER}", hint)
        raise problems.error()
    return Clusterfile(cluster=cluster, documents=tuple(documents), settings=tuple(settings))


def parse_plugins(text: str, source: str) -> tuple[PluginSpec, ...]:
    """Parse a file of an image that holds documents of kind Plugin, and nothing else.

    Nobody's environment is filled in: what looks like a variable is one of the script it stands in.

    Args:
        text: YAML, any number of documents.
        source: The file's name, for messages.

    Raises:
        SourceErrors: Everything that is wrong with it, each with its position.
    """
    problems = Problems(Source(source, text))
    nodes = _compose(text, problems)
    reader = Reader(problems, None)
    found: list[PluginSpec] = []
    for node in nodes:
        document = _read_document(reader, node)
        if isinstance(document, PluginSpec):
            found.append(document)
        elif document is not None:
            problems.add(node.position, f"only documents of kind {_PLUGIN} belong here", _HINT_PLUGIN)
    if problems:
        raise problems.error()
    return tuple(found)


def _compose(text: str, problems: Problems) -> tuple[Node, ...]:
    try:
        return compose_documents(text, problems)
    except Broken:
        raise problems.error() from None


def _read_document(reader: Reader, node: Node) -> ClusterSpec | Document | Settings | None:
    if not isinstance(node, Mapping):
        reader.problems.add(node.position, "a document must be a mapping", _HINT_API_VERSION)
        return None
    header = Fields(reader, node, "")
    api_version, kind = header.line("apiVersion"), header.line("kind")
    if not header.has("apiVersion"):
        header.problem("apiVersion", "is missing", _HINT_API_VERSION)
    if not header.has("kind"):
        header.problem("kind", "is missing", f"write as: kind: {_CLUSTER}")
    if api_version is None or kind is None:
        return None
    group, _, version = api_version.rpartition("/")
    if group in (_GROUP, _ALIAS_GROUP):
        return _read_own(reader, header, node, kind, version)
    if kind in _KINDS and difflib.SequenceMatcher(None, group, _GROUP).ratio() >= 0.7:
        # Taken for a stranger's document it would be handed to the cluster runtime.
        header.problem("apiVersion", "is not known", f"did you mean {_GROUP}/{_KINDS[kind]}?")
        return None
    place = reader.problems.source.place(node.position)
    return Document(api_version=api_version, kind=kind, data=reader.plain(node), place=place)


def _read_own(
    reader: Reader, header: Fields, node: Mapping, kind: str, version: str
) -> ClusterSpec | Document | Settings | None:
    expected = _KINDS.get(kind)
    if expected is None and not _SETTINGS_KIND.fullmatch(kind):
        header.problem("kind", f"{kind} is not known", nearest(kind, tuple(_KINDS)))
    elif expected is not None and version != expected:
        header.problem("apiVersion", f"has version {version} for a {kind}", f"write {_GROUP}/{expected}")
    elif kind == _CLUSTER:
        return read_cluster(reader, node)
    elif kind == _APPLICATION:
        return read_application(reader, node)
    elif kind == _CONFIG:
        return read_config(reader, node)
    elif kind == _PLUGIN:
        return read_plugin(reader, node)
    else:
        place = reader.problems.source.place(node.position)
        return Document(api_version=f"{_GROUP}/{version}", kind=kind, data=reader.plain(node), place=place)
    return None
