"""Puts the flags that describe a cluster together with a Clusterfile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sealer.clusterfile import Clusterfile, ClusterSpec, SecretReference, read_clusterfile
from sealer.clusterfile.flags import cluster_from_flags
from sealer.clusterfile.login import parse_reference
from sealer.errors import UsageError
from sealer.secret import Secret


def describe_cluster(flags: Mapping[str, Any]) -> Clusterfile:
    """Return the cluster that flags and Clusterfile describe together.

    Raises:
        UsageError: The flags are wrong.
        SourceErrors: The Clusterfile is.
    """
    base = read_described(flags)
    spec = cluster_from_flags(
        flags["masters"],
        flags["nodes"],
        user=flags["user"],
        password=_password(flags),
        private_key=flags["pk"],
        passphrase=_reference("--pk-passwd-from", flags["pk_passwd_from"]),
        port=flags["port"],
        identities_only=flags["identities_only"],
        jump=flags["jump"],
        env=flags.get("env", ()),
        name=flags["cluster_name"] or None,
        base=base.cluster,
    )
    return replace(base, cluster=spec)


def read_described(flags: Mapping[str, Any]) -> Clusterfile:
    """Return the Clusterfile that flags name, or an empty one.

    Raises:
        UsageError: It can't be read.
        SourceErrors: It is wrong.
    """
    path = flags["clusterfile"]
    return read_clusterfile(Path(path), os.environ) if path else Clusterfile(cluster=ClusterSpec())


def _password(flags: Mapping[str, Any]) -> Secret | SecretReference | None:
    if flags["passwd"] and flags["passwd_from"]:
        raise UsageError("--passwd and --passwd-from exclude each other")
    if flags["passwd"]:
        click.echo(
            "warning: a password in the command line can be seen by others on this machine; "
            "better: --passwd-from prompt",
            err=True,
        )
        return Secret(flags["passwd"])
    return _reference("--passwd-from", flags["passwd_from"])


def _reference(flag: str, text: str | None) -> SecretReference | None:
    if text is None:
        return None
    reference = parse_reference(text)
    if reference is None:
        # What was written in place of a reference may be the secret: it is not repeated.
        raise UsageError(f"{flag} is no reference", hint="write env:NAME, file:PATH, cmd:PROGRAM or prompt")
    return reference
