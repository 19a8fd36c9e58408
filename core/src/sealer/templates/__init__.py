"""Files ``*.tmpl`` of images, in the part of Go's template language that such files use.

They are rendered when an image is built, to see which container images they name, and when a cluster is made.
``expressions`` says what may stand between the braces, ``text`` how an action changes the text.
"""

from __future__ import annotations

from sealer.templates.text import render

__all__ = ["SUFFIX", "render"]

SUFFIX = ".tmpl"
"""What names of templates end in."""
