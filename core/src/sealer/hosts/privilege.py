"""How scripts get root's privileges on a host, and what the host says about it."""

from __future__ import annotations

from dataclasses import dataclass


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
