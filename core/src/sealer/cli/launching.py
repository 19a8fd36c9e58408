"""Flags that say what is launched, with which settings, and on which cluster that Sealer did not make."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealer.cli.options import adding
from sealer.errors import UsageError

if TYPE_CHECKING:
    from sealer.cluster.delivery import Delivery
    from sealer.cluster.launch_choice import AppChoice, LaunchChoice
    from sealer.cluster.request import Foreign

Function = TypeVar("Function", bound=Callable[..., Any])

_FOR_ONE = re.compile(r"(?P<app>[A-Za-z0-9][A-Za-z0-9_.-]*):(?P<rest>.*)", re.DOTALL)


def setting_options(function: Function) -> Function:
    """Add the flags that are settings of applications; ``APP:`` in front is for one application alone."""
    options = (
        click.option(
            "--set",
            "sets",
            multiple=True,
            metavar="[APP:]K=V",
            help="A value for charts, such as a.b=1,c={x,y}.",
        ),
        click.option(
            "--values",
            multiple=True,
            metavar="[APP:]FILE",
            help="A file of values for charts; kept with the operation.",
        ),
        click.option(
            "--values-from",
            multiple=True,
            metavar="[APP:]REF",
            help="Where values are: env:NAME, file:PATH or cmd:…; they are not kept.",
        ),
        click.option("--namespace", multiple=True, metavar="[APP:]NAME", help="Where applications go."),
        click.option(
            "--release", multiple=True, metavar="APP:NAME", help="What an application is called there."
        ),
        click.option(
            "--app-timeout",
            type=click.IntRange(0),
            help="Seconds an application may take to become ready; 0 for not waiting.  [default: 600]",
        ),
        click.option(
            "--parallel-apps",
            is_flag=True,
            help="Let applications become ready at the same time, as far as the image lets them.",
        ),
        click.option(
            "--ignore-kube-version",
            is_flag=True,
            help="Run on versions of Kubernetes that the image is not made for.",
        ),
        click.option(
            "--platform-policy",
            type=click.Choice(["refuse", "warn"]),
            default="refuse",
            show_default=True,
            help="What to do when an application image lacks the platform of a host.",
        ),
    )
    return adding(*options)(function)


def context_options(function: Function) -> Function:
    """Add the flags that name a cluster by a kubeconfig."""
    options = (
        click.option(
            "--kubeconfig",
            type=click.Path(dir_okay=False),
            help="A cluster that Sealer did not make, from this machine and without SSH.",
        ),
        click.option(
            "--context", "kube_context", help="The context of the kubeconfig.  [default: its current one]"
        ),
    )
    return adding(*options)(function)


def delivery_options(function: Function) -> Function:
    """Add the flags that say where container images go on a cluster that Sealer did not make."""
    options = (
        click.option(
            "--registry",
            metavar="HOST[:PORT][/PATH]",
            help="With --kubeconfig: the registry to which the image's container images are pushed.",
        ),
        click.option(
            "--to-nodes", is_flag=True, help="With --kubeconfig: send them to the nodes, by the API server."
        ),
        click.option(
            "--image-policy",
            metavar="NAME",
            help="What redirects pods to --registry; none if nodes have mirrors.  [default: the image's]",
        ),
        click.option(
            "--skip-tls-verify", is_flag=True, help="Accept any certificate of --registry, and plain HTTP."
        ),
    )
    return adding(*options)(function)


def launch_choice(
    flags: Mapping[str, Any],
    *,
    apps: tuple[str, ...] | None,
    cmds: tuple[str, ...] | None,
) -> LaunchChoice:
    """Put together what flags say of launching.

    Raises:
        UsageError: A flag is malformed, or a file can't be read.
    """
    from sealer.cluster.launch_choice import EVERY, AppChoice, LaunchChoice

    chosen: dict[str, AppChoice] = {}
    for name, wanted in _wishes(flags):
        chosen[name] = wanted.over(chosen.get(name, AppChoice()))
    if flags["app_timeout"] is not None:
        chosen[EVERY] = AppChoice(timeout=flags["app_timeout"]).over(chosen.get(EVERY, AppChoice()))
    return LaunchChoice(
        apps=apps,
        cmds=cmds,
        settings=chosen,
        parallel=flags["parallel_apps"],
        ignore_version=flags["ignore_kube_version"],
        lenient_platforms=flags["platform_policy"] == "warn",
    )


def _wishes(flags: Mapping[str, Any]) -> Iterator[tuple[str, AppChoice]]:
    from sealer.cluster.launch_choice import AppChoice

    for text in flags["values"]:
        name, path = _for_one(text) if not Path(text).exists() else ("", text)
        yield name, AppChoice(values=(_read(path),))
    for text in flags["values_from"]:
        name, reference = _for_one(text, other=("env", "file", "cmd"))
        yield name, AppChoice(values_from=(reference,))
    for name, values in _sets(flags["sets"]).items():
        yield name, AppChoice(values=(values,))
    for text in flags["namespace"]:
        name, namespace = _for_one(text)
        yield name, AppChoice(namespace=namespace)
    for text in flags["release"]:
        name, release = _for_one(text)
        if not name:
            raise UsageError(f"--release {text} names no application", hint="write APP:NAME")
        yield name, AppChoice(release=release)


def _sets(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the values that ``--set`` makes, as YAML, by application."""
    import yaml

    from sealer.cluster.set_values import set_values

    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        before, equals, value = text.partition("=")
        name, key = _for_one(before)
        try:
            set_values(f"{key}{equals}{value}", found.setdefault(name, {}))
        except ValueError as error:
            raise UsageError(f"--set: {error}") from error
    return {name: yaml.safe_dump(values, sort_keys=False) for name, values in found.items()}


def _for_one(text: str, *, other: tuple[str, ...] = ()) -> tuple[str, str]:
    """Return the application that a text is for, or "" for all, and the rest of the text."""
    match = _FOR_ONE.fullmatch(text)
    return (match["app"], match["rest"]) if match and match["app"] not in other else ("", text)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UsageError(f"the values can't be read: {reason}", place=path) from error


def chosen_delivery(flags: Mapping[str, Any]) -> Delivery:
    """Return where flags want container images to go.

    Raises:
        UsageError: They make no sense.
    """
    from sealer.cluster.delivery import STAY, deliver_to

    names = ("registry", "to_nodes", "image_policy", "skip_tls_verify")
    given = [name for name in names if flags.get(name)]
    if not given:
        return STAY
    named = ("kubeconfig", "kube_context", "cluster", "cluster_name")
    if all(flags.get(name) is None for name in named):
        flag = f"--{given[0].replace('_', '-')}"
        raise UsageError(
            f"{flag} is for clusters that Sealer did not make: those it made have a registry",
            hint="name such a cluster with --kubeconfig or --context, or by the name it was registered with",
        )
    return deliver_to(
        flags["registry"],
        nodes=flags["to_nodes"],
        policy=flags["image_policy"],
        skip_tls_verify=flags["skip_tls_verify"],
    )


def chosen_context(flags: Mapping[str, Any]) -> Foreign | None:
    """Return the cluster that flags name by a kubeconfig, or None when they name none.

    Raises:
        UsageError: There is no such kubeconfig or context.
    """
    if flags.get("kubeconfig") is None and flags.get("kube_context") is None:
        return None
    if flags.get("cluster") or flags.get("cluster_name"):
        raise UsageError("--kubeconfig and --context exclude the name of a cluster")
    from sealer.cluster.foreign import choose_context

    return choose_context(flags["kubeconfig"], flags["kube_context"])
