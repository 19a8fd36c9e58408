"""The socket of a container runtime, for distributions that speak to it through nothing else."""

from __future__ import annotations

from sealer.errors import PlanError
from sealer.model import ContainerRuntimeSettings


def remote_endpoint(settings: ContainerRuntimeSettings, distribution: str) -> str:
    """Return the address of a container runtime's socket.

    Args:
        settings: Of the container runtime.
        distribution: What the message calls the distribution.

    Raises:
        PlanError: It has none of its own: it is spoken to from inside another program.
    """
    if settings.built_in:
        raise PlanError(
            f"{distribution} can't use a container runtime that has no socket of its own",
            hint="it has one inside: ask for no container runtime",
        )
    return settings.endpoint
