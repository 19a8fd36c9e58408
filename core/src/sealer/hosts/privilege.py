"""How scripts get root's privileges on a host, and what the host says about it."""

from __future__ import annotations

import enum


class Privilege(enum.Enum):
    """The way from the user who logs in to root. Its value is what goes before the launcher."""

    ROOT = ()
    SUDO = ("sudo", "-k", "-n", "-H", "--")
    SUDO_WITH_PASSWORD = ("sudo", "-k", "-S", "-H", "-p", "", "--")


# Cached credentials are left out of account (-k): what works now has to work for every script.
PRIVILEGE_SCRIPT = """\
if [ "$(id -u)" = 0 ]; then
    echo root
elif ! command -v sudo >/dev/null 2>&1; then
    echo none
elif said=$(LC_ALL=C sudo -k -n -H -- sh -c : 2>&1); then
    echo sudo
else
    echo "refused $said"
fi
"""
"""Prints ``root``, ``none`` (there is no sudo), ``sudo`` (it needs no password), or ``refused`` and why."""

# When sudo takes the password for wrong it reads on for another one. Empty lines in between keep it from
# taking the script for that, and the launcher skips whatever sudo has left.
_SPARE_LINES = 10


def password_input(password: str) -> bytes:
    """Return what goes ahead of a launcher's input when sudo asks for a password."""
    return f"{password}\n".encode() + b"\n" * _SPARE_LINES
