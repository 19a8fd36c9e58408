"""Hosts behind SSH. No other package imports asyncssh."""

from sealer.hosts.ssh.connection import SshConnection
from sealer.hosts.ssh.jump import JumpHosts
from sealer.hosts.ssh.keys import KeyRing

__all__ = ["JumpHosts", "KeyRing", "SshConnection"]
