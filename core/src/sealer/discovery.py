"""One plugin on its way from entry point to providers, and the list of those that are installed.

Whatever a plugin raises is caught here and kept as its error, including ``SystemExit`` and the panics of
native extensions, which derive from ``BaseException``; only ``KeyboardInterrupt`` passes, because it is the
user's.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from types import MappingProxyType

import pluggy

from sealer import ENTRY_POINT_GROUP, hookspecs
from sealer.errors import PluginError, SealerError
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

_REASON_LENGTH = 300


class Kind(enum.StrEnum):
    """What a provider is; the value is how messages and tables call it."""

    CLUSTER_RUNTIME = "cluster runtime"
    CONTAINER_RUNTIME = "container runtime"
    REGISTRY = "registry"
    APP_TYPE = "application type"
    BASE_RECIPE = "base recipe"
    HOST_CHECKS = "host checks"
    VOCABULARY = "vocabulary"
    TASK_TYPE = "task type"
    IMAGE_POLICY = "image policy"


class State(enum.StrEnum):
    """What became of a plugin, or of one of its providers."""

    LOADED = "loaded"
    DISABLED = "disabled"
    BROKEN = "broken"
    CONTESTED = "contested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What core expects of one kind.

    Attributes:
        hook: The hook that yields its providers.
        base: The class its providers are instances of.
        distribution: How a distribution that brings one is named by convention.
    """

    hook: str
    base: type
    distribution: str


CONTRACTS: Mapping[Kind, Contract] = MappingProxyType(
    {
        Kind.CLUSTER_RUNTIME: Contract(
            hook="sealer_cluster_runtimes", base=ClusterRuntime, distribution="sealer-runtime-{name}"
        ),
        Kind.CONTAINER_RUNTIME: Contract(
            hook="sealer_container_runtimes", base=ContainerRuntime, distribution="sealer-container-{name}"
        ),
        Kind.REGISTRY: Contract(
            hook="sealer_registries", base=Registry, distribution="sealer-registry-{name}"
        ),
        Kind.APP_TYPE: Contract(hook="sealer_app_types", base=AppType, distribution="sealer-app-{name}"),
        Kind.BASE_RECIPE: Contract(
            hook="sealer_base_recipes", base=BaseRecipe, distribution="sealer-runtime-{name}"
        ),
        Kind.HOST_CHECKS: Contract(
            hook="sealer_checks", base=HostChecks, distribution="sealer-checks-{name}"
        ),
        Kind.VOCABULARY: Contract(
            hook="sealer_vocabularies", base=Vocabulary, distribution="sealer-vocabulary-{name}"
        ),
        Kind.TASK_TYPE: Contract(hook="sealer_task_types", base=TaskType, distribution="sealer-task-{name}"),
        Kind.IMAGE_POLICY: Contract(
            hook="sealer_image_policies", base=ImagePolicy, distribution="sealer-policy-{name}"
        ),
    }
)


class Candidate:
    """A plugin that was found: loaded on demand, asked for its providers one kind at a time.

    It has a pluggy manager of its own, so that its faults can't touch another plugin's hooks, and every
    provider has a known owner.

    Args:
        name: The name of its entry point.
        load: Imports it and returns the module or object that implements hooks.
        distribution: The distribution that brings it, or "" when it was given as an object.
        version: That distribution's version.
    """

    def __init__(
        self, name: str, load: Callable[[], object], *, distribution: str = "", version: str = ""
    ) -> None:
        self.name = name
        self.distribution = distribution
        self.version = version
        self.state = State.LOADED
        self.error: str | None = None
        self._load = load
        self._manager: pluggy.PluginManager | None = None
        self._answers: dict[Kind, tuple[Provider, ...]] = {}

    @property
    def origin(self) -> str:
        """Where it comes from, for messages that must tell two plugins apart."""
        return f"{self.distribution} (plugin {self.name})" if self.distribution else f"plugin {self.name}"

    def comes_from(self, distribution: str) -> bool:
        """Tell whether it is from that distribution, however the name is spelled."""
        return normal(self.distribution) == normal(distribution)

    def set_aside(self, state: State, reason: str | None) -> None:
        """Keep it from being loaded, or from being used, with the reason that records show."""
        self.state, self.error = state, reason

    def load(self) -> None:
        """Import it and match its hook implementations with the specs; what goes wrong becomes ``error``."""
        manager = pluggy.PluginManager(ENTRY_POINT_GROUP)
        manager.add_hookspecs(hookspecs)
        try:
            module = self._load()
            manager.register(module, self.name)
            manager.check_pending()
            if not manager.get_hookcallers(module):
                raise PluginError("it implements no hook")  # noqa: TRY301  # one place turns faults into records
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # see the module's docstring
            self.set_aside(State.BROKEN, _reason(error))
        else:
            self._manager = manager

    def providers(self, kind: Kind) -> tuple[Provider, ...]:
        """Return its providers of a kind, calling the hook at the first call only.

        A faulty hook makes the plugin broken and counts as offering nothing of that kind.
        """
        if kind not in self._answers:
            self._answers[kind] = self._ask(kind)
        return self._answers[kind]

    def _ask(self, kind: Kind) -> tuple[Provider, ...]:
        if self._manager is None:
            return ()
        contract = CONTRACTS[kind]
        try:
            answers = getattr(self._manager.hook, contract.hook)()
            providers = tuple(provider for answer in answers for provider in answer)
            _require(providers, contract.base)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # see the module's docstring
            self.set_aside(State.BROKEN, f"{contract.hook}: {_reason(error)}")
            return ()
        return providers


def installed() -> Iterator[Candidate]:
    """Yield a candidate for every entry point of the group ``sealer``, importing nothing.

    The metadata are read distribution by distribution, because :func:`importlib.metadata.entry_points` fails
    as a whole when one distribution's file is malformed.
    """
    seen: set[str] = set()
    for distribution in metadata.distributions():
        if f"[{ENTRY_POINT_GROUP}]" not in _entry_points_text(distribution):
            continue
        name = distribution.metadata["Name"] or "unnamed"
        if normal(name) in seen:  # a second copy further down sys.path is not what gets imported
            continue
        seen.add(normal(name))
        try:
            points = tuple(distribution.entry_points.select(group=ENTRY_POINT_GROUP))
        except (ValueError, TypeError) as error:
            broken = Candidate(name, object, distribution=name, version=distribution.version)
            broken.set_aside(State.BROKEN, f"malformed entry_points.txt: {_reason(error)}")
            yield broken
            continue
        for point in points:
            yield Candidate(point.name, point.load, distribution=name, version=distribution.version)


def _entry_points_text(distribution: metadata.Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):  # a file like this is another program's trouble
        return ""


def normal(name: str) -> str:
    """Return a distribution's name as it is compared: in lower case, ``_``, ``.`` and runs as a dash."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _require(providers: tuple[Provider, ...], base: type) -> None:
    """Check that these are named instances of the kind's class, each name once."""
    names: set[str] = set()
    for provider in providers:
        if not isinstance(provider, base):
            raise PluginError(f"{provider!r} is not an instance of sealer.providers.{base.__qualname__}")
        name = getattr(provider, "name", None)
        if not isinstance(name, str) or not name:
            raise PluginError(f"{provider!r} has no name")
        if name in names:
            raise PluginError(f"it offers {name!r} twice")
        names.add(name)


def _reason(error: BaseException) -> str:
    """Return an error as one line; the type is named unless the text was written for users."""
    text = " ".join(str(error).split())
    text = text if len(text) <= _REASON_LENGTH else f"{text[: _REASON_LENGTH - 1]}…"
    if isinstance(error, SealerError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
