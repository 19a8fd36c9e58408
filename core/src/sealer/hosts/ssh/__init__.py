"""Hosts behind SSH. No other package imports asyncssh."""

from sealer.hosts.ssh.connection import SshConnection
from sealer.hosts.ssh.keys import KeyRing

__all__ = ["KeyRing", "SshConnection"]
