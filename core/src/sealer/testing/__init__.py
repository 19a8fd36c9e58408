"""What authors of plugins test with; nothing here is imported by the command.

``sealer.testing.conformance`` has a class for each kind of plugin. The names below are values to plan with.
"""

from __future__ import annotations

import sys

if "pytest" in sys.modules:  # the lab is also a command, which works without pytest
    import pytest

    # Before any of them is imported: only then do failed assertions say what was compared.
    pytest.register_assert_rewrite("sealer.testing.conformance")

from sealer.testing.examples import (
    example_applications,
    example_cluster,
    example_facts,
    example_host,
    example_image,
)

__all__ = [
    "example_applications",
    "example_cluster",
    "example_facts",
    "example_host",
    "example_image",
]
