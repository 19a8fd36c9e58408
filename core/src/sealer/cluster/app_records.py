"""What a cluster keeps of the applications on it: which version of what, and its history.

It is a ConfigMap for each in a namespace of ours. Neither environment nor values are in it: they may be
secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sealer.changes import Change, Command, quote
from sealer.changes.objects import FIELD_MANAGER, RECORDS_NAMESPACE, objects_helpers, record_name
from sealer.errors import SealerError
from sealer.model import Application, AppSettings, ImageMetadata

APP_LABEL = "sealer.io/app"
LAUNCHING = "launching"
DEPLOYED = "deployed"
REMOVING = "removing"

_LONGEST_HISTORY = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One launch of an application: when, of which image, and what it came to."""

    time: str
    image: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRecord:
    """What a cluster keeps of one application.

    Attributes:
        app: The application, without its environment.
        image: The name of the image it came from.
        digest: That image's digest.
        directory: Where the image's files are on the first master.
        state: ``launching``, ``deployed`` or ``removing``: the first and the last are what is left of
            attempts that did not come to their end.
        history: Its launches, oldest first.
        text: The record itself.
    """

    app: Application
    image: str
    digest: str
    directory: str
    state: str
    history: tuple[Revision, ...]
    text: str


def record_text(app: Application, image: ImageMetadata, directory: str, *, policy: str = "") -> str:
    """Return the record of an application as one line of JSON; ``policy`` redirects its container images."""
    record = {
        "app": app.name,
        "type": app.type,
        "files": list(app.files),
        "cmds": list(app.cmds),
        "release": app.settings.release,
        "namespace": app.settings.namespace,
        "values": list(app.settings.values),
        "timeout": app.settings.timeout,
        "image": image.reference,
        "digest": image.digest,
        "directory": directory,
        "policy": policy,
    }
    return json.dumps(record, ensure_ascii=True, sort_keys=True)


def application_of(text: str) -> Application:
    """Return the application of a record, without its environment.

    Raises:
        ValueError, KeyError: The record is damaged.
    """
    record = json.loads(text)
    return Application(
        name=record["app"],
        type=record["type"],
        files=tuple(record["files"]),
        cmds=tuple(record["cmds"]),
        settings=AppSettings(
            namespace=record["namespace"],
            release=record["release"],
            values=tuple(record["values"]),
            timeout=record["timeout"],
        ),
    )


def label_value(app: Application) -> str:
    """Return what stands for an application in labels."""
    return record_name(app.release)[:63].rstrip("-")


def noted(app: Application, record: str, state: str) -> Command:
    """Return the change after which the cluster says what an application is being or has been made.

    That it is being launched needs no saying where this very record says that it was.
    """
    name = f"app-{record_name(app.release)}"
    settled = "{{with .data}}{{.state}} {{.record}}{{end}}"
    held = f"$(kubectl get configmap {name} -n {RECORDS_NAMESPACE} --ignore-not-found -o go-template="
    known = DEPLOYED if state == LAUNCHING else state
    unless = f'[ "{held}{quote(settled)})" = {quote(f"{known} {record}")} ]'
    history = "{{with .data}}{{with .history}}{{.}}{{end}}{{end}}"
    lines = [
        objects_helpers(),
        "make_work",
        "have_records",
        f'printf %s {quote(record)} > "$work/record"',
        f'printf %s {quote(state)} > "$work/state"',
        f'{held[2:]}{quote(history)} > "$work/history"',
    ]
    if state == DEPLOYED:
        keep = f'tail -n {_LONGEST_HISTORY - 1} "$work/history"'
        line = 'printf \'{"time":"%s","record":%s}\\n\' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"'
        lines.append(f'{{ {keep}; {line} {quote(record)}; }} > "$work/new"\nmv "$work/new" "$work/history"')
    lines += [
        f"kubectl create configmap {name} -n {RECORDS_NAMESPACE} --dry-run=client -o yaml \\",
        '  --from-file=record="$work/record" --from-file=state="$work/state" \\',
        '  --from-file=history="$work/history" > "$work/plain"',
        f'kubectl label --local -f "$work/plain" {APP_LABEL}={label_value(app)} -o yaml > "$work/map"',
        f"kubectl apply --server-side --force-conflicts --field-manager={FIELD_MANAGER} \\",
        '  -f "$work/map" > /dev/null',
    ]
    return Command(
        title=f"note that {app.release} is {state}",
        run="\n".join(lines),
        unless=unless,
        limit=120,
        repeatable=True,
    )


def forgotten(app: Application) -> Change:
    """Return the change after which the cluster keeps nothing of an application."""
    name = f"app-{record_name(app.release)}"
    get = f"kubectl get configmap {name} -n {RECORDS_NAMESPACE} --ignore-not-found -o name"
    return Command(
        title=f"forget {app.release}",
        run=f"kubectl delete configmap {name} -n {RECORDS_NAMESPACE} --ignore-not-found",
        unless=f'found=$({get}) && [ -z "$found" ]',
        limit=120,
        repeatable=True,
    )


RECORDS_SCRIPT = f"kubectl get configmaps -n {RECORDS_NAMESPACE} -l {APP_LABEL} -o json --request-timeout=20s"
"""sh that prints the records of all applications."""


def read_records(text: str) -> tuple[AppRecord, ...]:
    """Read what ``RECORDS_SCRIPT`` has printed, in the order of names.

    Raises:
        SealerError: A record is damaged.
    """
    try:
        return tuple(sorted(map(_record, json.loads(text)["items"]), key=lambda record: record.app.release))
    except (ValueError, KeyError, TypeError) as error:
        raise SealerError(
            "what the cluster keeps of its applications can't be read",
            hint=f"look at it: kubectl get configmaps -n {RECORDS_NAMESPACE} -l {APP_LABEL} -o yaml",
        ) from error


def _record(item: Mapping[str, Any]) -> AppRecord:
    data = item["data"]
    record = json.loads(data["record"])
    return AppRecord(
        app=application_of(data["record"]),
        image=record["image"],
        digest=record["digest"],
        directory=record["directory"],
        state=data["state"],
        history=tuple(_revisions(data.get("history", ""))),
        text=data["record"],
    )


def _revisions(text: str) -> Iterator[Revision]:
    for line in text.splitlines():
        item = json.loads(line)
        yield Revision(time=item["time"], image=item["record"]["image"], digest=item["record"]["digest"])
