"""Which applications are launched, in which order, and the steps that launch them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sealer.changes import Change, Command
from sealer.errors import ImageError, UsageError
from sealer.model import Application, Cluster, ImageMetadata, Step
from sealer.providers import AppType


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchChoice:
    """What the user wants launched instead of what the image says; None leaves it to the image.

    Attributes:
        apps: Names of applications, in order; empty or ``("",)`` launches nothing.
        cmds: Raw commands, which take precedence over applications.
    """

    apps: tuple[str, ...] | None = None
    cmds: tuple[str, ...] | None = None


def launch_steps(
    cluster: Cluster,
    image: ImageMetadata,
    choice: LaunchChoice,
    *,
    app_types: Mapping[str, AppType],
    root: str,
    kubeconfig: str,
    requires: Sequence[str],
) -> tuple[Step, ...]:
    """Return a step for each thing to launch, one after the other, on the first master.

    Precedence as in the Go tool: the user's commands, the image's commands, the user's applications, the
    image's applications.

    Args:
        cluster: The cluster it is launched on.
        image: The image it comes from.
        choice: What the user wants.
        app_types: By name.
        root: Where the image's files are on the first master.
        kubeconfig: The administrator's kubeconfig there.
        requires: What the first of them waits for.

    Raises:
        UsageError: The user names an application that the image does not have.
        ImageError: An application has neither a known type nor commands.
    """
    commands = choice.cmds if choice.cmds is not None else image.launch.cmds
    if commands:
        launches = [("commands", "launch commands", _commands("launch", commands), image.env)]
    else:
        launches = [
            (
                f"app/{app.name}",
                f"launch {app.name}",
                _changes(cluster, app, app_types),
                {**image.env, **app.env},
            )
            for app in _chosen(image, choice)
        ]
    host = cluster.first_master
    own = cluster.env_of(host)
    steps: list[Step] = []
    waits = tuple(requires)
    for name, title, changes, env in launches:
        step = Step(
            id=f"{image.digest[7:19]}/{name}",
            title=title,
            host=host.name,
            changes=tuple(_tied(change, image, {**env, **own}) for change in changes),
            provides=(name,),
            requires=waits,
            env=_environment({**env, **own}, root, cluster.rootfs, kubeconfig),
            directory=root,
        )
        steps.append(step)
        waits = (name,)
    return tuple(steps)


def _tied(change: Change, image: ImageMetadata, env: Mapping[str, str]) -> Change:
    """Tie a command to image and environment: the same words mean something else when these are others.

    The environment may hold a password: its digest stands for it.
    """
    if isinstance(change, Command):
        digest = hashlib.sha256(repr(sorted(env.items())).encode()).hexdigest()
        return replace(change, run=f"{change.run}\n# of image {image.digest}, with environment {digest}")
    return change


def _chosen(image: ImageMetadata, choice: LaunchChoice) -> tuple[Application, ...]:
    names = image.launch.app_names if choice.apps is None else tuple(n for n in choice.apps if n)
    known = {app.name: app for app in image.applications}
    for name in names:
        if name not in known:
            raise UsageError(
                f"application {name!r} is not in image {image.reference}",
                hint=f"it has: {', '.join(known) or 'none'}",
            )
    return tuple(known[name] for name in names)


def _changes(cluster: Cluster, app: Application, app_types: Mapping[str, AppType]) -> tuple[Change, ...]:
    if app.cmds:
        # APPCMDS: the words of the instruction are one command line, run in the application's directory.
        line = f"cd {app.directory}\n{' '.join(app.cmds)}"
        return (Command(title=f"launch {app.name}", run=line),)
    if app.type not in app_types:
        raise ImageError(
            f"application {app.name} is of type {app.type!r}, which no plugin provides",
            hint=f"known types: {', '.join(sorted(app_types))}; sealer plugin list shows the plugins",
        )
    return tuple(app_types[app.type].launch(cluster, app))


def _commands(title: str, commands: Sequence[str]) -> tuple[Change, ...]:
    return tuple(
        Command(title=f"{title} command {number}: {command.splitlines()[0][:60]}", run=command)
        for number, command in enumerate(commands, start=1)
    )


def _environment(env: Mapping[str, str], root: str, rootfs: str, kubeconfig: str) -> dict[str, str]:
    path = ":".join(dict.fromkeys([f"{root}/bin", f"{rootfs}/bin"]))
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**env, "KUBECONFIG": kubeconfig, "PATH": f"{path}:{system}"}
