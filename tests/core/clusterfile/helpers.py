from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest

from sealer.clusterfile import Clusterfile, ClusterSpec, parse_clusterfile
from sealer.errors import SourceErrors

Problem = tuple[int, int, str]


def document(spec: str) -> str:
    """Return a Clusterfile with one cluster; the text of its spec begins in line 5, column 3."""
    body = textwrap.indent(textwrap.dedent(spec).lstrip("\n"), "  ")
    return f"apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {{name: c}}\nspec:\n{body}"


def parse(text: str, env: Mapping[str, str] | None = None) -> Clusterfile:
    return parse_clusterfile(text, "Clusterfile", env or {})


def cluster(spec: str, env: Mapping[str, str] | None = None) -> ClusterSpec:
    return parse(document(spec), env).cluster


def errors_of(text: str, env: Mapping[str, str] | None = None) -> SourceErrors:
    with pytest.raises(SourceErrors) as caught:
        parse(text, env)
    return caught.value


def problems_of(text: str, env: Mapping[str, str] | None = None) -> list[Problem]:
    """Return line, column and message of everything that is wrong with a text."""
    return [(p.place.line, p.place.column, p.message) for p in errors_of(text, env).problems]


def hints_of(text: str) -> list[str | None]:
    return [p.hint for p in errors_of(text).problems]
