"""Documents of a Clusterfile that are for the cluster runtime, held against those that it takes."""

from __future__ import annotations

from sealer.clusterfile import Clusterfile, Document
from sealer.clusterfile.fields import nearest
from sealer.errors import SourceError, SourceErrors, UsageError
from sealer.providers import ClusterRuntime


def require_known_documents(clusterfile: Clusterfile, runtime: ClusterRuntime) -> None:
    """Refuse documents that the cluster runtime would pass over: they are misspelt, or for another one.

    Raises:
        SourceErrors: There are some, each with its place.
    """
    if runtime.document_kinds is None:
        return
    known = tuple(sorted(runtime.document_kinds))
    strange = [one for one in clusterfile.documents if _name(one) not in known]
    if not strange:
        return
    hint = f"it takes: {', '.join(known)}" if known else "it takes none"
    problems = [
        SourceError(
            _problem(one, runtime), place=one.place, hint=nearest(_name(one), known) if known else hint
        )
        for one in strange
        if one.place is not None
    ]
    if problems:
        raise SourceErrors(problems)
    raise UsageError(_problem(strange[0], runtime), hint=hint)


def _name(document: Document) -> str:
    return f"{document.api_version.rpartition('/')[0]}/{document.kind}"


def _problem(document: Document, runtime: ClusterRuntime) -> str:
    return f"{runtime.name} takes no document {document.kind} of {document.api_version}"
