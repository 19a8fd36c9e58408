"""The registry that serves a cluster's container images: inside it with what it caches, or outside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from sealer.clusterfile.addresses import ip_version, is_host_name
from sealer.clusterfile.fields import Fields
from sealer.clusterfile.login import read_secret
from sealer.clusterfile.model import CachedRegistry, ExternalRegistry, LocalRegistry, SecretReference
from sealer.secret import Secret

_HTTPS = 443
_ELSEWHERE = {"docker.io": "https://registry-1.docker.io"}
"""Registries that are reached by another name than their images have."""

_OTHER_NAMES = {"index.docker.io": "docker.io", "registry-1.docker.io": "docker.io"}
_URL = re.compile(r"[!-~]+")
_PATH = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")


def read_local_registry(fields: Fields) -> LocalRegistry:
    """Return what a mapping ``registry`` says of the one inside the cluster."""
    local = fields.fields("localRegistry")
    domain = local.text("domain")
    if domain is not None and not is_host_name(domain):
        local.problem("domain", "must be a host name, such as sea.hub")
    registry = LocalRegistry(
        domain=domain,
        port=local.number("port", least=1, most=65535),
        caches=tuple(_read_caches(local)),
    )
    local.not_built("username", "password", "ha", "insecure", "cert")
    local.finish()
    return registry


def _read_caches(local: Fields) -> Iterator[CachedRegistry]:
    seen: set[str] = set()
    for item, path in local.reader.items(local.node("caches"), local.path_of("caches")):
        fields = Fields(local.reader, item, path)
        cached = _read_cached(fields)
        if cached.domain and cached.domain in seen:
            fields.problem("domain", f"{cached.domain} is cached already", "keep one of them")
        seen.add(cached.domain)
        yield cached


def _read_cached(fields: Fields) -> CachedRegistry:
    """Return what a mapping says of a registry that is to be cached."""
    domain = fields.text("domain")
    url = fields.line("url")
    username = fields.line("username")
    password = read_secret(fields, "password")
    ca_file = fields.line("caFile")
    fields.finish()
    if domain is None:
        fields.problem("domain", "is missing", "write as: {domain: docker.io}")
    elif domain in _OTHER_NAMES:
        hint = f"names of images begin with {_OTHER_NAMES[domain]}"
        fields.problem("domain", "is not what names of images begin with", hint)
    elif not _is_domain(domain):
        fields.problem("domain", "must be a host name, perhaps with a port")
    if url is not None and not _is_url(url):
        hint = "write as https://mirror.example.org, without /v2 and without credentials"
        fields.problem("url", "must be the address of a registry", hint)
    _judge_account(fields, username, password, "write passwordFrom: env:NAME")
    if username is not None and (url or "").startswith("http:"):
        fields.problem("username", "would cross the network in the clear", "write the url with https")
    name = domain or ""
    return CachedRegistry(
        domain=name,
        url=(url or _ELSEWHERE.get(name, f"https://{name}")).rstrip("/"),
        username=username,
        password=password,
        ca_file=ca_file,
    )


def _is_domain(text: str) -> bool:
    name, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        return False
    return text == text.lower() and (is_host_name(name) or ip_version(name) == 4)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"https", "http"} and parts.port != 0
    except ValueError:
        return False
    bare = not (parts.query or parts.fragment or "@" in parts.netloc)
    return known and bare and bool(parts.hostname) and _URL.fullmatch(text) is not None


def _judge_account(
    fields: Fields, username: str | None, password: Secret | SecretReference | None, hint: str
) -> None:
    if username is not None and ":" in username:
        fields.problem("username", "must have no colon")
    if username is not None and password is None:
        fields.problem("username", "has no password", hint)
    if password is not None and username is None:
        # The value is not shown: it is a secret.
        fields.problem("password", "has no username")


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
    hint = "write passwordFrom: env:NAME, or use sealer login"
    _judge_account(external, registry.username, registry.password, hint)
    return registry
