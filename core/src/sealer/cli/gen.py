"""``sealer gen``: a Clusterfile from flags, or from a cluster that exists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealer.cli.application import Application, pass_application
from sealer.cli.driving import drive, driving_flags, host_options
from sealer.cli.launching import chosen_context, context_options
from sealer.cli.options import login_options
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.cluster.session import Context
    from sealer.clusterfile import Clusterfile


@click.command()
@click.argument("image", required=False)
@login_options
@click.option("-e", "--env", multiple=True, metavar="K=V", help="Environment, over the image's.")
@click.option(
    "--from-cluster", is_flag=True, help="Describe the nodes of a cluster that exists (--kubeconfig)."
)
@click.option("--register", is_flag=True, help="Remember it: its applications are worked on by its name.")
@context_options
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file to write it to."
)
@host_options
@pass_application
def gen(
    application: Application,
    /,
    image: str | None,
    *,
    from_cluster: bool,
    register: bool,
    output: Path | None,
    **flags: Any,
) -> None:
    """Print a Clusterfile: of IMAGE on hosts that flags name, with defaults, or of a cluster that exists.

    It holds no password: where there is one, it is asked for when the Clusterfile is used.
    """
    from sealer.cli.describing import describe_cluster
    from sealer.clusterfile import render_clusterfile
    from sealer.clusterfile.render import with_defaults

    if register and not from_cluster:
        raise UsageError("--register is about a cluster that exists", hint="name it: --from-cluster")
    if from_cluster:
        found = _existing(application, image, flags, register=register)
    else:
        found = describe_cluster(flags)
    spec = replace(found.cluster, image=image or found.cluster.image)
    text = render_clusterfile(replace(found, cluster=with_defaults(spec)), defaults=True)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the Clusterfile can't be written: {error.strerror}", place=str(output)) from error


def _existing(
    application: Application, image: str | None, flags: dict[str, Any], *, register: bool
) -> Clusterfile:
    from sealer.cluster.foreign import choose_context, foreign_request
    from sealer.cluster.launching import Existing, asking
    from sealer.cluster.state import remember_foreign
    from sealer.cluster.taking_over import clusterfile_of
    from sealer.clusterfile.flags import cluster_from_flags

    if flags["masters"] or flags["nodes"] or flags["clusterfile"]:
        raise UsageError("--from-cluster names the hosts: -m, -n and -f say it twice")
    name = flags["cluster_name"]
    foreign = chosen_context({**flags, "cluster_name": None}) or choose_context(None, None)
    records, state = foreign_request(application.home, foreign, name)

    async def work(context: Context) -> Clusterfile:
        async with asking(context, Existing(records=records, state=state)) as cluster:
            return await clusterfile_of(cluster, name=name or records.cluster, image=image)

    found = drive(application, work, **driving_flags(flags))
    if register:
        remember_foreign(records, state)
    spec = cluster_from_flags(
        user=flags["user"],
        private_key=flags["pk"],
        port=flags["port"],
        jump=flags["jump"],
        env=flags["env"],
        base=found.cluster,
    )
    return replace(found, cluster=spec)
