"""Where the data of clusters are on hosts: which paths can be meant."""

from __future__ import annotations

import posixpath


def data_root_of(text: str) -> str:
    """Return a path without what means nothing in it.

    Raises:
        ValueError: It is not absolute, it is the root of everything, or it leads back; the message says so.
    """
    normal = posixpath.normpath(text)
    if not text.startswith("/") or normal.strip("/") == "" or ".." in text.split("/"):
        raise ValueError("must be an absolute path of a directory, without ..")
    return "/" + normal.lstrip("/")
