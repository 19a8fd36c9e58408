"""How scripts get root's privileges on a host, and what the host says about it."""

from __future__ import annotations

from dataclasses import dataclass

from sealer.errors import PrivilegesRefused

PRIVILEGE_TIMEOUT = 60.0
"""Seconds within which sudo must have answered."""

_NO_TERMINAL = "must have a tty"  # how sudo says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Privilege:
    """The way from the user who logs in to root.

    Attributes:
        sudo: Whether it takes sudo; else the user is root.
        password: Whether sudo asks for a password.
        terminal: Whether sudo insists on a terminal (``requiretty`` in sudoers).
    """

    sudo: bool = False
    password: bool = False
    terminal: bool = False

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before the launcher."""
        if not self.sudo:
            return ()
        # Cached credentials are left out of account (-k): what works now has to work for every script.
        asking = ("-S", "-H", "-u", "root", "-p", "") if self.password else ("-n", "-H", "-u", "root")
        return ("sudo", "-k", *asking, "--")


# With script, of util-linux, sudo gets a terminal that is made on the host; see launcher.terminal_command.
PRIVILEGE_SCRIPT = """\
LC_ALL=C SHELL=/bin/sh; export LC_ALL SHELL
try='sudo -k -n -H -u root -- sh -c :'
if [ "$(id -u)" = 0 ]; then
    echo root
elif ! command -v sudo >/dev/null 2>&1; then
    echo none
elif said=$($try 2>&1); then
    echo sudo
else
    case $said in
    *"must have a tty"*)
        if ! command -v script >/dev/null 2>&1; then
            echo "refused $said"
        elif said=$(script -qec "exec $try >&3 2>&3 3>&-" /dev/null 3>&1 </dev/null >/dev/null 2>&1); then
            echo terminal
        else
            echo "terminal-refused $said"
        fi;;
    *) echo "refused $said";;
    esac
fi
"""
"""Prints ``root``, ``none`` (there is no sudo), ``sudo`` (it needs no password) or ``refused`` and why.

Where sudo insists on a terminal and can be given one, it prints ``terminal`` or ``terminal-refused`` instead.
"""


def read_privilege(answer: str, *, host: str, user: str, has_password: bool) -> Privilege:
    """Return the way to root that the answer of a host tells.

    Args:
        answer: What ``PRIVILEGE_SCRIPT`` printed.
        host: The host's name.
        user: Who logged in.
        has_password: Whether there is a password that sudo can be given.

    Raises:
        PrivilegesRefused: There is none.
    """
    kind, _, said = answer.strip().partition(" ")
    match kind:
        case "root":
            return Privilege()
        case "sudo" | "terminal":
            return Privilege(sudo=True, terminal=kind == "terminal")
        case "none":
            raise PrivilegesRefused(
                f"{user} is not root, and the host has no sudo",
                host=host,
                hint="log in as root, or install sudo",
            )
        case _ if not has_password or _NO_TERMINAL in said:
            raise sudo_refused(said, host=host, user=user, has_password=has_password)
        case _:
            return Privilege(sudo=True, password=True, terminal=kind == "terminal-refused")


def sudo_refused(said: str, *, host: str, user: str, has_password: bool) -> PrivilegesRefused:
    """Return the error for what sudo said when it refused, with the hint that fits."""
    if _NO_TERMINAL in said:
        rule = f"Defaults:{user} !requiretty"
        hint = f"install script (of util-linux) on the host, or let sudo go without (in sudoers: {rule})"
    elif not has_password:
        rule = f"{user} ALL=(ALL) NOPASSWD: ALL"
        hint = f"give the password of {user}, or allow sudo without one (in sudoers: {rule})"
    else:
        hint = "check the password, and that sudoers allows the user everything"
    return PrivilegesRefused(f"{user} is not root, and sudo refuses: {last_line(said)}", host=host, hint=hint)


def last_line(text: str) -> str:
    """Return the last line of what a program said."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
