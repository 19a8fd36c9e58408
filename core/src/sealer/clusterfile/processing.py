"""The data of Clusterfiles as contents of files: processed, and merged with what an image has."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import yaml

from sealer.clusterfile.settings import Processor, Strategy
from sealer.errors import UsageError


def content_of(
    data: str, current: str | None, *, strategy: Strategy, process: Sequence[Processor] = (), name: str
) -> str:
    """Return the content of a file.

    Args:
        data: What the Clusterfile says.
        current: The content in the image, or None when there is no such file.
        strategy: What becomes of that.
        process: What the data go through.
        name: What messages call the file.

    Raises:
        UsageError: The data don't fit what is to be made of them.
    """
    if Processor.TO_SECRET in process:
        return _secret(_encoded(_mapping(data, name), process, name), current, process, name)
    made = data
    if process:
        found = _encoded(_parsed(data, name), process, name)
        made = found if isinstance(found, str) else _dumped(found)
    if strategy is Strategy.MERGE and current is not None:
        return merge(current, _mapping(made, name), name)
    return made


def merge(current: str, data: dict[str, Any], name: str) -> str:
    """Return a YAML text with data merged into each of its documents.

    Raises:
        UsageError: The text is no YAML of mappings.
    """
    try:
        documents = [document for document in yaml.safe_load_all(current) if document is not None]
    except yaml.YAMLError as error:
        raise UsageError(
            f"{name} of the image is no YAML, so nothing can be merged into it",
            hint="replace the file instead: strategy: overwrite",
        ) from error
    if not all(isinstance(document, dict) for document in documents):
        raise UsageError(
            f"{name} of the image holds no mappings, so nothing can be merged into it",
            hint="replace the file instead: strategy: overwrite",
        )
    merged = [_merged(document, data) for document in documents or [{}]]
    return yaml.safe_dump_all(merged, sort_keys=False, allow_unicode=True)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new


def _encoded(value: Any, process: Sequence[Processor], name: str) -> Any:
    """Carry out the encodings; behind ``value`` they are for each key of a mapping."""
    for number, processor in enumerate(process):
        if processor is Processor.VALUE:
            if not isinstance(value, dict):
                raise UsageError(
                    f"the data for {name} are no mapping, of whose values something could be made",
                    hint="write lines NAME: VALUE, or leave value out of process",
                )
            return {key: _encoded(one, process[number + 1 :], name) for key, one in value.items()}
        if processor is Processor.TO_JSON:
            value = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        elif processor is Processor.TO_BASE64:
            text = value if isinstance(value, str) else _dumped(value)
            value = base64.b64encode(text.encode()).decode()
    return value


def _secret(values: Any, current: str | None, process: Sequence[Processor], name: str) -> str:
    """Return a Secret with values in its data; what is not in base64 yet becomes it."""
    if current is None:
        raise UsageError(
            f"the image has no file {name} with a Secret for toSecret",
            hint="name a file of the image, or bring one with a Secret in it",
        )
    if not isinstance(values, dict):
        raise UsageError(f"the data for {name} are no mapping", hint="write process: value|toBase64|toSecret")
    if Processor.TO_BASE64 not in process:
        values = {key: base64.b64encode(_text(value).encode()).decode() for key, value in values.items()}
    return merge(current, {"data": values}, name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _mapping(data: str, name: str) -> dict[str, Any]:
    found = _parsed(data, name)
    if not isinstance(found, dict):
        raise UsageError(f"the data for {name} are no mapping")
    return found


def _parsed(data: str, name: str) -> Any:
    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise UsageError(f"the data for {name} are no YAML") from error


def _dumped(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
