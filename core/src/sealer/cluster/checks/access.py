"""Ways into hosts: what went wrong while they were reached, and how many sessions sshd allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sealer.cluster.checks.answers import number, pairs
from sealer.errors import AuthenticationFailed, HostError, HostKeyRejected, HostUnreachable, PrivilegesRefused
from sealer.model import Check, Cluster, Finding, Probe, Severity

SUBJECT = "access"

_FEWEST_SESSIONS = 4

_FEWEST_STARTUPS = 3
"""Logins at one time: the connection, one beside it that stops what runs, and somebody else's."""

SSHD = Probe(name="core/sshd", script="sshd -T | grep -E '^(maxsessions|maxstartups) '")
"""Prints how many sessions sshd allows on one connection, and how many logins at a time; needs root."""

_UNTOLD = "sshd did not tell its settings"


class _WhileConnecting(Check):
    """Base of the checks that are made by connecting: hosts that can be asked have passed them."""

    subject = SUBJECT
    strict = "nothing can be done on a host that can't be used"
    wanted: str

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return nothing: the hosts of the cluster were reached."""
        return ()

    def failed(self, error: HostError) -> Finding:
        """Return the finding that stands for an error."""
        return self.finding(
            error.host, found=error.message, wanted=self.wanted, mend=error.hint or "see the message"
        )


class Reachable(_WhileConnecting):
    """The host accepts connections."""

    id = "ssh-reachable"
    title = "the host answers"
    wanted = "an SSH server that answers"


class HostKey(_WhileConnecting):
    """The host is the one that it is taken for."""

    id = "ssh-host-key"
    title = "the host key is known"
    wanted = "the host key that was recorded"


class Login(_WhileConnecting):
    """The host lets the user in."""

    id = "ssh-login"
    title = "the login is accepted"
    wanted = "a login with the given user and key or password"


class SudoPolicy(_WhileConnecting):
    """The user may do everything, without a terminal."""

    id = "sudo-policy"
    title = "the user is root or gets its privileges by sudo"
    wanted = "sudo for every command, without a terminal, with no password or the one that is given"


class Observable(_WhileConnecting):
    """The host answers the questions that every host can answer."""

    id = "host-observable"
    title = "the host can be observed"
    wanted = "sh and the POSIX tools"


class Sessions(Check):
    """Each step takes a session on the connection; with few of them hosts are slow."""

    id = "ssh-sessions"
    title = "sshd allows several sessions"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for sshd's settings."""
        return (SSHD,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose sshd allows few sessions."""
        for host in cluster.hosts:
            allowed = number((pairs(host, SSHD) or {}).get("maxsessions"))
            if allowed is None:
                yield self.not_checked(host.name, _UNTOLD)
            elif allowed < _FEWEST_SESSIONS:
                yield self.finding(
                    host.name,
                    found=f"sshd allows {allowed} sessions on a connection (MaxSessions)",
                    wanted=f"at least {_FEWEST_SESSIONS}: with fewer, work waits for work",
                    mend="MaxSessions 10 in /etc/ssh/sshd_config, and reload sshd",
                )


class Startups(Check):
    """sshd turns logins away at random while as many are going on as it allows."""

    id = "ssh-startups"
    title = "sshd allows several logins at a time"
    subject = SUBJECT
    severity = Severity.WARNING

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for sshd's settings."""
        return (SSHD,)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host whose sshd allows few logins at a time."""
        for host in cluster.hosts:
            # "start:rate:full", or one number: from the first on, logins are turned away.
            said = (pairs(host, SSHD) or {}).get("maxstartups", "")
            allowed = number(said.partition(":")[0])
            if allowed is None:
                yield self.not_checked(host.name, _UNTOLD)
            elif allowed < _FEWEST_STARTUPS:
                yield self.finding(
                    host.name,
                    found=f"sshd turns logins away when {allowed} are going on (MaxStartups {said})",
                    wanted=f"at least {_FEWEST_STARTUPS} at a time",
                    mend="MaxStartups 10:30:100 in /etc/ssh/sshd_config, and reload sshd",
                )


_BY_ERROR: tuple[tuple[type[HostError], _WhileConnecting], ...] = (
    (HostUnreachable, Reachable()),
    (HostKeyRejected, HostKey()),
    (PrivilegesRefused, SudoPolicy()),
    (AuthenticationFailed, Login()),
    (HostError, Observable()),
)


def access_findings(failures: Mapping[str, HostError]) -> tuple[Finding, ...]:
    """Return the findings for hosts that could not be reached or observed, by name."""
    return tuple(
        next(check for kind, check in _BY_ERROR if isinstance(error, kind)).failed(error)
        for error in failures.values()
    )
