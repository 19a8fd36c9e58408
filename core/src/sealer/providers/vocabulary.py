"""Names that builds meet beside those core knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sealer.providers.base import Provider


class Vocabulary(Provider):
    """Names that builds meet beside those core knows: labels, and custom resources that name images."""

    def label_keys(self) -> Mapping[str, str]:
        """Return reserved label keys, those under ``sealer.io``, each with what it says about an image.

        A star at the end of a key stands for any rest. A key that nobody knows is warned of at build.
        """
        return {}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """Return where custom resources name container images: paths by API group and kind.

        A path is field names with dots between; ``*`` stands for every item of a list, as in
        ``spec.steps.*.image``. Pod templates are found anywhere and need no path.
        """
        return {}
