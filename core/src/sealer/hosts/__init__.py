"""Reaching hosts: connections that run scripts, take streams and give files, over SSH or on this machine."""

from sealer.hosts.connection import Connection, ScriptResult
from sealer.hosts.facts import observe
from sealer.hosts.local import LocalConnection, is_local
from sealer.hosts.pool import close_connections, open_connection, open_connections
from sealer.hosts.secret import Redactor, resolve_secret
from sealer.hosts.settings import HostKeyPolicy, SshSettings, Target
from sealer.secret import Secret

__all__ = [
    "Connection",
    "HostKeyPolicy",
    "LocalConnection",
    "Redactor",
    "ScriptResult",
    "Secret",
    "SshSettings",
    "Target",
    "close_connections",
    "is_local",
    "observe",
    "open_connection",
    "open_connections",
    "resolve_secret",
]
