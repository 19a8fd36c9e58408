"""Why something failed on a host, as far as what it printed tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sealer.changes import Wait
from sealer.changes.wait import WAITING
from sealer.errors import ChangeFailed, VerificationError
from sealer.model import Step, show

_KNOWN = (
    # The last of these is of GNU tar, when a part of its block still fitted.
    (
        re.compile(r"No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes"),
        "the disk is full",
        "free space below {data} and where programs keep their data, then resume",
    ),
    (
        re.compile(r"Read-only file system"),
        "a file system is read-only",
        "find out why (dmesg tells of disks that fail), make it writable, then resume",
    ),
    (
        re.compile(r"is no directory of Sealer"),
        "somebody else's directory is where the cluster's should be",
        "nothing was touched there; see to the cluster's name and the data root",
    ),
    (
        re.compile(r"a later run has come while this one waited"),
        "another run of sealer works on this host",
        "let it come to its end and see what it made, then resume",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is wrong, and what to do about it."""

    what: str
    hint: str


def diagnose(output: str, *, data: str) -> Diagnosis | None:
    """Return what the output of programs says, or None when it says nothing that is known.

    Args:
        output: In the C locale.
        data: The cluster's directory on hosts.
    """
    for pattern, what, hint in _KNOWN:
        if pattern.search(output):
            return Diagnosis(what=what, hint=hint.format(data=data))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepErrors:
    """Makes the errors of steps from the last lines that their hosts printed, secrets removed.

    Attributes:
        data: The cluster's directory on hosts.
    """

    data: str

    def of_change(
        self, step: Step, index: int, status: int, lines: Sequence[str], *, retryable: bool = False
    ) -> ChangeFailed | VerificationError:
        """Return the error of a step one of whose changes failed."""
        change = step.changes[index]
        what = show(change.describe())
        if isinstance(change, Wait):
            reasons = [line.removeprefix(WAITING) for line in lines if line.startswith(WAITING)]
            why = reasons[-1] if reasons else "the host does not say why"
            return ChangeFailed(
                f"waited {change.limit:.0f} seconds in vain until {what}: {why}",
                host=step.host,
                hint="mend that; what waits for it goes on with: sealer resume",
            )
        return self.of_step(step, f"{what}: failed with status {status}", lines, retryable=retryable)

    def of_step(
        self, step: Step, message: str, lines: Sequence[str], *, retryable: bool = False
    ) -> ChangeFailed | VerificationError:
        """Return the error of a step from what its host printed."""
        output = "\n".join(lines)
        if "arrived damaged" in output:
            return VerificationError(f"{message}: {output.splitlines()[-1]}", place=step.host)
        if (found := diagnose(output, data=self.data)) is not None:
            return ChangeFailed(f"{message}: {found.what}", host=step.host, output=output, hint=found.hint)
        return ChangeFailed(message, host=step.host, output=output, retryable=retryable)
