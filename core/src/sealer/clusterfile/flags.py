"""A cluster described by flags, alone or over a Clusterfile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sealer.clusterfile.addresses import conflicts, expand_endpoints
from sealer.clusterfile.environment import VARIABLE
from sealer.clusterfile.jumps import parse_jump
from sealer.clusterfile.model import CLUSTER_NAME, ClusterSpec, HostSpec, SecretReference, SshSpec
from sealer.errors import UsageError
from sealer.model import MASTER, NODE
from sealer.secret import Secret


def cluster_from_flags(
    masters: str = "",
    nodes: str = "",
    *,
    user: str | None = None,
    password: Secret | SecretReference | None = None,
    private_key: str | None = None,
    passphrase: Secret | SecretReference | None = None,
    port: int | None = None,
    identities_only: bool = False,
    jump: str = "",
    env: Sequence[str] = (),
    name: str | None = None,
    image: str | None = None,
    app_names: tuple[str, ...] | None = None,
    cmds: tuple[str, ...] | None = None,
    base: ClusterSpec | None = None,
) -> ClusterSpec:
    """Return the cluster that flags describe.

    Hosts are added to those of ``base``; everything else that is said replaces what ``base`` says, except
    that ``env`` replaces variable by variable. What ``base`` says of a single host's log-in stays.

    Args:
        masters: Addresses, ranges ``a-b`` and host names, separated by commas; each may have ``:port``
            behind it, for which an IPv6 address takes brackets.
        nodes: The same for the hosts that are no masters.
        user: Who logs in.
        password: Of the user.
        private_key: The path of a key file.
        passphrase: Of the key file.
        port: TCP port of sshd, where none is given with an address.
        identities_only: Whether the named key is the only one to be shown.
        jump: Jump hosts on the way to all hosts, ``user@host:port`` each, separated by commas.
        env: ``NAME=value``, each.
        name: The cluster's name.
        image: The cluster image.
        app_names: The applications to launch.
        cmds: The launch commands.
        base: What a Clusterfile says.

    Raises:
        UsageError: What is wrong with the flags, all of it in one message.
    """
    base = base or ClusterSpec()
    problems: list[str] = []
    if port is not None and not 1 <= port <= 65535:
        problems.append(f"--port: {port} is no port: it must be from 1 to 65535")
    if name is not None and not CLUSTER_NAME.fullmatch(name):
        problems.append(f"--cluster-name: {name!r} is not made of lower-case letters, digits and dashes")
    added = (*_hosts("--masters", masters, MASTER, problems), *_hosts("--nodes", nodes, NODE, problems))
    hosts = (*base.hosts, *added)
    problems += [f"{host.place}: {message}" for host, message in conflicts(hosts)]
    variables = {**base.env, **dict(_variables(env, problems))}
    try:
        jump_hosts = parse_jump(jump) if jump else None
    except ValueError as error:
        problems.append(f"--jump: {error}")
    if problems:
        raise UsageError("; ".join(problems))
    said = SshSpec(
        user=user,
        password=password,
        private_key=private_key,
        passphrase=passphrase,
        port=port,
        identities_only=identities_only or None,
        jump=jump_hosts,
    )
    return replace(
        base,
        name=name or base.name,
        hosts=hosts,
        ssh=said.over(base.ssh),
        env=variables,
        image=image or base.image,
        app_names=base.app_names if app_names is None else app_names,
        cmds=base.cmds if cmds is None else cmds,
    )


def require_master(cluster: ClusterSpec) -> None:
    """Check that a cluster image has a host to start the cluster on.

    Raises:
        UsageError: No host is a master.
    """
    if cluster.masters:
        return
    what = "no host is a master" if cluster.hosts else "no hosts are given"
    hint = f"name one with --masters ADDRESS, or write roles: [{MASTER}] for a host of the Clusterfile"
    raise UsageError(what, place=cluster.place, hint=hint)


def _hosts(flag: str, text: str, role: str, problems: list[str]) -> Iterator[HostSpec]:
    for item in text.split(",") if text.strip() else ():
        if not item.strip():
            problems.append(f"{flag}: there is nothing between two commas, or before or after one")
            continue
        try:
            endpoints = expand_endpoints(item.strip())
        except ValueError as error:
            problems.append(f"{flag}: {error}")
            continue
        for endpoint in endpoints:
            ssh = SshSpec(port=endpoint.port)
            yield HostSpec(address=endpoint.address, roles=(role,), ssh=ssh, place=flag)


def _variables(env: Sequence[str], problems: list[str]) -> Iterator[tuple[str, str]]:
    for text in env:
        name, equals, value = text.partition("=")
        if equals and VARIABLE.fullmatch(name):
            yield name, value
        elif equals:
            problems.append(f"--env: {name!r} is no name of a variable")
        else:
            # Without a name in front, the text may be a secret: it is not repeated.
            problems.append("--env: a value has no NAME= in front of it")
