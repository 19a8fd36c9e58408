"""The verbs about applications on clusters that exist: putting one there, upgrading it, taking it away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sealer.changes import quote
from sealer.cluster.app_records import RECORDS_SCRIPT, AppRecord, read_records
from sealer.cluster.applications import LaunchSite, chosen_applications
from sealer.cluster.foreign import NODE_PLATFORMS, foreign_request, node_platforms, write_context
from sealer.cluster.images import (
    application_images,
    available,
    available_on,
    images_again,
    images_elsewhere,
    platforms_in,
)
from sealer.cluster.install import (
    INSTALLATION,
    Confirm,
    Prepared,
    Wish,
    install,
    ordered,
    prepare_again,
    require_registry,
)
from sealer.cluster.kinds import look_at
from sealer.cluster.kube_version import require_supported, server_version
from sealer.cluster.launch_choice import EVERY, AppChoice, LaunchChoice
from sealer.cluster.outlook import Outlook
from sealer.cluster.pipeline import launch_site
from sealer.cluster.redirecting import redirecting_elsewhere, that_keep_names
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, reach_for
from sealer.cluster.state import choose_cluster, require_state
from sealer.cluster.unheeded import unheeded
from sealer.errors import HostError, UsageError
from sealer.events import Message
from sealer.hosts.connection import Connection
from sealer.hosts.secret import Redactor
from sealer.model import SUPPORTED_KUBE_VERSION_LABEL, ImageType, Platform
from sealer.operation.engine import Summary
from sealer.operation.records import ClusterRecords

UNINSTALL = "uninstall"
UPGRADE = "upgrade-app"
_ASKING = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A cluster that exists: what is remembered of it, and of operations on it."""

    records: ClusterRecords
    state: Request


async def run_image(context: Context, wish: Wish) -> Summary:
    """Run an image: make a cluster of a cluster image, put an application image on a cluster.

    Raises:
        SealerError: As ``install`` and ``put_application``.
    """
    image = await available(context, wish.reference)
    if image.metadata.type is ImageType.CLUSTER and wish.foreign is not None:
        raise UsageError(
            f"{wish.reference} is a cluster image, and the cluster is there already",
            hint="--kubeconfig and --context are for application images",
        )
    if image.metadata.type is ImageType.CLUSTER and wish.delivery:
        raise UsageError(
            f"{wish.reference} is a cluster image, and the cluster gets a registry of its own",
            hint="--registry and --to-nodes are for application images",
        )
    if image.metadata.type is ImageType.CLUSTER:
        return await install(context, wish)
    return await put_application(context, known_cluster(context, wish), wish)


def known_cluster(context: Context, wish: Wish) -> Existing:
    """Return the cluster that a wish names, or the only one there is.

    Raises:
        SealerError: There is none, or not just one.
    """
    if wish.foreign is not None:
        records, state = foreign_request(context.home, wish.foreign)
        return Existing(records=records, state=state)
    records = choose_cluster(context.home, wish.clusterfile.cluster.name if wish.named else None)
    return Existing(records=records, state=require_state(records, foreign=True))


async def put_application(
    context: Context,
    there: Existing,
    wish: Wish,
    *,
    verb: str = "run",
    confirm: Confirm | None = None,
) -> Summary:
    """Put an application image on a cluster that exists.

    Raises:
        ChecksFailed: The cluster has a version of Kubernetes that the image is not made for.
        SealerError: Whatever stands in the way; ``HostsFailed`` and ``Interrupted`` can be resumed.
    """
    redactor = Redactor()
    records = there.records
    with records.lock(verb):
        records.require_none_open()
        nodes = await platforms_there(context, there, wish)
        request = await application_request(context, there.state, wish, nodes)
        prepared = prepare_again(context, request)
        await require_registry(context, request)
        write_context(request)
        async with reach_for(context, request, redactor) as connections:
            await require_version(context, prepared, connections)
            _warn_of_names(context, prepared)
            if confirm is not None:
                await confirm(prepared, connections)
            operation = records.begin(verb, request.to_plain(), before=there.state.to_plain())
            return await INSTALLATION.carry_on(
                context, records, operation, connections, redactor, plan=prepared.plan
            )


