"""Making a cluster from an image, or putting an application image on one that exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from sealer.cluster.checks import describe_finding, group, judge, leave_out, refuse
from sealer.cluster.delivery import STAY, Delivery
from sealer.cluster.examination import all_checks, ask_again, first_probes, given_by, reading_only
from sealer.cluster.external_registry import External
from sealer.cluster.images import HostImages, available_on, images_again, images_for_hosts, platforms_in
from sealer.cluster.kinds import Kind
from sealer.cluster.kube_version import require_supported
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.parts import Parts, choose_parts
from sealer.cluster.request import Foreign, Growth, Request, request_of
from sealer.cluster.request_plan import plan_elsewhere, plan_on_hosts
from sealer.cluster.session import Connections, Context, observe_all, reach, require_all
from sealer.cluster.state import load_own_state, load_state, save_state
from sealer.cluster.unheeded import unheeded
from sealer.clusterfile import Clusterfile
from sealer.clusterfile.flags import require_master
from sealer.errors import SealerError, UsageError
from sealer.events import Message
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, Cluster, Facts, Severity
from sealer.operation.engine import Summary
from sealer.operation.plan import Plan
from sealer.operation.records import ClusterRecords, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request with all that was made of it.

    Attributes:
        request: What was asked for, complete.
        cluster: The view that the plan was made from.
        parts: The providers.
        plan: What to do.
    """

    request: Request
    cluster: Cluster
    parts: Parts
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks for.

    Attributes:
        clusterfile: The cluster.
        reference: The image's name.
        choice: What to launch.
        named: Whether the cluster's name is the user's choice and not the default.
        ignore: The ids of host checks to leave out.
        shrink: Whether hosts of the cluster that are not named are to leave it.
        foreign: The cluster that an application image goes to, when Sealer did not make it.
        delivery: Where its container images go then.
    """

    clusterfile: Clusterfile
    reference: str
    choice: LaunchChoice
    named: bool
    ignore: tuple[str, ...] = ()
    shrink: bool = False
    foreign: Foreign | None = None
    delivery: Delivery = STAY


Confirm = Callable[[Prepared, Connections], Awaitable[None]]
"""Looks at what is about to be done, and raises to stop it."""


async def install(context: Context, wish: Wish, *, confirm: Confirm | None = None) -> Summary:
    """Make a cluster from a cluster image, or bring an existing one back to what the image says.

    Args:
        context: What a verb needs from outside.
        wish: What the user asks for.
        confirm: Asked before anything is written down or changed.

    Raises:
        SealerError: Whatever stands in the way; nothing was changed unless it is ``HostsFailed`` or
            ``Interrupted``, which can be resumed.
    """
    require_master(wish.clusterfile.cluster)
    records = ClusterRecords(context.home, wish.clusterfile.cluster.name)
    redactor = Redactor()
    with records.lock(INSTALLATION.verb):
        records.require_none_open()
        async with reach(context, wish.clusterfile.cluster, redactor) as connections:
            before = load_own_state(records)
            prepared = await prepare(context, before, wish, connections)
            if confirm is not None:
                await confirm(prepared, connections)
            plain = prepared.request.to_plain()
            operation = records.begin(INSTALLATION.verb, plain, before=before.to_plain() if before else None)
            return await INSTALLATION.carry_on(
                context, records, operation, connections, redactor, plan=prepared.plan
            )


async def prepare(
    context: Context, state: Request | None, wish: Wish, connections: Connections, *, trials: bool = True
) -> Prepared:
    """Observe and check the hosts, and plan. Nothing is changed.

    Args:
        context: What a verb needs from outside.
        state: What is remembered of the cluster, if it is known.
        wish: What the user asks for.
        connections: To all hosts that are wanted.
        trials: Whether the checks are made that write on hosts for a moment.

    Raises:
        HostError: A host can't be reached or observed.
        ChecksFailed: The hosts are unfit.
        SealerError: The image or the Clusterfile can't be used.
    """
    reachable = require_all(connections)
    known = state.facts if state is not None and state.is_installed else {}
    if state is not None and not state.is_installed:
        require_mended_hosts(state.clusterfile, wish.clusterfile)
    elif state is not None:
        _require_known_hosts(state.clusterfile, wish.clusterfile)
        _require_same_runtime(context, state, wish.reference)
    # Of hosts that are in the cluster, what was observed before it was made is what counts: their ports and
    # files are in use by now, by the cluster itself.
    new = {host: connection for host, connection in reachable.items() if host not in known}
    facts = {**known, **await _observe(context, wish, new)}
    await available_on(context, wish.reference, platforms_in(facts))
    images = images_for_hosts(context.store, wish.reference, ordered(wish.clusterfile, facts))
    request = Request(
        clusterfile=wish.clusterfile,
        image=images.choice(wish.reference),
        facts=facts,
        choice=wish.choice,
        stored=() if state is None else state.stored,
        growth=_growth(context, wish, tuple(new)) if known and new else None,
    )
    await require_registry(context, request)
    if not wish.choice.ignore_version:
        metadata = images.metadata
        version = metadata.labels.get(RUNTIME_VERSION_LABEL, "")
        require_supported(metadata, version, where=wish.clusterfile.cluster.name)
    prepared = _plan(context, request, images)
    for text in unheeded(wish.clusterfile, images.metadata, on_hosts=True):
        context.events(Message(text=text, warning=True))
    if new:
        await _check(
            context,
            wish,
            prepared,
            images,
            reachable,
            new=frozenset(new),
            own=bool(state and not known),
            trials=trials,
        )
    return prepared


async def require_registry(context: Context, request: Request) -> None:
    """See that the registry outside of the cluster, if there is one, takes the credentials.

    Raises:
        SealerError: It can't be used; nothing was changed.
    """
    spec = request.clusterfile.cluster
    if spec.external is not None:
        await External(spec.external, context.home).require_login(context.fetch_secret)


def _growth(context: Context, wish: Wish, hosts: tuple[str, ...]) -> Growth:
    """Return that hosts join, marked by the operation before: looked at or done, it is the same growth."""
    operations = ClusterRecords(context.home, wish.clusterfile.cluster.name).operations()
    return Growth(hosts=hosts, stamp=operations[-1].id if operations else "first")


async def _observe(
    context: Context, wish: Wish, connections: Mapping[str, Connection]
) -> Mapping[str, Facts]:
    """Ask hosts the questions of core and of the providers."""
    # Which platform the metadata are of doesn't matter for choosing the providers.
    spec = wish.clusterfile.cluster
    image = context.store.resolve(wish.reference).metadata
    parts = choose_parts(image, context.plugins, spec, context.home)
    probes = first_probes(context.plugins, parts, spec.data_root)
    return await observe_all(context, connections, probes, spec.data_root)


async def _check(
    context: Context,
    wish: Wish,
    prepared: Prepared,
    images: HostImages,
    connections: Mapping[str, Connection],
    *,
    new: frozenset[str],
    own: bool,
    trials: bool,
) -> None:
    """Check hosts that are to come into the cluster, also against those that are in it."""
    known = prepared.cluster
    given = given_by(known, images, prepared.parts, new=new, own=known.name if own else "")
    checks = leave_out(all_checks(context.plugins, prepared.parts, known, given), wish.ignore)
    if not trials:
        checks = reading_only(checks, known)
    cluster = await ask_again(known, checks, connections)
    findings = [finding for finding in judge(cluster, checks) if finding.host in new]
    for finding, hosts in group(findings):
        if finding.severity is not Severity.ERROR:
            warning = finding.severity is Severity.WARNING
            context.events(Message(text=describe_finding(finding, hosts), warning=warning))
    refuse(findings)


def prepare_again(context: Context, request: Request) -> Prepared:
    """Make the plan of a request that was made before: the same plan.

    Raises:
        SealerError: An image is gone from the store, a plugin is missing, or nothing was installed.
    """
    if request.foreign is not None:
        cluster, parts, plan = plan_elsewhere(context, request, request.foreign)
        return Prepared(request=request, cluster=cluster, parts=parts, plan=plan)
    if not request.is_installed:
        name = request.clusterfile.cluster.name
        raise SealerError(
            f"nothing is installed on the hosts of cluster {name}: they were only mended",
            hint=f"sealer run IMAGE --cluster-name {name}, or take it back: sealer delete --all {name}",
        )
    return _plan(context, request, images_again(context.store, request.image))


def plan_of_installation(context: Context, operation: Operation) -> Plan:
    """Return the plan of an operation on record.

    Raises:
        SealerError: Its record is damaged, an image is gone from the store, or a plugin is missing.
    """
    return prepare_again(context, request_of(operation)).plan


def _remember(records: ClusterRecords, request: Request) -> None:
    """Remember a cluster that is to be made: it may be there in part from now on."""
    if request.application is None and not request.removals:
        save_state(records, replace(request, growth=None))


def _remember_application(records: ClusterRecords, request: Request) -> None:
    """Remember that a cluster has what an application image brought."""
    state = load_state(records)
    if state is not None and request.application is not None:
        save_state(records, replace(state, application=request.application).and_stored)


INSTALLATION = Kind(verb="run", plan=plan_of_installation, begun=_remember, done=_remember_application)
"""Making a cluster; applications come and go in the same way, by verbs of their own."""


def _plan(context: Context, request: Request, images: HostImages) -> Prepared:
    cluster, parts, plan = plan_on_hosts(context, request, images)
    return Prepared(request=request, cluster=cluster, parts=parts, plan=plan)


def ordered(clusterfile: Clusterfile, facts: Mapping[str, Facts]) -> dict[str, Facts]:
    """Return the facts with the first master's first: its image stands for the cluster's."""
    spec = clusterfile.cluster
    return {host.address: facts[host.address] for host in (*spec.masters, *spec.nodes)}


def require_mended_hosts(mended: Clusterfile, new: Clusterfile) -> None:
    """Refuse to forget hosts on which something was changed.

    Raises:
        UsageError: A host that was mended is not among the new ones.
    """
    lost = {host.address for host in mended.cluster.hosts} - {host.address for host in new.cluster.hosts}
    if lost:
        name = mended.cluster.name
        raise UsageError(
            f"{', '.join(sorted(lost))} was mended for cluster {name} and is not among its hosts",
            hint=f"take that back first: sealer delete --all {name}",
        )


def _require_known_hosts(old: Clusterfile, new: Clusterfile) -> None:
    """Hosts may be added to a cluster that exists; taking some away is a verb of its own."""
    before = {host.address: host.is_master for host in old.cluster.hosts}
    after = {host.address: host.is_master for host in new.cluster.hosts}
    name = old.cluster.name
    missing = [address for address in before if address not in after]
    if missing:
        raise UsageError(
            f"not all hosts of cluster {name} are named: {', '.join(missing)}",
            hint=f"name all hosts, or take some away with: sealer delete -n {','.join(missing)} {name}",
        )
    other = [address for address, master in before.items() if after[address] != master]
    if other:
        raise UsageError(
            f"{', '.join(other)} of cluster {name} can't change between master and node",
            hint="take the host away and add it anew",
        )
    if old.cluster.masters[0].address != new.cluster.masters[0].address:
        raise UsageError(
            f"the first master of cluster {name} is {old.cluster.masters[0].address}",
            hint="name it first among the masters: the cluster began there",
        )


def _require_same_runtime(context: Context, state: Request, reference: str) -> None:
    old = images_again(context.store, state.image).metadata
    new = context.store.resolve(reference, old.platform).metadata
    for label in (RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL):
        if old.labels.get(label) != new.labels.get(label):
            raise UsageError(
                f"cluster {state.clusterfile.cluster.name} runs {old.labels.get(label)}, "
                f"image {reference} brings {new.labels.get(label)}",
                hint=f"to change its version: sealer upgrade {reference}",
            )
