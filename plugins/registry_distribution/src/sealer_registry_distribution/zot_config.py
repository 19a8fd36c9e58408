"""The texts of the files of a cache that zot serves: its configuration, and its unit.

zot fetches an image whole when it is asked for its manifest, and lets everyone else who asks wait for that
(https://zotregistry.dev/latest/articles/mirroring/). Of the settings used here
``preserveDigest`` is the youngest: it came with 2.1.4.
"""

from __future__ import annotations

import json

from sealer.model import bracketed
from sealer_registry_distribution.config import cache_unit

IMAGE_PROGRAM = "bin/zot"
"""Where cluster images have the program."""
ZOT = "/usr/local/bin/sealer-registry-zot"

_KEPT = "168h"
"""So long stays what was fetched: a week, as with distribution, whose time can't be chosen."""


def zot_config_json(
    *, store: str, directory: str, address: str, port: int, domain: str, url: str, login: str
) -> str:
    """Return the configuration with which the program fetches what it lacks from ``url``; nobody can push.

    Args:
        store: Where what was fetched goes.
        directory: That of the certificate and the password of the cluster's registry.
        address: The IP address it listens on.
        port: The TCP port.
        domain: What clients are told they log in to.
        url: Where it fetches from.
        login: The file with the account there, or "" where none is needed.

    Manifests stay as they are, those of Docker's own types too: others would have other digests.
    """
    upstream = {
        "urls": [url],
        "onDemand": True,
        "tlsVerify": True,
        "preserveDigest": True,
        # Whoever asks waits for the last try, and has other places to turn to.
        "maxRetries": 1,
        "retryDelay": "1s",
    }
    found = {
        "distSpecVersion": "1.1.1",
        "storage": {
            "rootDirectory": store,
            "gc": True,
            "gcDelay": "2h",
            "gcInterval": "24h",
            "retention": {
                "delay": _KEPT,
                "policies": [
                    {
                        "repositories": ["**"],
                        "deleteReferrers": True,
                        "deleteUntagged": True,
                        "keepTags": [{"patterns": [".*"], "pushedWithin": _KEPT}],
                    }
                ],
            },
        },
        "http": {
            "address": bracketed(address),
            "port": str(port),
            "realm": domain,
            "compat": ["docker2s2"],
            "tls": {"cert": f"{directory}/tls.crt", "key": f"{directory}/tls.key"},
            "auth": {"htpasswd": {"path": f"{directory}/htpasswd"}},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
        },
        "log": {"level": "warn"},
        "extensions": {
            "sync": {
                "enable": True,
                **({"credentialsFile": login} if login else {}),
                "registries": [upstream],
            }
        },
    }
    return json.dumps(found, indent=2) + "\n"


def zot_unit_text(*, cluster: str, domain: str, place: str, authorities: bool) -> str:
    """Return the unit.

    Args:
        cluster: The cluster's name.
        domain: The registry that is cached.
        place: The cache's directory.
        authorities: Whether there are authorities besides those that the host trusts anyway.
    """
    return cache_unit(
        cluster=cluster,
        domain=domain,
        place=place,
        authorities=authorities,
        documentation="https://zotregistry.dev/",
        service=f'ExecStart={ZOT} serve "{place}/zot.json"',
    )