def _warn_of_names(context: Context, prepared: Prepared) -> None:
    """Say which pods will look for their container images elsewhere than where these go."""
    request, parts = prepared.request, prepared.parts
    if request.application is None or not request.delivery.registry:
        return
    image = images_again(context.store, request.application).metadata
    redirecting = redirecting_elsewhere(image, request.delivery, parts)
    apps = chosen_applications(image, request.choice)
    keeping = ", ".join(that_keep_names(redirecting, apps, parts.app_types, image))
    if keeping:
        registry = request.delivery.registry
        text = (
            f"the container images of {keeping} keep their names: nodes find them in {registry} by mirrors "
            "alone, or pods by --image-policy"
        )
        context.events(Message(text=text, warning=True))


async def platforms_there(context: Context, there: Existing, wish: Wish) -> tuple[Platform, ...]:
    """Return the platforms of the nodes of a cluster that Sealer did not make.

    Raises:
        SealerError: What is remembered of the cluster can't be used.
    """
    if there.state.foreign is None:
        return ()
    async with asking(context, there) as cluster:
        return await platforms_of(context, cluster, wish)


async def platforms_of(context: Context, cluster: Asking, wish: Wish) -> tuple[Platform, ...]:
    """Return the platforms of the nodes of a cluster that Sealer did not make.

    Who may put applications there need not be allowed to ask for nodes: then there are none, and the user is
    warned if it matters.
    """
    if cluster.prepared.request.foreign is None:
        return ()
    try:
        return node_platforms(await cluster.ask(NODE_PLATFORMS))
    except HostError as error:
        if wish.delivery:
            own = cluster.prepared.cluster.first_master.facts.platform
            text = f"nodes don't tell their platforms, so container images are those for {own}: {error}"
            context.events(Message(text=text, warning=True))
        return ()


async def application_request(
    context: Context, state: Request, wish: Wish, nodes: Sequence[Platform] = ()
) -> Request:
    """Return the request to put an application image on a cluster.

    Args:
        context: What a verb needs from outside.
        state: What is remembered of the cluster.
        wish: What the user asks for.
        nodes: The platforms of its nodes, when Sealer did not make it.

    Raises:
        SealerError: The store has no such image for the cluster's platforms.
    """
    facts = ordered(state.clusterfile, state.facts)
    await available_on(context, wish.reference, (*platforms_in(facts), *nodes))
    lenient = wish.choice.lenient_platforms
    if state.foreign is None and wish.delivery:
        raise UsageError(
            f"cluster {state.clusterfile.cluster.name} was made by Sealer, and has a registry of its own",
            hint="leave --registry and --to-nodes out",
        )
    if state.foreign is None:
        images = application_images(context.store, wish.reference, facts, context.events, lenient=lenient)
    else:
        images = images_elsewhere(
            context.store,
            wish.reference,
            facts,
            nodes,
            context.events,
            brought=bool(wish.delivery),
            lenient=lenient,
        )
    # Environment that the user gives now is for what is launched now, not for the cluster.
    given = {**wish.choice.settings}
    given[EVERY] = AppChoice(env=wish.clusterfile.cluster.env).over(given.get(EVERY, AppChoice()))
    choice = replace(wish.choice, settings=given)
    clusterfile = state.clusterfile
    if wish.clusterfile.settings:
        clusterfile = replace(clusterfile, settings=wish.clusterfile.settings)
        for text in unheeded(wish.clusterfile, images.metadata, on_hosts=False):
            context.events(Message(text=text, warning=True))
    return replace(
        state,
        clusterfile=clusterfile,
        application=images.choice(wish.reference),
        choice=choice,
        delivery=wish.delivery,
    )


async def require_version(context: Context, prepared: Prepared, connections: Connections) -> None:
    """Refuse an application image that is not made for the cluster's version, unless the user insists.

    Raises:
        ChecksFailed: It is not.
        HostError: The API server does not answer.
    """
    request = prepared.request
    if request.application is None or request.choice.ignore_version:
        return
    digest = next(iter(request.application.digests.values()))
    image = replace(context.store.resolve(digest).metadata, reference=request.application.reference)
    if SUPPORTED_KUBE_VERSION_LABEL not in image.labels:
        return
    cluster = prepared.cluster
    site = launch_site(cluster, prepared.parts, cluster.rootfs)
    connection = _first(connections, cluster.first_master.name)
    version = await server_version(connection, prelude(site))
    require_supported(image, version, where=cluster.name)


