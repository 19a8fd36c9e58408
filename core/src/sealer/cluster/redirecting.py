"""Where pods get the container images of an image when not by their own names, and who sees to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from sealer.cluster.delivery import NO_POLICY, Delivery
from sealer.cluster.parts import Parts
from sealer.errors import PluginError
from sealer.image.reference import DEFAULT_DOMAIN, DEFAULT_TAG, Reference, parse_reference
from sealer.model import IMAGE_POLICY_LABEL, Application, Cluster, ImageMetadata
from sealer.providers import AppType, ImagePolicy, Redirection

_NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirecting:
    """Where container images come from, and how pods are told.

    Attributes:
        targets: The new name of each image that has one, by its full name.
        policy: The policy that the image or the user names: it tells pods, if there is anything to tell.
            Without one, types of applications put the new names into manifests, where they can.
        former: Policies that may have told pods at an earlier launch, and shall do so no longer.
    """

    targets: Mapping[str, str] = field(default_factory=lambda: _NOWHERE)
    policy: ImagePolicy | None = None
    former: tuple[ImagePolicy, ...] = ()

    def redirection(self, app: Application, image: ImageMetadata) -> Redirection | None:
        """Return what a policy has to redirect for an application, or None when that is nothing."""
        if self.policy is None or app.name == self.policy.application:
            return None
        targets = self._named(app, image)
        return Redirection(owner=app.release, targets=targets) if targets else None

    def name_for(self, app: Application, image: ImageMetadata) -> str:
        """Return the name of the policy that redirects container images of an application, or ""."""
        redirected = self.redirection(app, image) is not None
        return self.policy.name if self.policy is not None and redirected else ""

    def renamed(self, app: Application, image: ImageMetadata) -> tuple[tuple[str, str], ...]:
        """Return what is to be renamed in an application's manifests: the engine of a policy needs it too."""
        if self.policy is not None and app.name != self.policy.application:
            return ()
        return tuple(self._named(app, image).items())

    def _named(self, app: Application, image: ImageMetadata) -> dict[str, str]:
        return {
            name: self.targets[container.image]
            for container in image.container_images
            if container.app_name in {"", app.name} and container.image in self.targets
            for name in spellings(parse_reference(container.image))
        }


NOTHING = Redirecting()
"""Container images are found by their own names."""


def that_keep_names(
    redirecting: Redirecting,
    apps: Sequence[Application],
    app_types: Mapping[str, AppType],
    image: ImageMetadata,
) -> tuple[str, ...]:
    """Return the applications whose container images have new names that their types can't tell pods."""
    return tuple(
        app.name
        for app in apps
        if redirecting.renamed(app, image)
        if app.cmds or app.type not in app_types or not app_types[app.type].renames_images
    )


def redirecting_elsewhere(image: ImageMetadata, delivery: Delivery, parts: Parts) -> Redirecting:
    """Return what is redirected on a cluster that Sealer did not make.

    Raises:
        PluginError: No plugin provides the policy that the image or the user names.
    """
    name = delivery.policy or image.labels.get(IMAGE_POLICY_LABEL, "")
    policy = None if name in {"", NO_POLICY} else _policy(parts, name)
    if not delivery.registry or name == NO_POLICY:
        former = tuple(parts.image_policies.values()) if name else ()
        return Redirecting(policy=policy, former=former)
    targets = {
        container.image: pushed_as(delivery.registry, container.image) for container in image.container_images
    }
    moved = {name: target for name, target in targets.items() if name != target}
    return Redirecting(targets=moved, policy=policy)


def redirecting_here(cluster: Cluster, image: ImageMetadata, parts: Parts) -> Redirecting:
    """Return what is redirected on a cluster that Sealer makes: nothing where its hosts have mirrors.

    Raises:
        PluginError: No plugin provides the policy that the image names.
    """
    name = image.labels.get(IMAGE_POLICY_LABEL, "")
    if not name:
        return NOTHING
    policy = _policy(parts, name)
    registry = cluster.registry
    if registry is None or _have_mirrors(cluster, image, parts):
        return Redirecting(policy=policy)
    targets = {
        container.image: target_in(registry.location, container.image) for container in image.container_images
    }
    return Redirecting(targets=targets, policy=policy)


def _have_mirrors(cluster: Cluster, image: ImageMetadata, parts: Parts) -> bool:
    if parts.container is not None:
        return parts.container.has_mirrors
    domains = sorted({container.domain for container in image.container_images})
    registry = cluster.registry
    return registry is not None and any(
        change for host in cluster.hosts for change in parts.runtime.mirrors(cluster, host, registry, domains)
    )


def _policy(parts: Parts, name: str) -> ImagePolicy:
    if name not in parts.image_policies:
        known = ", ".join(parts.image_policies) or "none"
        raise PluginError(
            f"no plugin provides the image policy {name!r}; known: {known}",
            hint=f"if there is a plugin for it, install it: pip install sealer-policy-{name}",
        )
    return parts.image_policies[name]


def target_in(registry: str, image: str) -> str:
    """Return the name of a container image in another registry, as packed images have it in a cluster's own.

    It lies below the domain of its own registry, a colon in it written as an underscore. One that belongs
    there already keeps its name. A digest says more than a tag.

    Args:
        registry: ``HOST[:PORT][/PATH]``.
        image: The full name.
    """
    if image.startswith(f"{registry}/"):
        return image
    reference = parse_reference(image)
    name = f"{registry}/{repository(reference)}"
    return f"{name}@{reference.digest}" if reference.digest else f"{name}:{reference.tag}"


def pushed_as(registry: str, image: str) -> str:
    """Return the name of a container image in a registry that somebody else runs.

    It is that of ``target_in``, but a digest becomes a tag: the digest of a list names images for platforms
    that are not packed, and most registries refuse a list without all of them.

    Args:
        registry: ``HOST[:PORT][/PATH]``.
        image: The full name.
    """
    target = target_in(registry, image)
    return target if target == image else target.replace("@sha256:", ":sha256-")


def repository(reference: Reference) -> str:
    """Return the repository of a container image among those of several registries."""
    return f"{reference.domain.replace(':', '_')}/{reference.path}"


def spellings(reference: Reference) -> tuple[str, ...]:
    """Return all names that mean the same container image."""
    names = [reference.name]
    if reference.domain == DEFAULT_DOMAIN:
        names += [f"index.{reference.name}", reference.path]
        official = reference.path.removeprefix("library/")
        if "/" not in official:
            names += [f"{DEFAULT_DOMAIN}/{official}", f"index.{DEFAULT_DOMAIN}/{official}", official]
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    ends = [f"{tag}{digest}"]
    if tag == f":{DEFAULT_TAG}" and not digest:
        ends.append("")
    return tuple(f"{name}{end}" for name in names for end in ends)
