"""The typed door to all providers: hands them out by kind and name, and settles who may have a name.

Nothing is imported before the first look-up, and a kind's hook is called when that kind is looked up first. A
plugin that can't be loaded is recorded and reported, and takes nothing else down.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from sealer.discovery import CONTRACTS, Candidate, Kind, State, installed
from sealer.errors import PluginError, UsageError
from sealer.events import EventSink, Message, discard
from sealer.providers import (
    AppType,
    BaseRecipe,
    ClusterRuntime,
    ContainerRuntime,
    HostChecks,
    ImagePolicy,
    Provider,
    Registry,
    TaskType,
    Vocabulary,
)

__all__ = ["DISABLE_VARIABLE", "Kind", "PluginRecord", "Plugins", "Provided", "State", "load_plugins"]

DISABLE_VARIABLE = "SEALER_DISABLE_PLUGINS"
"""The environment variable that holds the names of plugins to leave out, separated by commas."""

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """One provider of a plugin.

    Attributes:
        kind: Its kind.
        name: What it is looked up by.
        summary: One line on what it is.
        state: Loaded, contested, or disabled because the user chose another one of its name.
        error: Who contests the name, or who was chosen.
    """

    kind: Kind
    name: str
    summary: str
    state: State
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """What is known of one plugin.

    Attributes:
        name: The name of its entry point.
        distribution: The distribution that brings it, or "" when it was given as an object.
        version: That distribution's version.
        state: What became of it.
        error: Why it is broken, contested or passed over.
        provides: Its providers, in the order of kinds and names; none unless it was loaded.
    """

    name: str
    distribution: str
    version: str
    state: State
    error: str | None
    provides: tuple[Provided, ...]


class Plugins:
    """The providers of a set of plugins. Made by :func:`load_plugins`, or by :meth:`of` in tests."""

    def __init__(
        self,
        find: Callable[[], Iterable[Candidate]],
        *,
        disabled: Iterable[str] = (),
        chosen: Mapping[str, str] = _NONE,
        sink: EventSink = discard,
    ) -> None:
        self._find = find
        self._disabled = frozenset(disabled)
        self._chosen = dict(chosen)
        self._sink = sink
        self._loaded: tuple[Candidate, ...] | None = None
        self._offers: dict[Kind, dict[str, list[tuple[Candidate, Provider]]]] = {}

    @classmethod
    def of(cls, *plugins: object) -> Plugins:
        """Return the providers of these modules or objects alone, whatever is installed."""
        names: list[str] = []
        given: list[Candidate] = []
        for plugin in plugins:
            name = str(getattr(plugin, "__name__", type(plugin).__name__))
            names.append(name)
            number = names.count(name)
            given.append(Candidate(name if number == 1 else f"{name}#{number}", _returning(plugin)))
        return cls(lambda: given)

    def cluster_runtime(self, name: str) -> ClusterRuntime:
        """Return the cluster runtime of that name.

        Raises:
            PluginError: No plugin provides it, or several claim the name. The same holds for all kinds.
        """
        return cast(ClusterRuntime, self._one(Kind.CLUSTER_RUNTIME, name))

    def container_runtime(self, name: str) -> ContainerRuntime:
        """Return the container runtime of that name."""
        return cast(ContainerRuntime, self._one(Kind.CONTAINER_RUNTIME, name))

    def registry(self, name: str) -> Registry:
        """Return the registry of that name."""
        return cast(Registry, self._one(Kind.REGISTRY, name))

    def only_registry(self) -> Registry:
        """Return the registry, of which there has to be one.

        Raises:
            PluginError: There is none, or there are several.
        """
        registries = self.registries()
        if not registries:
            raise PluginError(
                "no plugin provides a registry to serve container images in a cluster",
                hint="install one; sealer plugin list shows what is there",
            )
        if len(registries) > 1:
            raise PluginError(
                f"several registries could serve the container images: {', '.join(registries)}",
                hint="switch off all but one with --disable-plugin",
            )
        return next(iter(registries.values()))

    def app_type(self, name: str) -> AppType:
        """Return the application type of that name."""
        return cast(AppType, self._one(Kind.APP_TYPE, name))

    def base_recipe(self, name: str) -> BaseRecipe:
        """Return the base recipe of that name."""
        return cast(BaseRecipe, self._one(Kind.BASE_RECIPE, name))

    def cluster_runtimes(self) -> Mapping[str, ClusterRuntime]:
        """Return all cluster runtimes by name, in the order of names.

        Raises:
            PluginError: Several plugins claim one of the names. The same holds for all kinds.
        """
        return cast(Mapping[str, ClusterRuntime], self._all(Kind.CLUSTER_RUNTIME))

    def container_runtimes(self) -> Mapping[str, ContainerRuntime]:
        """Return all container runtimes by name, in the order of names."""
        return cast(Mapping[str, ContainerRuntime], self._all(Kind.CONTAINER_RUNTIME))

    def registries(self) -> Mapping[str, Registry]:
        """Return all registries by name, in the order of names."""
        return cast(Mapping[str, Registry], self._all(Kind.REGISTRY))

    def app_types(self) -> Mapping[str, AppType]:
        """Return all application types by name, in the order of names."""
        return cast(Mapping[str, AppType], self._all(Kind.APP_TYPE))

    def base_recipes(self) -> Mapping[str, BaseRecipe]:
        """Return all base recipes by name, in the order of names."""
        return cast(Mapping[str, BaseRecipe], self._all(Kind.BASE_RECIPE))

    def host_checks(self) -> Mapping[str, HostChecks]:
        """Return all providers of further host checks by name, in the order of names."""
        return cast(Mapping[str, HostChecks], self._all(Kind.HOST_CHECKS))

    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """Return all vocabularies by name, in the order of names."""
        return cast(Mapping[str, Vocabulary], self._all(Kind.VOCABULARY))

    def task_types(self) -> Mapping[str, TaskType]:
        """Return all types of tasks by name, in the order of names."""
        return cast(Mapping[str, TaskType], self._all(Kind.TASK_TYPE))

    def image_policy(self, name: str) -> ImagePolicy:
        """Return the image policy of that name."""
        return cast(ImagePolicy, self._one(Kind.IMAGE_POLICY, name))

    def image_policies(self) -> Mapping[str, ImagePolicy]:
        """Return all image policies by name, in the order of names."""
        return cast(Mapping[str, ImagePolicy], self._all(Kind.IMAGE_POLICY))

    def records(self) -> tuple[PluginRecord, ...]:
        """Load every plugin and return what became of each, in the order of names and distributions."""
        offered = {kind: self._offered(kind) for kind in Kind}  # first of all: a hook's fault changes states
        return tuple(
            PluginRecord(
                name=plugin.name,
                distribution=plugin.distribution,
                version=plugin.version,
                state=plugin.state,
                error=plugin.error,
                provides=tuple(
                    self._provided(kind, name, plugin, provider)
                    for kind, offers in offered.items()
                    for name in sorted(offers)
                    for owner, provider in offers[name]
                    if owner is plugin
                ),
            )
            for plugin in self._plugins()
        )

    def _provided(self, kind: Kind, name: str, plugin: Candidate, provider: Provider) -> Provided:
        state, error = State.LOADED, self._contest(kind, name)
        claims = self._claims(kind, name)
        if plugin not in [owner for owner, _ in claims]:
            state, error = State.DISABLED, f"{claims[0][0].origin} was chosen"
        elif error:
            state = State.CONTESTED
        return Provided(kind=kind, name=name, summary=provider.summary, state=state, error=error)

    def _one(self, kind: Kind, name: str) -> Provider:
        claims = self._claims(kind, name)
        if not claims:
            raise self._unknown(kind, name)
        contest = self._contest(kind, name)
        if contest:
            raise PluginError(contest, hint=self._ways_out(name, [plugin for plugin, _ in claims]))
        return claims[0][1]

    def _all(self, kind: Kind) -> Mapping[str, Provider]:
        return MappingProxyType({name: self._one(kind, name) for name in sorted(self._offered(kind))})

    def _claims(self, kind: Kind, name: str) -> Sequence[tuple[Candidate, Provider]]:
        """Return the offers of a name that remain after the user's choice, if there was one."""
        offers = self._offered(kind).get(name, [])
        chosen = self._chosen.get(name)
        preferred = [offer for offer in offers if chosen is not None and offer[0].comes_from(chosen)]
        return preferred or offers

    def _contest(self, kind: Kind, name: str) -> str | None:
        """Return why a name can't be used, or None when exactly one plugin stands behind it."""
        plugins = [plugin for plugin, _ in self._claims(kind, name)]
        if len(plugins) > 1:
            return f"the {kind} {name!r} is claimed by {_listed([plugin.origin for plugin in plugins])}"
        [plugin] = plugins
        settled = name in self._chosen and plugin.comes_from(self._chosen[name])
        return plugin.error if plugin.state is State.CONTESTED and not settled else None

    def _ways_out(self, name: str, plugins: Sequence[Candidate]) -> str:
        """Return what the user can type to settle who has a name."""
        names = {plugin.name for plugin in plugins}
        rivals = [rival for rival in self._plugins() if rival.name in names]
        if len(names) == 1:  # then it is the plugin's own name that is contested
            [name] = names
        distributions = sorted({plugin.distribution for plugin in rivals})
        if len(distributions) < len(rivals):
            return "disable one with --disable-plugin " + " or ".join(sorted(names))
        return "choose one with " + " or ".join(f"--plugin {name}={chosen}" for chosen in distributions)

    def _unknown(self, kind: Kind, name: str) -> PluginError:
        known = ", ".join(sorted(self._offered(kind))) or "none"
        broken = "".join(
            f"; plugin {plugin.name} is broken: {plugin.error}"
            for plugin in self._plugins()
            if plugin.state is State.BROKEN
        )
        distribution = CONTRACTS[kind].distribution.format(name=name)
        return PluginError(
            f"no plugin provides the {kind} {name!r}; known: {known}{broken}",
            hint=f"if there is a plugin for it, install it: pip install {distribution}",
        )

    def _offered(self, kind: Kind) -> Mapping[str, list[tuple[Candidate, Provider]]]:
        """Return who offers what of a kind, asking the plugins at the first call."""
        if kind not in self._offers:
            offers: dict[str, list[tuple[Candidate, Provider]]] = {}
            for plugin in self._plugins():
                was_broken = plugin.state is State.BROKEN
                for provider in plugin.providers(kind):
                    offers.setdefault(provider.name, []).append((plugin, provider))
                if not was_broken:
                    self._report_broken(plugin)
            self._offers[kind] = offers
        return self._offers[kind]

    def _plugins(self) -> tuple[Candidate, ...]:
        """Return the plugins, loading them at the first call."""
        if self._loaded is None:
            found = tuple(sorted(self._find(), key=lambda plugin: (plugin.name, plugin.distribution)))
            self._check_choices(found)
            for name in self._disabled.difference(plugin.name for plugin in found):
                self._warn(f"there is no plugin {name} to disable")
            self._loaded = found
            for plugin in found:
                self._load(plugin, [rival for rival in found if rival.name == plugin.name])
        return self._loaded

    def _load(self, plugin: Candidate, rivals: Sequence[Candidate]) -> None:
        """Load one plugin, unless it is disabled or another was chosen; ``rivals`` include itself."""
        chosen = self._chosen.get(plugin.name)
        if plugin.name in self._disabled:
            plugin.set_aside(State.DISABLED, None)
            return
        if chosen is not None and len(rivals) > 1:
            if not plugin.comes_from(chosen):
                plugin.set_aside(State.DISABLED, f"{chosen} was chosen")
                return
            rivals = [rival for rival in rivals if rival.comes_from(chosen)]
        if plugin.state is State.LOADED:
            plugin.load()
            self._report_broken(plugin)
        if plugin.state is State.LOADED and len(rivals) > 1:
            claimants = _listed([rival.distribution for rival in rivals])
            plugin.set_aside(State.CONTESTED, f"the plugin name {plugin.name!r} is claimed by {claimants}")

    def _check_choices(self, found: Sequence[Candidate]) -> None:
        for name, distribution in self._chosen.items():
            if not any(plugin.comes_from(distribution) for plugin in found):
                raise UsageError(
                    f"--plugin {name}={distribution}: no plugin comes from a distribution of that name",
                    hint="see them with: sealer plugin list",
                )

    def _report_broken(self, plugin: Candidate) -> None:
        if plugin.state is State.BROKEN:
            self._warn(f"{plugin.origin} is broken and left out: {plugin.error}")

    def _warn(self, text: str) -> None:
        self._sink(Message(text=text, warning=True))


def load_plugins(
    *,
    disabled: Iterable[str] = (),
    chosen: Mapping[str, str] = _NONE,
    sink: EventSink = discard,
    environ: Mapping[str, str] = os.environ,
) -> Plugins:
    """Return the providers of all installed plugins; they are imported at the first look-up.

    Args:
        disabled: Names of plugins to leave out, beside those in ``SEALER_DISABLE_PLUGINS``.
        chosen: The distribution to take, by contested name of a plugin or provider.
        sink: Takes a warning for each plugin that is broken.
        environ: The environment.
    """
    listed = {name.strip() for name in environ.get(DISABLE_VARIABLE, "").split(",")} - {""}
    return Plugins(installed, disabled=listed.union(disabled), chosen=chosen, sink=sink)


def _returning(value: object) -> Callable[[], object]:
    return lambda: value


def _listed(names: Sequence[str]) -> str:
    """Write names as ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
