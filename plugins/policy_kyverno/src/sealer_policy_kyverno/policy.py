"""The image policy ``kyverno``: a ClusterPolicy for each application, kept and removed with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import yaml

from sealer.changes import Change, Command, Objects, Wait, quote, record_name, removed_objects
from sealer.model import Cluster
from sealer.providers import ImagePolicy, Redirection
from sealer_policy_kyverno.cluster_policy import cluster_policy

READY_TIMEOUT = 300

_DEFINITION = "clusterpolicies.kyverno.io"
_REFUSAL = (
    f"this cluster has no Kyverno (it does not know {_DEFINITION}): install it, or let the image bring "
    "it as the application kyverno"
)
_INSTALLED = (
    f"kubectl get customresourcedefinition {_DEFINITION} -o "
    "go-template='{{range .status.conditions}}{{.type}}={{.status}} {{end}}' 2>/dev/null | "
    "grep -q Established=True"
)
# Kyverno makes these while it runs, so they are in no manifest; they would refuse pods when it is gone.
# https://release-1-12-0.kyverno.io/docs/installation/uninstallation/
_WEBHOOKS = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
_SELECTED = "-l webhook.kyverno.io/managed-by=kyverno"


class Kyverno(ImagePolicy):
    """Kyverno 1.10 or later, that of the image's application ``kyverno`` or one that the cluster has."""

    name: ClassVar[str] = "kyverno"
    summary: ClassVar[str] = "Kyverno redirects pods to where the container images are"
    application: ClassVar[str] = "kyverno"

    def redirect(self, cluster: Cluster, redirection: Redirection) -> Iterable[Change]:
        name = _name(redirection.owner)
        whole, without = (
            quote(yaml.safe_dump(policy, sort_keys=False, width=1000))
            for policy in (
                cluster_policy(name, redirection),
                cluster_policy(name, redirection, ephemeral=False),
            )
        )
        render = (
            "served=$(kubectl get --raw /api/v1) && case $served in\n"
            f"*'\"pods/ephemeralcontainers\"'*) printf %s {whole} ;;\n*) printf %s {without} ;;\nesac"
        )
        yield Command(
            title=f"there is Kyverno for {redirection.owner}",
            run=f"echo {quote(_REFUSAL)} >&2\nexit 1",
            unless=_INSTALLED,
        )
        yield Objects(owner=_list(redirection.owner), render=render)
        ready = '{range .status.conditions[?(@.type=="Ready")]}{.status}{end}'
        asked = f"kubectl get clusterpolicy {quote(name)} -o jsonpath={quote(ready)}"
        yield Wait(
            title=f"Kyverno redirects container images of {redirection.owner}",
            until=f'[ "$({asked} 2>/dev/null)" = True ]',
            why=f"echo {quote(f'ClusterPolicy {name} is not Ready')}",
            limit=READY_TIMEOUT,
        )

    def withdraw(self, cluster: Cluster, owner: str) -> Iterable[Change]:
        yield removed_objects(_list(owner))

    def clean(self, cluster: Cluster) -> Iterable[Change]:
        found = f"kubectl get {_WEBHOOKS} {_SELECTED} -o name"
        yield Command(
            title="remove what Kyverno had the API server ask",
            run=f"kubectl delete {_WEBHOOKS} {_SELECTED}",
            unless=f'found=$({found}) && [ -z "$found" ]',
            limit=120,
        )


def _name(owner: str) -> str:
    return f"sealer-{record_name(owner)}"


def _list(owner: str) -> str:
    return f"image-policy-of-{owner}"
