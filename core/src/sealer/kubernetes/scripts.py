"""The scripts by which images of the Go tool install what they bring: which there are, and how they are run.

Names, order, arguments and environment are those of the Go tool: ``scripts/<container runtime>.sh`` with
``scripts/uninstall-<container runtime>.sh``, ``scripts/init-registry.sh`` and ``scripts/init-kube.sh``.
"""

from __future__ import annotations

from collections.abc import Sequence

from sealer.changes import Command, foreign_script
from sealer.kubernetes.environment import environment_on
from sealer.model import Cluster, Host, ImageMetadata


def script_path(name: str) -> str:
    """Return where images have a script, for ``HostProvider.image_files``."""
    return f"scripts/{name}"


def brings_script(image: ImageMetadata, name: str) -> bool:
    """Tell whether an image has a script; ``image_files`` of the provider must name it."""
    return script_path(name) in image.files


def image_script(
    cluster: Cluster,
    host: Host,
    name: str,
    *,
    arguments: Sequence[str] = (),
    uninstall: str = "",
    revert: str = "",
    stamp: str = "",
) -> Command:
    """Return the command that runs a script of the image, in the image's root, with the host's environment.

    Args:
        cluster: The cluster.
        host: Where it is run.
        name: Of the script, such as ``init-kube.sh``.
        arguments: Its arguments.
        uninstall: The name of the script that takes it back, if the image has one.
        revert: sh that is run first of all when it is taken back.
        stamp: Makes it run once more, though it was run before.
    """
    return foreign_script(
        script_path(name),
        directory=cluster.rootfs,
        title=f"{script_path(name)} ({stamp})" if stamp else script_path(name),
        arguments=arguments,
        env=environment_on(cluster, host),
        uninstall=script_path(uninstall) if uninstall else "",
        revert=revert,
    )
