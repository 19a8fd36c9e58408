"""Loading plugins and looking up their providers, with real distributions' metadata on sys.path."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sealer import hookimpl
from sealer.errors import PluginError, UsageError
from sealer.events import Event, Message
from sealer.plugins import Kind, Plugins, State, load_plugins
from sealer.providers import AppType

APP = """
    from sealer import hookimpl
    from sealer.providers import AppType

    class App(AppType):
        name = "{name}"
        summary = "An application type of a test"
        def detect(self, sources):
            return None
        def launch(self, cluster, app):
            return ()

    @hookimpl
    def sealer_app_types():
        yield App()
"""


class Site:
    """A directory on sys.path into which distributions are installed as pip would."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        # Only what the test installs is visible: sealer itself is imported already.
        monkeypatch.setattr(sys, "path", [str(path)])

    def install(self, distribution: str, *, version: str = "1.0", points: str, **modules: str) -> None:
        info = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[sealer]\n{points}\n")
        for name, text in modules.items():
            (self.path / f"{name}.py").write_text(textwrap.dedent(text))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    before = set(sys.modules)
    yield Site(tmp_path / "site", monkeypatch)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(events: list[Event] | None = None, environ: dict[str, str] | None = None, **options: Any) -> Plugins:
    sink: Callable[[Event], None] = (events if events is not None else []).append
    return load_plugins(sink=sink, environ=environ or {}, **options)


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Message) and event.warning]


def states(plugins: Plugins) -> dict[tuple[str, str], State]:
    return {(record.name, record.distribution): record.state for record in plugins.records()}


def test_a_provider_of_an_installed_distribution_is_found(site: Site) -> None:
    site.install("acme-apps", version="2.1", points="app_acme = acme_apps", acme_apps=APP.format(name="acme"))
    plugins = load()
    assert plugins.app_type("acme").name == "acme"
    [record] = plugins.records()
    assert (record.name, record.distribution, record.version) == ("app_acme", "acme-apps", "2.1")
    assert record.state is State.LOADED
    assert [(p.kind, p.name) for p in record.provides] == [(Kind.APP_TYPE, "acme")]


def test_nothing_is_imported_before_the_first_look_up(site: Site) -> None:
    site.install("acme-apps", points="app_acme = acme_apps", acme_apps=APP.format(name="acme"))
    plugins = load()
    assert "acme_apps" not in sys.modules
    plugins.app_types()
    assert "acme_apps" in sys.modules


def test_a_hook_runs_once_and_only_when_its_kind_is_looked_up() -> None:
    calls = []

    @hookimpl
    def sealer_app_types() -> tuple[AppType, ...]:
        calls.append("app types")
        return ()

    plugins = Plugins.of(SimpleNamespace(sealer_app_types=sealer_app_types))
    plugins.registries()
    assert calls == []
    plugins.app_types()
    plugins.app_types()
    assert calls == ["app types"]


def test_providers_come_in_the_order_of_their_names(site: Site) -> None:
    for name in ("zeta", "alpha", "midway"):
        site.install(f"d-{name}", points=f"app_{name} = m_{name}", **{f"m_{name}": APP.format(name=name)})
    assert list(load().app_types()) == ["alpha", "midway", "zeta"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "import a_module_that_is_nowhere",
            "ModuleNotFoundError: No module named 'a_module_that_is_nowhere'",
        ),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("class Panic(BaseException): pass\nraise Panic()", "Panic"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("x = 1", "it implements no hook"),
        (
            "from sealer import hookimpl\n@hookimpl\ndef sealer_app_types(surprise): return ()",
            "surprise",
        ),
        ("from sealer import hookimpl\n@hookimpl\ndef sealer_teleports(): return ()", "sealer_teleports"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_recorded_and_the_rest_works(
    site: Site, text: str, reason: str
) -> None:
    site.install("acme-apps", points="app_acme = acme_apps", acme_apps=APP.format(name="acme"))
    site.install("bad", points="app_bad = bad_module", bad_module=text)
    events: list[Event] = []
    plugins = load(events)
    assert list(plugins.app_types()) == ["acme"]
    bad = next(record for record in plugins.records() if record.name == "app_bad")
    assert bad.state is State.BROKEN
    assert reason in (bad.error or "")
    [warning] = warnings(events)
    assert warning.startswith("bad (plugin app_bad) is broken and left out: ")
    assert reason in warning


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("yield object()", "is not an instance of sealer.providers.AppType"),
        ("yield 1 / 0", "ZeroDivisionError"),
        ("return 3", "'int' object is not iterable"),
        ("yield Nameless()", "has no name"),
        ("yield App(); yield App()", "it offers 'acme' twice"),
        (
            "from sealer.providers import ClusterRuntime; yield ClusterRuntime()",
            "abstract class ClusterRuntime",
        ),
    ],
)
def test_a_hook_that_answers_wrongly_breaks_only_its_plugin(site: Site, body: str, reason: str) -> None:
    module = APP.format(name="acme").replace("yield App()", body)
    nameless = "\n    class Nameless(App):\n        name = ''\n"
    site.install("acme-apps", points="app_acme = acme_apps", acme_apps=module + nameless)
    site.install("good", points="app_good = good", good=APP.format(name="good"))
    events: list[Event] = []
    plugins = load(events)
    assert list(plugins.app_types()) == ["good"]
    record = plugins.records()[0]
    assert record.state is State.BROKEN
    assert reason in (record.error or "")
    assert len(warnings(events)) == 1


