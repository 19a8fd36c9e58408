"""Label keys that are reserved: those under ``sealer.io``, of which Sealer and its plugins know some."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from sealer.model.image import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    CONTAINER_RUNTIME_VERSION_LABEL,
    IMAGE_POLICY_LABEL,
    KUBE_CNI_LABEL,
    KUBE_CSI_LABEL,
    RUNTIME_TYPE_LABEL,
    RUNTIME_VERSION_LABEL,
    SUPPORTED_KUBE_VERSION_LABEL,
)

KNOWN = frozenset(
    {
        RUNTIME_TYPE_LABEL,
        RUNTIME_VERSION_LABEL,
        CONTAINER_RUNTIME_TYPE_LABEL,
        CONTAINER_RUNTIME_VERSION_LABEL,
        SUPPORTED_KUBE_VERSION_LABEL,
        IMAGE_POLICY_LABEL,
        KUBE_CNI_LABEL,
        f"{KUBE_CNI_LABEL}-*",
        KUBE_CSI_LABEL,
        f"{KUBE_CSI_LABEL}-*",
    }
)
"""The reserved keys that core knows; a star at the end stands for any rest."""

_RESERVED = re.compile(r"(?:[^/]+\.)?sealer\.io/")


def is_reserved(key: str) -> bool:
    """Tell whether a key is under ``sealer.io`` or one of its subdomains."""
    return _RESERVED.match(key) is not None


def is_unknown(key: str, known: Collection[str]) -> bool:
    """Tell whether a key is reserved and neither core nor a plugin knows it."""
    if not is_reserved(key) or key in known:
        return False
    return not any(key.startswith(each[:-1]) for each in known if each.endswith("*"))


def nearest(key: str, known: Collection[str]) -> str | None:
    """Return the known key that is most like one."""
    found = difflib.get_close_matches(key[:200], sorted(known), n=1, cutoff=0.5)
    return found[0] if found else None
