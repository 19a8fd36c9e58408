"""Vocabularies with faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sealer.providers import Vocabulary
from sealer.testing.conformance import VocabularyContract
from tests.core.testing.faulty.parts import giving


class Words(Vocabulary):
    """A sound vocabulary."""

    name = "words"
    summary = "words of a site"

    def label_keys(self) -> Mapping[str, str]:
        return {"site.sealer.io/team": "who answers for the image", "site.sealer.io/x-*": "anything"}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        return {("site.org", "Batch"): ("spec.image", "spec.steps.*.image")}


class TestSoundVocabulary(VocabularyContract):
    provider = giving(Words())


class Wrong(Words):
    def label_keys(self) -> Mapping[str, str]:
        Path("/etc/hostname").read_text(encoding="utf-8")
        return {"team": ""}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        return {("site.org", "Batch"): ("spec..image",)}


class Wordless(Words):
    def label_keys(self) -> Mapping[str, str]:
        return {}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        return {}


class TestWrongVocabulary(VocabularyContract):
    finds = (
        "test_keys_are_reserved_and_explained",
        "test_paths_lead_somewhere",
        "test_asking_touches_nothing",
    )
    provider = giving(Wrong())


class TestWordless(VocabularyContract):
    finds = ("test_it_brings_words",)
    provider = giving(Wordless())
