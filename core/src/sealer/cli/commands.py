"""The table of commands: name, the module and attribute that hold it, its group and its summary.

The table is all that ``sealer --help`` reads, so that help starts fast however heavy a command is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is found and how help lists it."""

    module: str
    attribute: str
    group: str
    summary: str


BUILD_AND_SHARE = "Build and share"
RUN = "Run"
OTHER = "Other"

COMMANDS: dict[str, Entry] = {
    # Build and share
    # Run
    # Other
    "plugin": Entry("sealer.cli.plugin", "plugin", OTHER, "Look at the plugins that are installed."),
    "version": Entry("sealer.cli.version", "version", OTHER, "Show the version of Sealer."),
}
