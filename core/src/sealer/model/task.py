"""What a ``Plugin`` document of a Clusterfile asks for: something to be done to hosts or to the cluster."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Phase(enum.StrEnum):
    """When a task is done: those that end in ``-host`` on each host, the others once, on the first master."""

    PRE_INIT_HOST = "pre-init-host"
    POST_INIT_HOST = "post-init-host"
    PRE_CLEAN_HOST = "pre-clean-host"
    POST_CLEAN_HOST = "post-clean-host"
    UPGRADE_HOST = "upgrade-host"
    PRE_INSTALL = "pre-install"
    PRE_LAUNCH = "pre-launch"
    POST_INSTALL = "post-install"
    PRE_UNINSTALL = "pre-uninstall"
    POST_UNINSTALL = "post-uninstall"
    PRE_SCALEUP = "pre-scaleup"
    POST_SCALEUP = "post-scaleup"
    UPGRADE = "upgrade"
    ROLLBACK = "rollback"

    @property
    def is_for_each_host(self) -> bool:
        """Whether it is for each host, and not once for the cluster."""
        return self.value.endswith("-host")

    @property
    def is_cleaning(self) -> bool:
        """Whether its commands run when hosts are cleaned, from the record that each host keeps."""
        return self in {
            Phase.PRE_CLEAN_HOST,
            Phase.POST_CLEAN_HOST,
            Phase.PRE_UNINSTALL,
            Phase.POST_UNINSTALL,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do at one phase.

    Attributes:
        name: Of the document; unique in a Clusterfile.
        type: The name of its type, as ``shell``.
        phase: When.
        data: What to do, in the language of its type.
    """

    name: str
    type: str
    phase: Phase
    data: str
