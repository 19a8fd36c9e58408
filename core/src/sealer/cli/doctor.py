"""``sealer doctor``: what is wrong on this machine, and a bundle of all that helps to find it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, host_options
from sealer.cli.options import output_option
from sealer.cli.output import Format, print_document
from sealer.errors import SealerError, UsageError

if TYPE_CHECKING:
    from sealer.cluster.bundle import Bundle
    from sealer.cluster.doctor import Diagnosis
    from sealer.cluster.session import Context


@click.command()
@click.argument("cluster", required=False)
@click.option(
    "--bundle",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write FILE (.tar.gz) with records, plans, logs and facts of here and of hosts, without secrets.",
)
@click.option("--deep", is_flag=True, help="Read all of the image store, and verify every digest.")
@output_option()
@host_options
@pass_application
def doctor(
    application: Application,
    /,
    cluster: str | None,
    *,
    file: Path | None,
    deep: bool,
    output: Format,
    **options: Any,
) -> None:
    """Say what is wrong on this machine, or make a support bundle.

    Looked at are programs, SSH keys and agent, the clock, room on disks, the image store, plugins, and
    operations that are open. With --bundle, the bundle is about CLUSTER, or about all clusters on record;
    hosts that can't be reached are left out, and named in it. The exit code is 1 when something is wrong.
    """
    if file is not None:
        _write_bundle(application, file, cluster, options)
        return
    if cluster is not None:
        raise UsageError("a cluster goes with --bundle", hint="sealer check --post looks at a cluster")
    from sealer.cluster.doctor import Machine, examine

    found = examine(Machine(home=application.home, plugins=application.plugins(), deep=deep))
    if output is Format.TABLE:
        click.echo(diagnosis_text(found))
    else:
        print_document(found.to_plain(), output)
    if not found.healthy:
        raise click.exceptions.Exit(SealerError.exit_code)


def diagnosis_text(found: Diagnosis) -> str:
    """Write a diagnosis for people."""
    lines: list[str] = []
    for finding in found.findings:
        lines += [
            f"{finding.severity!s:<12} {finding.check}",
            f"    found   {finding.found}",
            f"    wanted  {finding.wanted}",
            f"    mend    {finding.mend}",
        ]
    verdict = "healthy" if found.healthy else "something is wrong"
    lines.append(f"{verdict}: {len(found.findings)} findings in {len(found.examined)} looks at this machine")
    return "\n".join(lines)


def _write_bundle(application: Application, file: Path, cluster: str | None, options: dict[str, Any]) -> None:
    from sealer.cluster.bundle import collect, write_bundle
    from sealer.cluster.state import recorded_clusters
    from sealer.operation.records import ClusterRecords

    names = recorded_clusters(application.home)
    if cluster is not None and cluster not in names:
        raise UsageError(
            f"nothing is on record of cluster {cluster}", hint=f"known: {', '.join(names) or 'none'}"
        )
    clusters = tuple(ClusterRecords(application.home, name) for name in ([cluster] if cluster else names))

    async def work(context: Context) -> Bundle:
        return await collect(context, clusters)

    bundle = drive(application, work, **options)
    write_bundle(bundle, file)
    for problem in bundle.problems:
        click.echo(f"missing: {problem}", err=True)
    click.echo(f"{file}: {len(bundle.files)} files; look through it before you give it away", err=True)
