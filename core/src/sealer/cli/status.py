"""``sealer status``: a cluster as it is, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document, table

_APPS = ("name", "type", "namespace", "state", "revision", "image")
_HOSTS = ("host", "roles", "reachable", "node", "ready", "version")
_ENDING = ("host", "file", "days", "ends")


@click.command()
@click.argument("cluster", required=False)
@output_option()
@host_options
@pass_application
def status(application: Application, /, cluster: str | None, *, output: Format, **options: Any) -> None:
    """Show a cluster: hosts, versions, applications, certificates, registry, and what differs from its plan.

    What can't be found out, because hosts can't be reached or an operation is open, is said, and the rest is
    shown.
    """
    from sealer.cluster.state import choose_cluster
    from sealer.cluster.status import status as cluster_status

    records = choose_cluster(application.home, cluster)
    found = drive(application, lambda context: cluster_status(context, records), **options)
    document = found.to_plain(datetime.now(UTC))
    if output is Format.TABLE:
        click.echo("\n".join(status_lines(document)))
    else:
        print_document(document, output)


def status_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines in which a status is written for people."""
    yield f"cluster    {document['cluster']}"
    yield f"image      {document['image'] or '-'}"
    yield f"operation  {document['operation'] or '-'} ({document['state']})"
    if document["state"].startswith("open"):
        yield f"           {document['progress']}; log: {document['log']}"
    if document["busy"]:
        yield f"busy       {document['busy']}"
    versions = document["versions"]
    if versions["server"] or versions["image"]:
        yield f"version    {versions['server'] or 'unknown'}{_skew(document)}"
    yield from _registry_lines(document["registry"])
    yield from _host_lines(document["hosts"])
    if document["apps"]:
        yield from ("", table(document["apps"], _APPS))
    yield from _certificate_lines(document["certificates"])
    yield from _drift_lines(document["drift"])
    if document["problems"]:
        yield from ("", "not known:", *(f"  {' '.join(problem.split())}" for problem in document["problems"]))


def _host_lines(hosts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [{**host, "reachable": "yes" if host["reachable"] == "yes" else "no"} for host in hosts]
    yield from ("", table(rows, _HOSTS))
    yield from (f"{host['host']}: {host['reachable']}" for host in hosts if host["reachable"] != "yes")


def _skew(document: Mapping[str, Any]) -> str:
    """Return what is to be said of versions that are not the image's."""
    wanted, server = document["versions"]["image"], document["versions"]["server"]
    if not wanted:
        return ""
    behind = [host["host"] for host in document["hosts"] if not _is_of(wanted, host["version"] or wanted)]
    if behind or not _is_of(wanted, server or wanted):
        other = f"; other versions on {', '.join(behind)}" if behind else ""
        return f" (the image has {wanted}{other})"
    return ""


def _is_of(release: str, told: str) -> bool:
    """Tell whether what a program says of its version is a release; it may say less of its build."""
    rest = release.removeprefix(told)
    return told == release or (
        release.startswith(told) and (rest[0] == "+" or ("+" in told and rest[0] == "."))
    )


def _registry_lines(registry: Mapping[str, Any] | None) -> Iterator[str]:
    if registry is None:
        return
    bad = {host: state for host, state in registry["hosts"].items() if state != "answers"}
    told = "answers all hosts" if not bad else f"is not well for {len(bad)} of {len(registry['hosts'])} hosts"
    if "outside" in registry:
        yield from _outside_lines(registry, bad)
        return
    yield f"registry   {registry['address']} {told}"
    for domain, address in registry.get("caches", {}).items():
        yield f"           {domain} is cached at {address}"
    yield from (f"           {host}: {state}" for host, state in bad.items())


def _outside_lines(registry: Mapping[str, Any], bad: Mapping[str, str]) -> Iterator[str]:
    state = registry["outside"]
    yield f"registry   {registry['address']} outside, {'answers' if state == 'answers' else state}"
    yield from (f"           {host}: {reason}" for host, reason in bad.items())


def _certificate_lines(certificates: list[Mapping[str, Any]] | None) -> Iterator[str]:
    from sealer.cluster.status_report import EXPIRES_SOON, ending_soon

    if not certificates:
        return
    first = certificates[0]
    yield ""
    yield f"certificates: {len(certificates)}, the first ends in {first['days']} days ({first['ends'][:10]})"
    ending = ending_soon(certificates)
    if ending:
        yield f"{len(ending)} end within {EXPIRES_SOON} days; sealer cert --renew makes new ones:"
        yield table(ending, _ENDING)


def _drift_lines(drift: Mapping[str, Any] | None) -> Iterator[str]:
    if drift is None:
        return
    yield ""
    if not drift["changes"]:
        yield "drift: none; the hosts are as the plan says"
    else:
        count = "1 change" if drift["changes"] == 1 else f"{drift['changes']} changes"
        yield f"drift: {count}; sealer run with the same image makes up for it:"
    for step in drift["steps"]:
        for one in step["changes"]:
            yield f"  {step['host']}  {one['change']}: {' '.join(one['reason'].split())}"
    if drift["unknown"]:
        yield f"drift is not known in full of {', '.join(drift['unknown'])}"
