"""What ``sealer plugin list`` shows. The installed command is tested in tests/packaging."""

from __future__ import annotations

from sealer.cli.output import table
from sealer.cli.plugin import COLUMNS, rows_of
from sealer.plugins import Kind, PluginRecord, Provided, State


def record(state: State, *provides: Provided, error: str | None = None) -> PluginRecord:
    return PluginRecord(
        name="app_x", distribution="x-dist", version="1", state=state, error=error, provides=provides
    )


APP = Provided(kind=Kind.APP_TYPE, name="x", summary="An x", state=State.LOADED, error=None)


def test_there_is_a_row_per_provider() -> None:
    other = Provided(kind=Kind.REGISTRY, name="y", summary="", state=State.CONTESTED, error="claimed by z")
    rows = rows_of(record(State.LOADED, APP, other))
    assert [(row["kind"], row["name"], row["state"], row["error"]) for row in rows] == [
        ("application type", "x", "loaded", None),
        ("registry", "y", "contested", "claimed by z"),
    ]
    assert {(row["plugin"], row["distribution"], row["version"]) for row in rows} == {
        ("app_x", "x-dist", "1")
    }


def test_a_plugin_that_is_not_in_use_has_a_row_with_the_reason() -> None:
    assert table(rows_of(record(State.BROKEN, error="no module")), COLUMNS) == (
        "NAME   KIND   PLUGIN   DISTRIBUTION   VERSION   STATE    ERROR\n"
        "-      -      app_x    x-dist         1         broken   no module"
    )


def test_a_plugin_that_broke_half_way_shows_both() -> None:
    rows = rows_of(record(State.BROKEN, APP, error="its other hook failed"))
    assert [(row["name"], row["state"]) for row in rows] == [("x", "loaded"), (None, "broken")]
