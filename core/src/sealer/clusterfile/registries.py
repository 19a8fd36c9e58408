"""The registry that serves a cluster's container images: inside it, or outside."""

from __future__ import annotations

import re

from sealer.clusterfile.addresses import ip_version, is_host_name
from sealer.clusterfile.fields import Fields
from sealer.clusterfile.login import read_secret
from sealer.clusterfile.model import ExternalRegistry, LocalRegistry

_HTTPS = 443
_PATH = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")


def read_local_registry(fields: Fields) -> LocalRegistry:
    """Return what a mapping ``registry`` says of the one inside the cluster."""
    local = fields.fields("localRegistry")
    domain = local.text("domain")
    if domain is not None and not is_host_name(domain):
        local.problem("domain", "must be a host name, such as sea.hub")
    registry = LocalRegistry(domain=domain, port=local.number("port", least=1, most=65535))
    local.not_built("username", "password", "ha", "insecure", "cert")
    local.finish()
    return registry


def read_external_registry(fields: Fields) -> ExternalRegistry | None:
    """Return what a mapping ``registry`` says of one outside, or None when it names none."""
    external = fields.fields("externalRegistry")
    domain = external.text("domain")
    registry = ExternalRegistry(
        domain=domain or "",
        port=external.number("port", least=1, most=65535) or _HTTPS,
        path=external.line("path") or "",
        username=external.line("username"),
        password=read_secret(external, "password"),
        ca_file=external.line("caFile"),
    )
    external.finish()
    if not fields.has("externalRegistry"):
        return None
    if fields.has("localRegistry"):
        fields.problem("externalRegistry", "stands beside localRegistry", "keep one of them")
    if not external.has("domain"):
        fields.problem("externalRegistry", "must have a domain", "write as: {domain: registry.example.org}")
    elif domain is not None and not is_host_name(domain) and ip_version(domain) != 4:
        external.problem("domain", "must be a host name or an IPv4 address", "port and path are fields")
    if registry.path and not _PATH.fullmatch(registry.path):
        external.problem("path", "must be what repositories begin with, such as team/images")
    if registry.username is not None and ":" in registry.username:
        external.problem("username", "must have no colon")
    if registry.username is not None and registry.password is None:
        external.problem("username", "has no password", "write passwordFrom: env:NAME, or use sealer login")
    if registry.password is not None and registry.username is None:
        # The value is not shown: it is a secret.
        external.problem("password", "has no username")
    return registry
