"""The registry of images made for the Go tool: their own script starts it in a container."""

from __future__ import annotations

from collections.abc import Iterator

from sealer.changes import Change, Cleanup, Copy, Wait, quote
from sealer.kubernetes import image_script, script_path
from sealer.model import Cluster, Host
from sealer_registry_distribution import fragments

SCRIPT = "init-registry.sh"
IMAGE_FILES = (script_path(SCRIPT),)

_CONTAINER = "sealer-registry"
"""What such scripts call the container; the Go tool removes it by this name."""


def by_script(
    cluster: Cluster, host: Host, *, domain: str, port: int, directory: str, stamp: str
) -> Iterator[Change]:
    """Yield the certificate and the password where the script looks for them, the script, and the wait.

    Args:
        cluster: The cluster.
        host: A host that serves.
        domain: The registry's name.
        port: The registry's port.
        directory: Where the credentials are.
        stamp: Different for each rotation of credentials, or "".
    """
    root = cluster.rootfs
    arguments = (str(port), cluster.registry_storage, domain)
    if stamp:
        # Undone when the files of before are in their places again.
        words = " ".join(quote(word) for word in arguments)
        yield Cleanup(
            title=f"the registry is started as before ({stamp})",
            run=f"cd {quote(root)} && bash {script_path(SCRIPT)} {words} </dev/null",
        )
    yield Copy(source=f"{directory}/tls.crt", path=f"{root}/certs/{domain}.crt", mode=0o644)
    yield Copy(source=f"{directory}/tls.key", path=f"{root}/certs/{domain}.key", mode=0o600)
    yield Copy(source=f"{directory}/htpasswd", path=f"{root}/etc/registry_htpasswd", mode=0o600)
    yield image_script(
        cluster,
        host,
        SCRIPT,
        arguments=arguments,
        revert=fragments.remove_container(_CONTAINER),
        stamp=stamp,
    )
    yield Wait(
        title="the registry answers",
        until=fragments.is_listened_on(port),
        why=fragments.why_no_container_listens(port, _CONTAINER),
        limit=60,
        pause=0.5,
    )
