"""Clusterfiles: what a user says about a cluster, as typed values with places."""

from sealer.clusterfile.flags import cluster_from_flags, require_master
from sealer.clusterfile.login import parse_reference
from sealer.clusterfile.model import (
    DEFAULT_NAME,
    PROMPT,
    CachedRegistry,
    ClusterSpec,
    Document,
    ExternalRegistry,
    HostAlias,
    HostSpec,
    JumpSpec,
    LocalRegistry,
    SecretReference,
    SecretScheme,
    SshSpec,
)
from sealer.clusterfile.parse import decode, parse_clusterfile, parse_plugins, read_clusterfile
from sealer.clusterfile.plugin_documents import PluginSpec
from sealer.clusterfile.render import render_clusterfile, without_secrets
from sealer.clusterfile.settings import AppConfig, AppFile, ApplicationSpec, Clusterfile, ConfigSpec

__all__ = [
    "DEFAULT_NAME",
    "PROMPT",
    "AppConfig",
    "AppFile",
    "ApplicationSpec",
    "CachedRegistry",
    "ClusterSpec",
    "Clusterfile",
    "ConfigSpec",
    "Document",
    "ExternalRegistry",
    "HostAlias",
    "HostSpec",
    "JumpSpec",
    "LocalRegistry",
    "PluginSpec",
    "SecretReference",
    "SecretScheme",
    "SshSpec",
    "cluster_from_flags",
    "decode",
    "parse_clusterfile",
    "parse_plugins",
    "parse_reference",
    "read_clusterfile",
    "render_clusterfile",
    "require_master",
    "without_secrets",
]
