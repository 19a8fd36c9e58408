"""Run the command line as ``python -m sealer``."""

from __future__ import annotations

from sealer.cli import main

main()
