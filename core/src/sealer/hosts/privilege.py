"""How scripts get root's privileges on a host, and what the host says about it."""

from __future__ import annotations

import enum


class Privilege(enum.Enum):
    """The way from the user who logs in to root."""

    ROOT = "root"
    SUDO = "sudo"
    SUDO_WITH_PASSWORD = "sudo with a password"  # noqa: S105  # it is not one

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before the launcher."""
        # These are not the values themselves: Python 3.11.2 takes () for no value at all.
        match self:
            case Privilege.ROOT:
                return ()
            case Privilege.SUDO:
                return ("sudo", "-k", "-n", "-H", "-u", "root", "--")
            case Privilege.SUDO_WITH_PASSWORD:
                return ("sudo", "-k", "-S", "-H", "-u", "root", "-p", "", "--")


# Cached credentials are left out of account (-k): what works now has to work for every script.
PRIVILEGE_SCRIPT = """\
if [ "$(id -u)" = 0 ]; then
    echo root
elif ! command -v sudo >/dev/null 2>&1; then
    echo none
elif said=$(LC_ALL=C sudo -k -n -H -u root -- sh -c : 2>&1); then
    echo sudo
else
    echo "refused $said"
fi
"""
"""Prints ``root``, ``none`` (there is no sudo), ``sudo`` (it needs no password), or ``refused`` and why."""
