"""The contract of vocabularies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sealer.kubefile.labels import KNOWN, is_reserved
from sealer.providers import Vocabulary
from sealer.testing.conformance.base import Contract
from sealer.testing.purity import pure

_PATH = re.compile(r"[A-Za-z][\w-]*(\.(\*|[A-Za-z][\w-]*))*")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")


class VocabularyContract(Contract):
    """What ``sealer_vocabularies`` provides."""

    @pytest.fixture
    def provider(self) -> Any:
        """Return the vocabulary to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the vocabulary")

    def test_it_brings_words(self, provider: Vocabulary) -> None:
        """There is no other use for it."""
        assert provider.label_keys() or provider.image_paths()

    def test_keys_are_reserved_and_explained(self, provider: Vocabulary) -> None:
        """Others need no registration, and core's own have a meaning already."""
        for key, meaning in provider.label_keys().items():
            assert is_reserved(key), f"{key} is not under sealer.io, and free for everybody"
            assert key not in KNOWN, f"{key} is one of core's keys"
            assert meaning.strip(), f"{key} needs to say what it says about an image"

    def test_paths_lead_somewhere(self, provider: Vocabulary) -> None:
        """They are field names with dots between, and are looked for in resources of a group and kind."""
        for (group, kind), paths in provider.image_paths().items():
            assert "." in group, f"{group!r} is no API group of custom resources"
            assert _KIND.fullmatch(kind), f"{kind!r} is no kind"
            assert paths, f"{kind} has no path"
            for path in paths:
                assert _PATH.fullmatch(path), f"{path!r} is no path of fields"

    def test_asking_touches_nothing(self, provider: Vocabulary) -> None:
        """It is asked by every build."""
        with pure():
            provider.label_keys()
            provider.image_paths()
