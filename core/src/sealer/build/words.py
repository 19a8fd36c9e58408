"""What core and the plugins know of label keys and of custom resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sealer.kubefile.labels import KNOWN
from sealer.providers import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of several vocabularies.

    Attributes:
        labels: Reserved label keys that are no cause for a warning, core's own included.
        image_paths: Where custom resources name images, beside those core knows.
    """

    labels: frozenset[str] = KNOWN
    image_paths: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, vocabularies: Iterable[Vocabulary]) -> Words:
        """Return what vocabularies know together with core."""
        labels = set(KNOWN)
        paths: dict[tuple[str, str], tuple[str, ...]] = {}
        for vocabulary in vocabularies:
            labels.update(vocabulary.label_keys())
            for resource, found in vocabulary.image_paths().items():
                paths[resource] = (*paths.get(resource, ()), *found)
        return cls(labels=frozenset(labels), image_paths=paths)
