"""Scripts by which a host offers image layers to others while it gets them, and by which these fetch them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sealer.changes.base import Blob
from sealer.changes.helpers import passing
from sealer.changes.quoting import words
from sealer.changes.script import Setting, named, wrap
from sealer.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PassingKeys:
    """The keys that count between hosts for one operation, in OpenSSH's formats.

    Attributes:
        host: The private key of those that offer, and ``host_public`` the public one.
        user: The private key of those that fetch, and ``user_public`` the public one.
    """

    host: Secret
    host_public: str
    user: Secret
    user_public: str


def offer_script(setting: Setting, keys: PassingKeys, ports: Sequence[int], own_address: str) -> str:
    """Return a script that offers what ``receive`` takes, until its standard input ends.

    A line of that tells it that the host has all that it will get; who fetches more then is sent away.
    It prints the address and the port once others can come. It needs the host's sshd, which it starts a
    second time with a configuration of its own; nothing of the host's configuration is used or changed.

    Args:
        setting: Where it runs.
        keys: Who is let in.
        ports: One of these is used: the first that is free.
        own_address: sh that prints the address by which others reach the host.
    """
    call = words(("offer_layers", keys.host.reveal(), keys.user_public, *map(str, ports)))
    body = [passing(), f"own_address() {{\n{own_address}\n}}", call]
    return wrap(setting, body, stream=True)


def fetch_script(setting: Setting, keys: PassingKeys, address: str, port: int, blobs: Sequence[Blob]) -> str:
    """Return a script that fetches blobs from a host that offers them, and prints each that it has.

    It waits for what that host is still to get. When the way is cut off, what has come whole is kept.
    """
    call = words(("fetch_layers", keys.host_public, keys.user.reveal(), address, str(port)))
    return wrap(setting, [passing(), f"{call} {named(blobs)}"])
