"""What is asked for when a cluster goes over to another image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sealer.model.departure import DRAIN_SECONDS
from sealer.model.host import Host
from sealer.model.image import ImageMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """One upgrade of a cluster.

    Attributes:
        previous: The image that the cluster was made from; that of the cluster is the new one.
        stamp: Different for each upgrade. Commands have it in their words: the same ones are not run twice.
        batch: How many nodes are upgraded at one time; masters are upgraded one by one.
        drain_seconds: How long the pods of one host may take to move away.
    """

    previous: ImageMetadata
    stamp: str
    batch: int = 1
    drain_seconds: int = DRAIN_SECONDS

    def batches(self, nodes: Sequence[Host]) -> Iterator[tuple[Host, ...]]:
        """Yield the nodes that are upgraded together."""
        for start in range(0, len(nodes), self.batch):
            yield tuple(nodes[start : start + self.batch])
