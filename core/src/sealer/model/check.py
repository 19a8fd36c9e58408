"""Host checks: questions asked before anything is changed, judged over all hosts together."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sealer.model.cluster import Cluster
    from sealer.model.host import Probe


class Severity(enum.StrEnum):
    """Whether a finding stops the operation."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One host's failure to pass a check: what was found, what is wanted, how to mend it."""

    check: str
    host: str
    severity: Severity
    found: str
    wanted: str
    mend: str


class Check(ABC):
    """A check with a stable id. It reads the facts of all hosts and returns findings."""

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR

    def probes(self) -> tuple[Probe, ...]:
        """Return the questions whose answers ``evaluate`` reads from ``host.facts.answers``."""
        return ()

    @abstractmethod
    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return what is wrong, host by host; nothing when all is well."""

    def finding(self, host: str, *, found: str, wanted: str, mend: str) -> Finding:
        """Return a finding of this check about a host."""
        return Finding(
            check=self.id, host=host, severity=self.severity, found=found, wanted=wanted, mend=mend
        )
