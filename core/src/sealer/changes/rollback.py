"""What is taken back for the sake of a cluster that goes on, and not where everything of it goes."""

from __future__ import annotations


def rollback_only(script: str) -> str:
    """Return sh that does something when an operation is taken back, and nothing when a host is cleaned.

    It is for ``Command.revert`` and ``Cleanup.run``: to start again what was there before, say, which can't
    be done, or takes long, once other hosts of the cluster are gone. ``undo_all`` says which of both it is.

    Args:
        script: sh that does it.
    """
    return f'if [ -z "${{everything:-}}" ]; then\n{script}\nfi'
