"""The steps that take applications away from a cluster, by what the cluster keeps of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from sealer.changes import Change, Command, quote
from sealer.changes.objects import RECORDS_NAMESPACE
from sealer.cluster.app_records import APP_LABEL, REMOVING, application_of, forgotten, label_value, noted
from sealer.cluster.app_values import values_directory
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.parts import Parts
from sealer.cluster.pipeline import launch_site
from sealer.errors import ImageError
from sealer.model import Application, Cluster, Step
from sealer.operation.plan import Plan, make_plan

_MISSING = (
    "install the plugin that the application was launched with: sealer plugin list names those there are"
)

STEP_TIMEOUT = 1800.0


def removal_plan(cluster: Cluster, parts: Parts, records: Sequence[str], choice: LaunchChoice) -> Plan:
    """Plan to take applications away, the last one that was named first.

    Args:
        cluster: The cluster.
        parts: Its providers.
        records: What the cluster keeps of each application, as ``record_text`` makes it.
        choice: Commands of the user's that take the place of those of a type (``cmds``); an empty one
            leaves what runs as it is, and only forgets it.

    Raises:
        ImageError: One can't be taken away by its type.
    """
    steps = []
    for record in reversed(records):
        app, directory = application_of(record), json.loads(record)["directory"]
        site = launch_site(cluster, parts, directory)
        env = cluster.env_of(cluster.first_master)
        steps.append(
            Step(
                id=f"uninstall/{app.release}",
                title=f"take {app.release} away",
                host=cluster.first_master.name,
                changes=tuple(_changes(cluster, parts, app, record, choice)),
                provides=(f"removed-app/{app.release}",),
                env=site.environment(env),
                directory=directory,
                timeout=STEP_TIMEOUT,
            )
        )
    return make_plan(steps, given=["api", "cluster"])


def _changes(
    cluster: Cluster, parts: Parts, app: Application, record: str, choice: LaunchChoice
) -> Iterator[Change]:
    yield noted(app, record, REMOVING)
    yield from _taken_away(cluster, parts, app, choice)
    if choice.cmds != ():
        yield from _policy_removed(cluster, parts, app, json.loads(record)["policy"])
    namespace = app.settings.namespace
    if namespace:
        label = f"sealer.io/made-for={label_value(app)}"
        there = f"kubectl get namespace -l {label} --field-selector metadata.name={quote(namespace)} -o name"
        yield Command(
            title=f"remove namespace {namespace} of {app.release}",
            run=f"kubectl delete namespace {quote(namespace)} --timeout=300s",
            unless=f'found=$({there}) && [ -z "$found" ]',
            limit=360,
            repeatable=True,
        )
    values = values_directory(cluster.data, app)
    yield Command(
        title=f"remove the values of {app.release}",
        run=f"rm -rf {quote(values)}",
        unless=f"[ ! -e {quote(values)} ]",
    )
    yield forgotten(app)
    yield from _unneeded_files(cluster, app, json.loads(record)["directory"])


def _taken_away(cluster: Cluster, parts: Parts, app: Application, choice: LaunchChoice) -> Iterator[Change]:
    if choice.cmds is not None:
        if choice.cmds:
            line = f"cd {quote(app.directory)} 2>/dev/null || :\n" + "\n".join(choice.cmds)
            yield Command(title=f"take {app.release} away by hand", run=line, unless="false")
        return
    if app.cmds:
        raise ImageError(
            f"application {app.name} was launched by commands of its own, which know no way back",
            hint=f"say it: sealer app uninstall {app.release} --cmds '…', or --forget what runs",
        )
    app_type = parts.app_types.get(app.type)
    if app_type is None:
        raise ImageError(
            f"application {app.name} is of type {app.type!r}, which no plugin provides", hint=_MISSING
        )
    for change in app_type.uninstall(cluster, app):
        # A script that takes away runs each time it is asked to.
        yield _unguarded(change) if isinstance(change, Command) else change
    yield from _undone(cluster, parts, app)


def _policy_removed(cluster: Cluster, parts: Parts, app: Application, policy: str) -> Iterator[Change]:
    """Take away what redirects the application's container images, and what is left of an engine."""
    if policy:
        if policy not in parts.image_policies:
            raise ImageError(
                f"application {app.name} has the image policy {policy!r}, which no plugin provides",
                hint=_MISSING,
            )
        yield from parts.image_policies[policy].withdraw(cluster, app.release)
    for engine in parts.image_policies.values():
        if engine.application == app.name:
            yield from engine.clean(cluster)


def _unguarded(change: Command) -> Command:
    if change.unless or change.creates:
        return change
    return Command(title=change.title, run=change.run, unless="false", limit=change.limit)


def _undone(cluster: Cluster, parts: Parts, app: Application) -> Iterator[Change]:
    """Let commands that launched the application count as not done, so that it can be launched again."""
    changes = parts.app_types[app.type].launch(cluster, app)
    keys = [change.key for change in changes if isinstance(change, Command) and not change.unless]
    hashes = [hashlib.sha256(key.encode()).hexdigest()[:16] for key in keys]
    if hashes:
        marks = " ".join(f'"$journal"/*-{digest}/done' for digest in hashes)
        yield Command(title=f"{app.release} counts as not launched", run=f"rm -f {marks}", unless="false")


def _unneeded_files(cluster: Cluster, app: Application, directory: str) -> Iterator[Change]:
    """Remove the files of an application image when no application needs them any longer."""
    if not directory.startswith(f"{cluster.data}/applications/"):
        return
    used = (
        f"kubectl get configmaps -n {RECORDS_NAMESPACE} -l {APP_LABEL} "
        "-o go-template='{{range .items}}{{.data.record}}{{\"\\n\"}}{{end}}' | "
        f"grep -qF {quote(json.dumps(directory))}"
    )
    path = quote(directory)
    yield Command(
        title=f"remove the files that {app.release} came with",
        run=f"cd /\nrm -rf {path}",
        unless=f"[ ! -e {path} ] || {{ {used}; }}",
    )
