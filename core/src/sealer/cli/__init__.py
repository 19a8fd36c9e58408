"""The command line: parses options, calls a use case, prints. Nothing below imports from here."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line with the arguments of this process, and exit with its code."""
    import sys

    from sealer.cli.program import run

    sys.exit(run(sys.argv[1:]))
