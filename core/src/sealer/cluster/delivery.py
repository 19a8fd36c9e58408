"""Where the container images of an application image go on a cluster that Sealer did not make."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealer.errors import UsageError

NO_POLICY = "none"
"""In place of a policy's name: nothing is redirected, the hosts have mirrors."""

_REGISTRY = re.compile(
    r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where container images go; without a registry and nodes they stay where their names say.

    Attributes:
        registry: ``HOST[:PORT][/PATH]`` that they are pushed to, or "".
        nodes: Whether they are sent to the nodes.
        policy: The image policy that redirects pods to the registry, ``none``, or "" for what the image says.
        skip_tls_verify: Whether the registry may have any certificate, and speak plain HTTP.
    """

    registry: str = ""
    nodes: bool = False
    policy: str = ""
    skip_tls_verify: bool = False

    def __bool__(self) -> bool:
        return bool(self.registry) or self.nodes

    @property
    def domain(self) -> str:
        """Host and port of the registry."""
        return self.registry.partition("/")[0]


STAY = Delivery()
"""Container images stay where their names say."""


def deliver_to(registry: str | None, *, nodes: bool, policy: str | None, skip_tls_verify: bool) -> Delivery:
    """Return what the user wants of container images.

    Raises:
        UsageError: It makes no sense.
    """
    if registry is not None and nodes:
        raise UsageError("--registry and --to-nodes exclude each other")
    if registry is None and (policy or skip_tls_verify):
        flag = "--image-policy" if policy else "--skip-tls-verify"
        raise UsageError(
            f"{flag} is about the registry that images are pushed to", hint="name it: --registry"
        )
    named = (registry or "").removeprefix("https://").rstrip("/")
    if registry is not None and not _REGISTRY.fullmatch(named):
        raise UsageError(
            f"{registry!r} is not the name of a registry", hint="write HOST[:PORT][/PATH], without http://"
        )
    return Delivery(registry=named, nodes=nodes, policy=policy or "", skip_tls_verify=skip_tls_verify)
