"""What kubectl says of an API server that is not ready, made fit for a line."""

from __future__ import annotations

IN_SHORT = r"tail -n 1 | sed 's/\[+\][^\]*\\n//g; s/\\n/; /g'"
"""Leaves away what a server finds good about itself that is not ready; kubectl says all in one line."""
