"""What is asked for when a cluster's certificates are made anew."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One renewal of all certificates of a cluster.

    Attributes:
        stamp: Different for each renewal. Commands have it in their words: the same ones are not run twice.
        expired: Whether some have ended: then nothing of the cluster may answer, and masters can't wait for
            one another before all of them have new ones.
    """

    stamp: str
    expired: bool = False
