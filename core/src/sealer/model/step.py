"""A step: changes to one host that belong together, and what they need from other steps.

Names that steps provide and require (``@h`` stands for a host's name):

    host@h                core: observed and fit; every step of a host requires it implicitly
    rootfs@h              core: the image's files are unpacked on the host
    registry-store@h      core: the container images are unpacked where the registry serves them from
    container-runtime@h   container runtime: it runs and its socket answers
    registry@h            registry: the host serves the container images
    registry              all hosts that are to serve them do; holds when registry@h does for them. Of one
                          outside of the cluster, core: it has all that a cluster begins with
    registry-access@h     core: the host trusts the registry and pulls from it by original names
    api                   cluster runtime: the API server answers
    turn@h                cluster runtime, when upgrading: the host's pods have moved away
    member@h              cluster runtime: the host is part of the cluster
    removed@h             cluster runtime: the cluster does without the host
    cluster               every host is a member; holds when member@h does for all hosts
    app/NAME              core: the application has been launched
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from sealer.model.image import EMPTY
from sealer.model.value import Value, used_values
from sealer.secret import Secret

if TYPE_CHECKING:
    # Whoever only looks at images imports the model, and should not wait for all kinds of changes.
    from sealer.changes.base import Change


OPERATOR = "(operator)"
"""In place of a host's name: the step runs on the operator's machine, beside those of hosts.

It runs with the operator's own privileges, and has a journal of its own there. No host can be called so.
"""

NO_SECRETS: Mapping[str, Secret | str] = MappingProxyType({})


def at(name: str, host: str) -> str:
    """Return the name of something that exists per host, such as ``rootfs@n1``."""
    return f"{name}@{host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Changes to one host that belong together.

    Attributes:
        id: Unique within a plan and the same whenever the plan is made again, as ``kubernetes/init@n1``.
        title: What it does, for people, without the host's name.
        host: The name of the host, or ``OPERATOR``.
        changes: Applied in order; the first that fails ends the step.
        env: Environment of all its scripts.
        secrets: More of it, fetched on the operator's machine when the step is visited and written down
            nowhere: secrets, or where they are (``env:NAME``, ``file:PATH``, ``cmd:COMMAND``,
            ``prompt:WHAT``, or ``login:REGISTRY`` for the password that ``sealer login`` learned).
        directory: Where its scripts run, or None for ``/``.
        provides: Names that hold once the step is done.
        requires: Names that must hold before it starts. Values in its changes count as well.
        retries: How often it is tried again after a failure that trying again can mend.
        timeout: Seconds one attempt may take.
        concurrency: On how many hosts steps of its kind may be under way at one time, or None for as many as
            the operator allows: a server that all of them ask can take only so much.
    """

    id: str
    title: str
    host: str
    changes: tuple[Change, ...]
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    secrets: Mapping[str, Secret | str] = field(default_factory=lambda: NO_SECRETS, repr=False)
    directory: str | None = None
    retries: int = 2
    timeout: float = 900.0
    concurrency: int | None = None

    @property
    def kind(self) -> str:
        """What its id says without the host: ``kubernetes/join`` of ``kubernetes/join@n2``."""
        return self.id.partition("@")[0]

    def value(self, key: str) -> Value:
        """Return the value that one of the changes yields under ``key``.

        Raises:
            KeyError: No change has such an output.
        """
        for change in self.changes:
            for output in change.outputs:
                if output.key == key:
                    return Value(step=self.id, key=key, secret=output.secret)
        raise KeyError(key)

    def uses(self) -> frozenset[tuple[str, str]]:
        """Return the (step, key) pairs of the values its changes need."""
        return used_values(self.changes)
