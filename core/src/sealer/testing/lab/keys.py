"""SSH keys of a lab: the operator's, one host key a node, and the file that tells the true host keys."""

from __future__ import annotations

from pathlib import Path

from sealer.testing.lab.programs import run
from sealer.testing.lab.state import Places, write_atomically


def make_key(path: Path, *, comment: str) -> str:
    """Make an Ed25519 key pair without a passphrase unless it is there; return the public line."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return path.with_name(f"{path.name}.pub").read_text().strip()


def write_known_hosts(places: Places, addresses: dict[str, str]) -> None:
    """Write the nodes' host keys, each by name and by address, in the format of OpenSSH."""
    lines = []
    for name, address in addresses.items():
        kind, key, *_ = (places.node(name) / "host_key.pub").read_text().split()
        lines.append(f"{name},{address} {kind} {key}\n")
    write_atomically(places.known_hosts, "".join(lines))
