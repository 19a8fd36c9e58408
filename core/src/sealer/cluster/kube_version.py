"""The version of Kubernetes that a cluster has, held against the versions that an image is made for."""

from __future__ import annotations

import json
import re

from sealer.errors import ChecksFailed, HostError
from sealer.hosts.connection import Connection
from sealer.kubefile.versions import VersionRange
from sealer.model import SUPPORTED_KUBE_VERSION_LABEL, ImageMetadata

VERSION_SCRIPT = "kubectl version -o json --request-timeout=20s"
"""sh that prints the versions of kubectl and of the API server."""

_TIMEOUT = 60.0
_UNFINISHED = re.compile(
    r"(?P<release>v?\d+\.\d+\.\d+)(?:-(?!alpha|beta|rc)[0-9A-Za-z.-]+)?(?P<rest>.*)", re.DOTALL
)
"""A version; what vendors write behind it, as ``-gke.100``, makes it no pre-release."""


def require_supported(image: ImageMetadata, version: str, *, where: str) -> None:
    """Refuse an image that is not made for a version of Kubernetes.

    Args:
        image: What it says is in the label that KUBEVERSION makes.
        version: As the API server says it, ``v1.27.3``.
        where: The cluster's name.

    Raises:
        ChecksFailed: It is not.
    """
    wanted = image.labels.get(SUPPORTED_KUBE_VERSION_LABEL)
    if not wanted or not version or VersionRange.parse(wanted).allows(release_of(version)):
        return
    raise ChecksFailed(
        f"image {image.reference} is made for Kubernetes {wanted}, and cluster {where} has {version}",
        hint="nothing was changed; to try it all the same: --ignore-kube-version",
    )


def release_of(version: str) -> str:
    """Return a version without what a vendor wrote behind it."""
    match = _UNFINISHED.fullmatch(version)
    return f"{match['release']}{match['rest']}" if match else version


async def server_version(connection: Connection, prelude: str) -> str:
    """Ask the API server for its version.

    Args:
        connection: Where kubectl is.
        prelude: sh that comes before, with the environment that it needs.

    Raises:
        HostError: It does not answer.
    """
    result = await connection.run_script(f"{prelude}\n{VERSION_SCRIPT}", timeout=_TIMEOUT)
    try:
        return str(json.loads(result.stdout)["serverVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError) as error:
        said = f": {result.stderr[-1]}" if result.stderr else ""
        raise HostError(
            f"the API server does not answer{said}",
            host=connection.host,
            retryable=True,
            hint="see how the cluster is: sealer status; without asking: --ignore-kube-version",
        ) from error