def test_ctrl_c_during_an_import_is_the_users(site: Site) -> None:
    site.install("bad", points="app_bad = bad_module", bad_module="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load().app_types()


def test_malformed_metadata_of_one_distribution_hide_no_other(site: Site) -> None:
    site.install("acme-apps", points="app_acme = acme_apps", acme_apps=APP.format(name="acme"))
    site.install("bad", points="this is no entry point")
    plugins = load()
    assert list(plugins.app_types()) == ["acme"]
    assert states(plugins)["bad", "bad"] is State.BROKEN


def test_an_unknown_name_lists_the_known_ones_and_the_broken_plugins(site: Site) -> None:
    site.install("acme-apps", points="app_acme = acme_apps", acme_apps=APP.format(name="acme"))
    site.install("bad", points="app_bad = bad_module", bad_module="import nowhere_at_all")
    with pytest.raises(PluginError) as caught:
        load().app_type("helmet")
    assert caught.value.message == (
        "no plugin provides the application type 'helmet'; known: acme; "
        "plugin app_bad is broken: ModuleNotFoundError: No module named 'nowhere_at_all'"
    )
    assert caught.value.hint == "if there is a plugin for it, install it: pip install sealer-app-helmet"


@pytest.mark.parametrize(
    ("look_up", "distribution"),
    [
        ("cluster_runtime", "sealer-runtime-x"),
        ("container_runtime", "sealer-container-x"),
        ("registry", "sealer-registry-x"),
        ("app_type", "sealer-app-x"),
        ("base_recipe", "sealer-runtime-x"),
    ],
)
def test_the_line_to_try_follows_the_kind(look_up: str, distribution: str) -> None:
    with pytest.raises(PluginError, match="known: none") as caught:
        getattr(Plugins.of(), look_up)("x")
    assert caught.value.hint is not None
    assert caught.value.hint.endswith(f"pip install {distribution}")


@pytest.mark.parametrize(
    ("environ", "disabled"), [({"SEALER_DISABLE_PLUGINS": "x, app_acme"}, ()), ({}, ("app_acme", "x"))]
)
def test_a_disabled_plugin_is_not_even_imported(
    site: Site, environ: dict[str, str], disabled: tuple[str, ...]
) -> None:
    site.install("acme-apps", points="app_acme = acme_apps", acme_apps=APP.format(name="acme"))
    events: list[Event] = []
    plugins = load(events, environ, disabled=disabled)
    assert dict(plugins.app_types()) == {}
    assert "acme_apps" not in sys.modules
    assert states(plugins) == {("app_acme", "acme-apps"): State.DISABLED}
    assert warnings(events) == ["there is no plugin x to disable"]


def install_two_of_one_plugin_name(site: Site) -> None:
    site.install("first", points="app_acme = first_apps", first_apps=APP.format(name="acme"))
    site.install("second", points="app_acme = second_apps", second_apps=APP.format(name="acme"))


def test_two_distributions_with_one_plugin_name_are_contested(site: Site) -> None:
    install_two_of_one_plugin_name(site)
    site.install("good", points="app_good = good", good=APP.format(name="good"))
    plugins = load()
    assert plugins.app_type("good").name == "good"
    with pytest.raises(PluginError) as caught:
        plugins.app_type("acme")
    assert "first" in caught.value.message
    assert "second" in caught.value.message
    assert caught.value.hint == "choose one with --plugin app_acme=first or --plugin app_acme=second"
    assert states(plugins) == {
        ("app_acme", "first"): State.CONTESTED,
        ("app_acme", "second"): State.CONTESTED,
        ("app_good", "good"): State.LOADED,
    }


def test_a_contested_plugin_name_keeps_all_its_providers_back(site: Site) -> None:
    site.install("first", points="app_acme = first_apps", first_apps=APP.format(name="one"))
    site.install("second", points="app_acme = second_apps", second_apps=APP.format(name="two"))
    with pytest.raises(PluginError) as caught:
        load().app_type("two")
    assert caught.value.message == "the plugin name 'app_acme' is claimed by first and second"
    assert caught.value.hint == "choose one with --plugin app_acme=first or --plugin app_acme=second"


@pytest.mark.parametrize("chosen", [{"app_acme": "second"}, {"acme": "Second"}])
def test_the_user_settles_a_contested_plugin_name(site: Site, chosen: dict[str, str]) -> None:
    install_two_of_one_plugin_name(site)
    assert type(load(chosen=chosen).app_type("acme")).__module__ == "second_apps"


def install_two_of_one_provider_name(site: Site) -> None:
    site.install("first", points="app_first = first_apps", first_apps=APP.format(name="acme"))
    site.install("second-dist", points="app_second = second_apps", second_apps=APP.format(name="acme"))


def test_two_providers_of_one_name_are_contested(site: Site) -> None:
    install_two_of_one_provider_name(site)
    plugins = load()
    with pytest.raises(PluginError) as caught:
        plugins.app_type("acme")
    assert caught.value.message == (
        "the application type 'acme' is claimed by"
        " first (plugin app_first) and second-dist (plugin app_second)"
    )
    assert caught.value.hint == "choose one with --plugin acme=first or --plugin acme=second-dist"
    rows = [row for record in plugins.records() for row in record.provides]
    assert [row.state for row in rows] == [State.CONTESTED, State.CONTESTED]


def test_all_providers_of_a_kind_are_refused_while_one_name_is_contested(site: Site) -> None:
    install_two_of_one_provider_name(site)
    with pytest.raises(PluginError, match="is claimed by"):
        load().app_types()


def test_the_user_settles_a_contested_provider_name(site: Site) -> None:
    install_two_of_one_provider_name(site)
    plugins = load(chosen={"acme": "Second_Dist"})
    assert type(plugins.app_type("acme")).__module__ == "second_apps"
    rows = [row for record in plugins.records() for row in record.provides]
    assert [(row.state, row.error) for row in rows] == [
        (State.DISABLED, "second-dist (plugin app_second) was chosen"),
        (State.LOADED, None),
    ]


def test_one_distribution_that_claims_a_name_twice_can_be_halved(site: Site) -> None:
    points = "app_one = one_apps\napp_two = two_apps"
    modules = {"one_apps": APP.format(name="acme"), "two_apps": APP.format(name="acme")}
    site.install("acme-apps", points=points, **modules)
    with pytest.raises(PluginError) as caught:
        load().app_type("acme")
    assert caught.value.hint == "disable one with --disable-plugin app_one or app_two"
    assert load(disabled=["app_one"]).app_type("acme").name == "acme"


def test_choosing_a_distribution_that_is_not_there_is_a_usage_error(site: Site) -> None:
    install_two_of_one_provider_name(site)
    with pytest.raises(UsageError, match="--plugin acme=third"):
        load(chosen={"acme": "third"}).app_types()


def test_a_second_copy_further_down_the_path_is_no_rival(site: Site, tmp_path: Path) -> None:
    site.install("acme-apps", points="app_acme = acme_apps", acme_apps=APP.format(name="acme"))
    Site(tmp_path / "other", pytest.MonkeyPatch()).install(
        "acme-apps", version="0.9", points="app_acme = acme_apps"
    )
    sys.path[:] = [str(site.path), str(tmp_path / "other")]
    [record] = load().records()
    assert (record.version, record.state) == ("1.0", State.LOADED)


def test_objects_of_one_type_can_be_given_as_plugins() -> None:
    class App(AppType):
        def __init__(self, name: str) -> None:
            self.name = name  # type: ignore[misc]  # one class for two providers

        def detect(self, sources: Any) -> None:
            return None

        def launch(self, cluster: Any, app: Any) -> tuple[()]:
            return ()

    def plugin(name: str) -> SimpleNamespace:
        @hookimpl
        def sealer_app_types() -> list[AppType]:
            return [App(name)]

        return SimpleNamespace(sealer_app_types=sealer_app_types)

    assert list(Plugins.of(plugin("b"), plugin("a")).app_types()) == ["a", "b"]
