"""Which applications are launched, in which order, and the steps that launch them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sealer.changes import Change, Command, quote, ready_objects
from sealer.cluster.app_records import DEPLOYED, LAUNCHING, label_value, noted, record_text
from sealer.cluster.app_values import (
    ReadReference,
    require_takers,
    value_files,
    value_texts,
    values_directory,
)
from sealer.cluster.launch_choice import EVERY, LaunchChoice
from sealer.cluster.redirecting import NOTHING, Redirecting
from sealer.errors import ImageError, UsageError
from sealer.kubernetes.environment import said_env
from sealer.model import Application, AppSettings, Cluster, ImageMetadata, Step
from sealer.model.image import KUBE_CNI_LABEL, KUBE_CSI_LABEL, READY_TIMEOUT
from sealer.providers import AppType

NETWORK_LABEL = f"{KUBE_CNI_LABEL}-"
"""A label that says, with the name of an application behind, that it is a pod network."""

_NEEDED_LABELS = (NETWORK_LABEL, f"{KUBE_CSI_LABEL}-")
"""Labels that say, with the name of an application behind, that the others need it."""

REQUIRES_LABEL = "app.alpha.sealer.io/requires."
"""With the name of an application behind: the names of those it needs, with commas between them."""

STEP_TIMEOUT = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSite:
    """Where applications are launched from.

    Attributes:
        root: The directory with the image's files.
        kubeconfig: The administrator's kubeconfig.
        owner: Who owns files there, ``user:group``.
        path: Directories with programs, ahead of the system's.
        programs: Whether the image's own programs are for this host.
    """

    root: str
    kubeconfig: str
    owner: str = "root:root"
    path: tuple[str, ...] = ()
    programs: bool = True
    system_path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of commands."""
        own = (f"{self.root}/bin",) if self.programs else ()
        path = ":".join(dict.fromkeys((*own, *self.path, self.system_path)))
        return {**env, "KUBECONFIG": self.kubeconfig, "PATH": path}


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is to be launched, all of it chosen.

    Attributes:
        cluster: The cluster it is launched on.
        image: The image it comes from.
        choice: What the user wants.
        app_types: By name.
        site: Where it is launched from.
        requires: What all of it waits for.
        network_requires: What a pod network waits for instead: nodes are not Ready without it.
        read: Reads references to values.
        prepared: Changes that come before those of an application, by its name: files that are made for it.
        redirecting: Where container images come from, when not from where their names say.
    """

    cluster: Cluster
    image: ImageMetadata
    choice: LaunchChoice
    app_types: Mapping[str, AppType]
    site: LaunchSite
    requires: tuple[str, ...]
    network_requires: tuple[str, ...]
    read: ReadReference
    prepared: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    redirecting: Redirecting = NOTHING

    @property
    def engine(self) -> str | None:
        """The name of the application that brings the engine of the image's policy."""
        return None if self.redirecting.policy is None else self.redirecting.policy.application

    @property
    def own_env(self) -> Mapping[str, str]:
        """The environment of the host it is launched on, over that of the cluster."""
        return self.cluster.env_of(self.cluster.first_master)

    def environment(self, app: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of commands: what the user says comes over what images say.

        Args:
            app: What the image says for one application.
            wanted: What the user wants for it.
        """
        said = said_env(self.cluster)
        return {**self.own_env, **self.image.env, **app, **said, **wanted}


def launch_steps(launch: Launch) -> tuple[Step, ...]:
    """Return the steps that launch what is wanted, on the first master.

    Precedence as in the Go tool: the user's commands, the image's commands, the user's applications, the
    image's applications. Applications come one after the other, as the image lists them; one that fails
    stands in the way of those alone that need it. With ``choice.parallel`` all are applied first, and
    waited for then.

    Raises:
        UsageError: The user names an application that the image does not have, or gives it what it can't
            take.
        ImageError: An application has neither a known type nor commands.
    """
    choice, image = launch.choice, launch.image
    commands = choice.cmds if choice.cmds is not None else image.launch.cmds
    if commands:
        env = launch.environment({}, choice.of(EVERY).env)
        return (_step(launch, "commands", "launch commands", _commands(commands), launch.requires, env),)
    chosen = _with_engine(launch, chosen_applications(image, choice))
    require_takers(choice, chosen, launch.app_types)
    names = {app.name for app in chosen}
    first = [app.name for app in chosen if _is_needed_by_all(image, app.name)]
    engine = launch.engine if launch.engine in names else None
    launches: list[Step] = []
    waits: list[Step] = []
    for app in chosen:
        asked = set(_required(image, app.name)) & names
        # What all others need does not wait for its like, which comes later or earlier in the list.
        needed = sorted(asked | (set(first) if app.name not in first else set()))
        if engine is not None and app.name not in {engine, *first}:
            needed.append(engine)
        always = launch.network_requires if _is_early(launch, app) else launch.requires
        requires = (*always, *(f"app/{name}" for name in needed))
        step, ready = _application(launch, app, requires)
        launches.append(step)
        waits += ready
    return (*launches, *waits)


def chosen_applications(image: ImageMetadata, choice: LaunchChoice) -> tuple[Application, ...]:
    """Return the applications that are to be launched, in order, with what the user wants of them.

    Raises:
        UsageError: The image does not have one of them.
    """
    names = image.launch.app_names if choice.apps is None else tuple(n for n in choice.apps if n)
    known = {app.name: app for app in image.applications}
    for name in (*names, *(name for name in choice.settings if name)):
        if name not in known:
            raise UsageError(
                f"application {name!r} is not in image {image.reference}",
                hint=f"it has: {', '.join(known) or 'none'}",
            )
    return tuple(_with_settings(known[name], choice) for name in dict.fromkeys(names))


def _with_engine(launch: Launch, chosen: tuple[Application, ...]) -> tuple[Application, ...]:
    """Return applications with the engine of the image's policy where there is something to redirect.

    Where there is not, it is left out, unless the user names it.
    """
    image, choice = launch.image, launch.choice
    own = None if launch.engine is None else image.application(launch.engine)
    if own is None or (choice.apps is not None and own.name in choice.apps):
        return chosen
    others = tuple(app for app in chosen if app.name != own.name)
    # What all others need goes ahead of it: it has pods of its own.
    network = tuple(app for app in others if _is_needed_by_all(image, app.name))
    rest = tuple(app for app in others if app not in network)
    return (*network, _with_settings(own, choice), *rest) if launch.redirecting.targets and rest else others


def _with_settings(app: Application, choice: LaunchChoice) -> Application:
    wanted = choice.of(app.name)
    timeout = READY_TIMEOUT if wanted.timeout is None else wanted.timeout
    settings = AppSettings(namespace=wanted.namespace, release=wanted.release, timeout=timeout)
    return replace(app, settings=settings)


def _application(launch: Launch, app: Application, requires: Sequence[str]) -> tuple[Step, tuple[Step, ...]]:
    """Return the step that launches an application, and the one that waits until it is ready.

    They are one step unless others are to be launched meanwhile, or hosts join that it has to run on.
    """
    wanted = launch.choice.of(app.name)
    texts = value_texts(launch.choice, app, launch.app_types, launch.read)
    values = value_files(texts, values_directory(launch.cluster.data, app), owner=launch.site.owner)
    renamed = launch.redirecting.renamed(app, launch.image)
    paths = tuple(file.path for file in values)
    app = replace(app, settings=replace(app.settings, values=paths, images=renamed))
    env = launch.environment(app.env, wanted.env)
    own = replace(app, cmds=wanted.cmds) if wanted.cmds is not None else app
    policy = _policy_changes(launch, app)
    named = launch.redirecting.name_for(app, launch.image)
    record = record_text(own, launch.image, launch.site.root, policy=named)
    name, title = f"app/{app.name}", f"launch {app.name}"
    changes = [
        *_namespace(app),
        *values,
        *launch.prepared.get(app.name, ()),
        noted(app, record, LAUNCHING),
        *policy,
        *_launched(launch, app),
        noted(app, record, DEPLOYED),
    ]
    ready = _ready(launch, app)
    if not ready or not (launch.choice.parallel or _is_early(launch, app)):
        return _step(launch, name, title, (*changes, *ready), requires, env), ()
    launched = _step(launch, f"launched/{app.name}", title, changes, requires, env)
    waiting = f"wait until {app.name} is ready"
    return launched, (_step(launch, name, waiting, ready, (*launched.provides, *launch.requires), env),)


def _policy_changes(launch: Launch, app: Application) -> tuple[Change, ...]:
    policy, redirection = launch.redirecting.policy, launch.redirecting.redirection(app, launch.image)
    if policy is not None and redirection is not None:
        return tuple(policy.redirect(launch.cluster, redirection))
    former = launch.redirecting.former
    return tuple(change for one in former for change in one.withdraw(launch.cluster, app.release))


def _ready(launch: Launch, app: Application) -> tuple[Change, ...]:
    if _own_commands(launch, app) is not None or not app.settings.timeout:
        return ()
    listing = launch.app_types[app.type].objects(launch.cluster, app)
    return (ready_objects(app.release, listing, seconds=app.settings.timeout),) if listing else ()


def _step(  # noqa: PLR0917 - what a step is made of, in its order
    launch: Launch,
    name: str,
    title: str,
    changes: Sequence[Change],
    requires: Sequence[str],
    env: Mapping[str, str],
) -> Step:
    return Step(
        id=f"{launch.image.digest[7:19]}/{name}",
        title=title,
        host=launch.cluster.first_master.name,
        changes=tuple(_tied(change, launch.image, env) for change in changes),
        provides=(name,),
        requires=tuple(requires),
        env=launch.site.environment(env),
        directory=launch.site.root,
        timeout=STEP_TIMEOUT,
    )


def _launched(launch: Launch, app: Application) -> Iterator[Change]:
    own = _own_commands(launch, app)
    if own is not None:
        line = f"cd {quote(app.directory)}\n{own}"
        yield Command(title=f"launch {app.name}", run=line)
        return
    if app.type not in launch.app_types:
        raise ImageError(
            f"application {app.name} is of type {app.type!r}, which no plugin provides",
            hint=f"known types: {', '.join(sorted(launch.app_types))}; sealer plugin list shows the plugins",
        )
    app_type = launch.app_types[app.type]
    changes = app_type.upgrade if launch.choice.upgrade else app_type.launch
    yield from changes(launch.cluster, app)


def _own_commands(launch: Launch, app: Application) -> str | None:
    """Return the text that launches an application instead of its type, in its directory."""
    wanted = launch.choice.of(app.name)
    if wanted.cmds is not None:
        return "\n".join(wanted.cmds) or ":"
    # APPCMDS: the words of the instruction are one command line.
    return " ".join(app.cmds) if app.cmds else None


def _tied(change: Change, image: ImageMetadata, env: Mapping[str, str]) -> Change:
    """Tie a command to image and environment: the same words mean something else when these are others.

    The environment may hold a password: its digest stands for it. A guard says for itself what is done.
    """
    if isinstance(change, Command) and not change.unless and not change.creates:
        digest = hashlib.sha256(repr(sorted(env.items())).encode()).hexdigest()
        return replace(change, run=f"{change.run}\n# of image {image.digest}, with environment {digest}")
    return change


def _namespace(app: Application) -> Iterator[Change]:
    if app.settings.namespace:
        name = quote(app.settings.namespace)
        label = f"sealer.io/made-for={label_value(app)}"
        yield Command(
            title=f"namespace {app.settings.namespace} of {app.release}",
            # At once, so that none is left that does not say who made it.
            run=f"kubectl create namespace {name} --dry-run=client -o yaml"
            f" | kubectl label --local -f - {label} -o yaml | kubectl create -f - >&2",
            unless=f"kubectl get namespace {name} -o name",
            limit=120,
            repeatable=True,
        )


def _is_early(launch: Launch, app: Application) -> bool:
    """Whether an application is launched while hosts still join: a pod network that needs no other one."""
    if launch.network_requires == launch.requires or any(_required(launch.image, app.name)):
        return False
    return launch.image.labels.get(f"{NETWORK_LABEL}{app.name}") == "true"


def _is_needed_by_all(image: ImageMetadata, name: str) -> bool:
    return any(image.labels.get(f"{prefix}{name}") == "true" for prefix in _NEEDED_LABELS)


def _required(image: ImageMetadata, name: str) -> Iterator[str]:
    for word in image.labels.get(f"{REQUIRES_LABEL}{name}", "").split(","):
        if word.strip():
            yield word.strip()


def _commands(commands: Sequence[str]) -> tuple[Change, ...]:
    return tuple(
        Command(title=f"launch command {number}: {command.splitlines()[0][:60]}", run=command)
        for number, command in enumerate(commands, start=1)
        if command.strip()
    )
