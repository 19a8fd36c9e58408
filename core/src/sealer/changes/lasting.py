"""What is left of changes that nothing undoes, in words for people."""

from __future__ import annotations

from collections.abc import Iterable


def what_stays(keys: Iterable[str]) -> str:
    """Return what is left when changes are taken back, or "" when nothing is.

    Args:
        keys: Of the changes that can't be undone, as they stand in the host journal. What was only waited for
            leaves nothing.
    """
    kinds = (key.partition(":") for key in keys)
    subjects = [subject for kind, _, subject in kinds if kind != "wait"]
    if not subjects:
        return ""
    which = "what it did stays" if len(subjects) == 1 else "what they did stays"
    return f"no undo is known of: {'; '.join(subjects)} - {which}, unless it goes with what is taken back"
