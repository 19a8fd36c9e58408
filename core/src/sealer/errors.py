"""Every error Sealer raises on purpose.

    SealerError                     exit code 1
      UsageError                    2    flags or arguments that make no sense together
      SourceErrors                  1    one or more problems in a Kubefile or Clusterfile, with places
      ImageError                    1    an image that is missing, malformed or cannot be built
        ProgramMissing              1    a program that it takes to read something
        VerificationError           4    content that does not have the digest or size it should have
      TransportError                1    a registry or archive that could not be read or written
      PluginError                   1    a plugin that is missing, broken or contested
      PlanError                     1    steps that cannot be tied into a plan
      RecordDamaged                 1    a file that Sealer keeps of clusters and that can't be read
      HostError                     1    something about one host (retryable or not)
        HostUnreachable             1
        TookTooLong                 1
        HostKeyRejected             1
        AuthenticationFailed        1
          PrivilegesRefused         1    logged in, but not allowed what root is
        ChangeFailed                1    a change that could not be observed, applied or undone
      ChecksFailed                  3    host checks that found the hosts unfit
      HostsFailed                   5    some hosts failed; the operation can be resumed (1 when none was
                                         begun, 4 when content failed verification and nothing else failed)
      OperationLocked               6    another operation holds the cluster
      Interrupted                   130  the user stopped the operation; it can be resumed

A message says what is wrong, ``place`` where (a file position or a host), ``hint`` what to do next.
The command line prints those three and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in a text file. ``line`` and ``column`` count from 1; ``text`` is the line itself."""

    file: str
    line: int
    column: int = 1
    text: str | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def excerpt(self) -> str | None:
        """Return the line with a caret below the column, or None when the text is not known or blank."""
        line = (self.text or "").rstrip("\r\n")
        if not line.strip():
            return None
        before = line[: self.column - 1]
        indent = "".join("\t" if character == "\t" else " " for character in before)
        return f"{line}\n{indent}^"


class SealerError(Exception):
    """Base of all errors: a message, an optional place and an optional hint.

    Args:
        message: One sentence on what is wrong, without a final full stop.
        place: Where: a position in a file, or any short description of a location.
        hint: What the user can do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, place: Place | str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.place is None else f"{self.place}: {self.message}"


class UsageError(SealerError):
    """Flags or arguments that make no sense, alone or together."""

    exit_code = 2


class SourceError(SealerError):
    """One problem at one position of a source file."""

    place: Place

    def __init__(self, message: str, *, place: Place, hint: str | None = None) -> None:
        super().__init__(message, place=place, hint=hint)


class SourceErrors(SealerError):
    """All problems found in one source file, reported together.

    Args:
        problems: At least one problem, in the order of their positions.
    """

    def __init__(self, problems: Sequence[SourceError]) -> None:
        first = problems[0]
        count = len(problems)
        summary = first.message if count == 1 else f"{count} problems"
        super().__init__(summary, place=first.place if count == 1 else first.place.file)
        self.problems = tuple(problems)


class ImageError(SealerError):
    """An image that is missing, malformed, or cannot be built."""


class ProgramMissing(ImageError):
    """A program that is neither on this machine nor in the image."""


class VerificationError(ImageError):
    """Content that does not have the digest or size it is said to have."""

    exit_code = 4


class TransportError(SealerError):
    """A registry or an archive that could not be read or written."""


class PluginError(SealerError):
    """A plugin that is missing, broken, or claimed twice."""


class PlanError(SealerError):
    """Steps that cannot be tied into one plan: a name unmet, provided twice, or a cycle."""


class RecordDamaged(SealerError):
    """A file that Sealer keeps of clusters on the operator's machine, and that is not what it wrote."""


class HostError(SealerError):
    """Something that went wrong on, or on the way to, one host.

    Args:
        message: What went wrong.
        host: The host's name.
        hint: What the user can do about it.
        retryable: Whether trying the same again can help.
    """

    def __init__(self, message: str, *, host: str, hint: str | None = None, retryable: bool = False) -> None:
        super().__init__(message, place=host, hint=hint)
        self.host = host
        self.retryable = retryable


class HostUnreachable(HostError):
    """No connection to the host, or a connection that was lost."""

    def __init__(self, message: str, *, host: str, hint: str | None = None) -> None:
        super().__init__(message, host=host, hint=hint, retryable=True)


class TookTooLong(HostError):
    """A script was not done in time; it was ended, as far as that is known."""

    def __init__(self, message: str, *, host: str, hint: str | None = None) -> None:
        super().__init__(message, host=host, hint=hint, retryable=True)


class HostKeyRejected(HostError):
    """The host showed a key that is unknown or not the one that was recorded."""


class AuthenticationFailed(HostError):
    """The host accepts none of the credentials, or refuses the privileges that are needed."""


class PrivilegesRefused(AuthenticationFailed):
    """The host lets the user in, but refuses root's privileges."""


class ChangeFailed(HostError):
    """A change could not be observed, applied or undone on a host.

    Args:
        message: Which change failed and how.
        host: The host's name.
        output: The last lines the host printed, secrets removed.
        hint: What the user can do about it.
        retryable: Whether trying the same again can help.
    """

    def __init__(
        self,
        message: str,
        *,
        host: str,
        output: str = "",
        hint: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, host=host, hint=hint, retryable=retryable)
        self.output = output


class ChecksFailed(SealerError):
    """Host checks found the hosts unfit; nothing was changed."""

    exit_code = 3


class HostsFailed(SealerError):
    """Some hosts failed while others went on; the operation can be resumed.

    Args:
        message: A summary.
        failures: The error of each failed host or step, by its name.
        hint: The command that resumes the operation.
        resumable: Whether an operation was begun that can be resumed.
    """

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        failures: Mapping[str, SealerError],
        hint: str | None = None,
        resumable: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.failures = dict(failures)
        if failures and all(isinstance(failure, VerificationError) for failure in failures.values()):
            self.exit_code = VerificationError.exit_code
        elif not resumable:
            self.exit_code = SealerError.exit_code


class OperationLocked(SealerError):
    """Another operation on the cluster is open, or another process is running one."""

    exit_code = 6


class Interrupted(SealerError):
    """The user stopped the operation; it can be resumed."""

    exit_code = 130
