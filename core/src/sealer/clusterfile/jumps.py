"""Jump hosts as people write them: ``user@host:port``, several separated by commas."""

from __future__ import annotations

from sealer.clusterfile.addresses import expand, expand_endpoints
from sealer.clusterfile.model import JumpSpec, SshSpec


def parse_jump(text: str) -> tuple[JumpSpec, ...]:
    """Return the jump hosts of ``[user@]host[:port]``, in the order in which they are passed.

    An IPv6 address is put into brackets when a port follows: ``ops@[2001:db8::1]:2222``.

    Raises:
        ValueError: It is none; the message says why.
    """
    return tuple(_jump_host(item.strip()) for item in text.split(","))


def one_address(text: str) -> str:
    """Return an IP address in its canonical form, or a host name.

    Raises:
        ValueError: It is neither; the message says why.
    """
    found = expand(text)
    if len(found) != 1:
        raise ValueError(f"{text} is more than one address")
    return found[0]


def _jump_host(text: str) -> JumpSpec:
    user, at, where = text.rpartition("@")
    if (at and not user) or not where:
        raise ValueError(f"{text!r} is no jump host: write user@host:port")
    endpoints = expand_endpoints(where)
    if len(endpoints) != 1:
        raise ValueError(f"{where} is more than one address")
    return JumpSpec(address=endpoints[0].address, ssh=SshSpec(user=user or None, port=endpoints[0].port))
