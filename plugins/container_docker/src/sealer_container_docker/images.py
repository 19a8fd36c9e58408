"""Brings the container images of a cluster to Docker, which finds only those of Docker Hub by a mirror.

And its mirrors take neither a password nor a path, which the cluster's registry has both. So every image is
pulled from there once and gets its own name; kubelets then find it without asking anybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sealer.changes import Change, Command, File
from sealer.model import ContainerImage, RegistryEndpoint
from sealer_container_docker import fragments
from sealer_container_docker.names import CERTIFICATES, LOGIN, NODE_LOGIN

_PULL_SECONDS = 1800.0


def trust(registry: RegistryEndpoint) -> Iterable[Change]:
    """Return the files by which Docker and kubelets log in to the cluster's registry over TLS."""
    if registry.certificate_authority is not None:
        authority = str(registry.certificate_authority)
        yield File(path=f"{CERTIFICATES}/{registry.netloc}/ca.crt", content=authority)
    if registry.credentials is None:
        return
    # What stands for the secret until it is known has to stay as it is.
    accounts = json.dumps(
        {"auths": {registry.netloc: {"auth": str(registry.credentials)}}}, indent=2, ensure_ascii=False
    )
    for path in (f"{LOGIN}/config.json", NODE_LOGIN):
        yield File(path=path, content=f"{accounts}\n", mode=0o600)


def fetched(registry: RegistryEndpoint, images: Sequence[ContainerImage]) -> Iterable[Change]:
    """Return a command for each image that has a tag. Nobody can give a name that is but a digest."""
    for name in dict.fromkeys(image.image for image in images):
        repository, _, tag = name.partition("@")[0].rpartition(":")
        if not repository or "/" in tag:
            continue
        domain, _, path = repository.partition("/")
        source = "/".join(part for part in (registry.netloc, registry.below(domain), path) if part)
        # Images that the Go tool packed are in the cluster's own registry without their domain.
        bare = source if registry.is_outside else f"{registry.netloc}/{path}"
        sources = tuple(dict.fromkeys((f"{source}:{tag}", f"{bare}:{tag}")))
        tagged = f"{repository}:{tag}"
        digests = {image.digest for image in images if image.image == name}
        yield Command(
            title=f"container image {tagged}",
            run=fragments.fetch_image(tagged, sources),
            unless=fragments.image_is_there(
                tagged, digests.pop() if len(digests) == 1 else "", registry.netloc
            ),
            revert=fragments.forget_image(tagged, sources),
            limit=_PULL_SECONDS,
        )
