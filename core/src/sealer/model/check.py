"""Host checks: questions asked before anything is changed, judged over all hosts together."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sealer.changes.base import Change
    from sealer.model.cluster import Cluster
    from sealer.model.host import Host, Probe


NO_ANSWER = "the host could not answer"
"""Why a check was not made on a host, where no more is known."""


class Severity(enum.StrEnum):
    """What a finding means: only an error stops an operation.

    ``NOT_CHECKED`` says that the check could not be made on a host: it neither passed nor failed there.
    """

    ERROR = "error"
    WARNING = "warning"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check says about one host.

    Attributes:
        check: The id of the check.
        host: The host's name.
        severity: What it means.
        found: What is the matter; of a check that could not be made, why.
        wanted: What should be instead.
        mend: How people mend it: a command or a sentence.
    """

    check: str
    host: str
    severity: Severity
    found: str
    wanted: str
    mend: str


class Check(ABC):
    """A check with a stable id. It reads the facts of all hosts and returns findings.

    Attributes:
        id: Stable, in small letters and dashes; what ``--ignore`` takes. A plugin prefixes its own.
        title: What holds when it passes, in a few words.
        severity: The worst that it finds.
        subject: What it is about, such as ``storage``; the name of its provider when it is empty.
        strict: Why it can't be ignored, or the empty text when it can.
        needs_image: Whether it compares hosts with an image; without one it is left out.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    subject: ClassVar[str] = ""
    strict: ClassVar[str] = ""
    needs_image: ClassVar[bool] = False

    def probes(self) -> tuple[Probe, ...]:
        """Return the questions whose answers ``evaluate`` reads from ``host.facts.answers``.

        An answer is the empty text when the question could not be answered; let the script print something
        in all other cases.
        """
        return ()

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the questions to one host that depend on what all hosts answered.

        They are asked in a second round trip, at the same time on all hosts, and their answers are beside
        those of the first in ``host.facts.answers``. They may try something, if nothing of it is left.
        """
        return ()

    @abstractmethod
    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return what is wrong, host by host; nothing when all is well."""

    def mend(self, cluster: Cluster, finding: Finding) -> tuple[Change, ...]:
        """Return the changes to the finding's host that mend it, or none when people have to.

        They must be safe whatever else runs on the host, and what they change must be undone by them.
        """
        return ()

    def finding(
        self, host: str, *, found: str, wanted: str, mend: str, severity: Severity | None = None
    ) -> Finding:
        """Return a finding of this check about a host, of the check's severity unless it is less severe."""
        return Finding(
            check=self.id,
            host=host,
            severity=severity or self.severity,
            found=found,
            wanted=wanted,
            mend=mend,
        )

    def not_checked(self, host: str, reason: str = NO_ANSWER) -> Finding:
        """Return the finding that the check could not be made on a host, and why."""
        return Finding(
            check=self.id,
            host=host,
            severity=Severity.NOT_CHECKED,
            found=reason,
            wanted=self.title,
            mend="look at it by hand",
        )


class AnswerCheck(Check):
    """A check that judges each host for itself, by its answer to one question.

    Hosts that could not answer are not judged, and that is said of them.
    """

    @property
    @abstractmethod
    def probe(self) -> Probe:
        """The question."""

    def probes(self) -> tuple[Probe, ...]:
        """Return the question."""
        return (self.probe,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return what ``judge`` returns of each host that answered."""
        for host in cluster.hosts:
            answer = host.facts.answers.get(self.probe.name, "").strip()
            if answer:
                yield from self.judge(cluster, host, answer)
            else:
                yield self.not_checked(host.name)

    @abstractmethod
    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return what is wrong with a host, from its answer without blanks at its ends."""