def _first(connections: Connections, name: str) -> Connection:
    connection = connections[name]
    if isinstance(connection, HostError):
        raise connection
    return connection


def prelude(site: LaunchSite) -> str:
    """Return sh that sets the environment in which kubectl finds the cluster."""
    exports = [f"export {name}={quote(text)}" for name, text in sorted(site.environment({}).items())]
    return "\n".join(exports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A cluster that can be asked: read-only scripts run beside its kubeconfig."""

    prepared: Prepared
    connection: Connection
    site: LaunchSite

    async def ask(self, script: str) -> str:
        """Return what a script prints.

        Raises:
            HostError: It failed; the message has the last lines it complained with.
        """
        result = await self.connection.run_script(f"{prelude(self.site)}\n{script}", timeout=_ASKING)
        if not result.succeeded:
            said = "; ".join(result.stderr[-3:])
            raise HostError(
                f"the cluster can't be asked: {said}",
                host=self.connection.host,
                hint=f"see how it is: sealer status {self.prepared.cluster.name}",
            )
        return result.stdout

    async def records(self) -> tuple[AppRecord, ...]:
        """Return what the cluster keeps of its applications.

        Raises:
            SealerError: It can't be asked, or what it says can't be read.
        """
        return read_records(await self.ask(RECORDS_SCRIPT))


@asynccontextmanager
async def asking(context: Context, there: Existing) -> AsyncIterator[Asking]:
    """Reach a cluster to ask it questions.

    Raises:
        SealerError: It can't be reached.
    """
    prepared = prepare_again(context, replace(there.state, application=None, removals=()))
    write_context(there.state)
    site = launch_site(prepared.cluster, prepared.parts, prepared.cluster.rootfs)
    async with reach_for(context, there.state, Redactor()) as connections:
        connection = _first(connections, prepared.cluster.first_master.name)
        yield Asking(prepared=prepared, connection=connection, site=site)


async def uninstall(context: Context, there: Existing, names: Sequence[str], choice: LaunchChoice) -> Summary:
    """Take applications away from a cluster.

    Args:
        context: What a verb needs from outside.
        there: The cluster.
        names: Of the applications there.
        choice: Commands that take the place of what their types do.

    Raises:
        UsageError: There is no such application.
        SealerError: Whatever stands in the way; ``HostsFailed`` and ``Interrupted`` can be resumed.
    """
    redactor = Redactor()
    with there.records.lock(UNINSTALL):
        there.records.require_none_open()
        request = await _removal_request(context, there, names, choice)
        prepared = prepare_again(context, request)
        operation = there.records.begin(UNINSTALL, request.to_plain(), before=there.state.to_plain())
        async with reach_for(context, request, redactor) as connections:
            return await INSTALLATION.carry_on(
                context, there.records, operation, connections, redactor, plan=prepared.plan
            )


async def look_at_uninstalling(
    context: Context, there: Existing, names: Sequence[str], choice: LaunchChoice
) -> Outlook:
    """Say what taking applications away would do.

    Raises:
        SealerError: As for doing it.
    """
    there.records.require_unlocked()
    there.records.require_none_open()
    request = await _removal_request(context, there, names, choice)
    return await look_at(context, request, prepare_again(context, request).plan, verb=UNINSTALL)


async def _removal_request(
    context: Context, there: Existing, names: Sequence[str], choice: LaunchChoice
) -> Request:
    async with asking(context, there) as cluster:
        found = {record.app.release: record for record in await cluster.records()}
    missing = [name for name in names if name not in found]
    if missing:
        known = ", ".join(found) or "none"
        raise UsageError(f"there is no application {', '.join(missing)}", hint=f"there are: {known}")
    removals = tuple(found[name].text for name in names)
    return replace(there.state, application=None, choice=choice, removals=removals)
