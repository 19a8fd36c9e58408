"""Whatever becomes of the files that the operator's machine keeps of a cluster, there is a way on."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealer.cli.program import run
from sealer.cluster.access import Access
from sealer.cluster.install import prepare_again
from sealer.cluster.operations import abort, summarise
from sealer.cluster.pruning import spared_by_rollback
from sealer.cluster.removal import last_known, refuse_known, require_none_to_finish
from sealer.cluster.removal_plan import removal_of
from sealer.cluster.request import request_of, state_before
from sealer.cluster.rollback_target import rollback_target
from sealer.cluster.session import Context
from sealer.cluster.state import known_clusters, save_state
from sealer.cluster.upgrading import plan_of_upgrade
from sealer.errors import OperationLocked, RecordDamaged, SealerError, UsageError
from sealer.events import discard
from sealer.operation.journal import Journal
from sealer.operation.records import ClusterRecords
from sealer.plugins import Plugins

from .test_records import request

STATE = "cluster.json"
REQUEST = "request.json"
JOURNAL = "journal.jsonl"
LOCK = "lock"

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


class Kept:
    """A cluster as it is kept: it was made, and an operation on it was cut off."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.records = ClusterRecords(home, "c1")
        asked = request().to_plain()
        first = self.records.begin("run", asked)
        with Journal(first.journal) as journal:
            journal.finished("done")
        save_state(self.records, request())
        self.open = self.records.begin("run", asked, before=asked)
        self.open.journal.write_text('{"time": 1, "event": "started", "step": "a@10.0.0.1"}\n')
        (self.records.directory / LOCK).write_text(
            '{"verb": "run", "user": "u", "host": "h", "process": 1, "since": 1, "heartbeat": 1}'
        )

    def file(self, name: str) -> Path:
        """Return one of its files."""
        return (self.open.directory if name in {REQUEST, JOURNAL} else self.records.directory) / name

    @property
    def context(self) -> Context:
        """What verbs need from outside, without any plugin, image or terminal."""
        return Context(
            home=self.home,
            plugins=Plugins(()),
            events=discard,
            access=Access(ask=str),
            log=lambda _: nullcontext(discard),
            on_stop=lambda _: None,
        )


@contextmanager
def kept() -> Iterator[Kept]:
    with tempfile.TemporaryDirectory() as home:
        yield Kept(Path(home))


@st.composite
def damages(draw: st.DrawFn, original: bytes) -> bytes | None:
    """What has become of a file: torn, garbage, of another shape, or not there (None)."""
    kind = draw(
        st.sampled_from(("gone", "torn", "zeros", "garbage", "flipped", "json", "changed", "lacking"))
    )
    match kind:
        case "gone":
            return None
        case "torn":
            return original[: draw(st.integers(0, len(original)))]
        case "zeros":
            place = draw(st.integers(0, len(original)))
            return original[:place] + bytes(len(original) - place)
        case "garbage":
            return draw(st.binary(max_size=64))
        case "flipped":
            place = draw(st.integers(0, len(original) - 1))
            return original[:place] + bytes([draw(st.integers(0, 255))]) + original[place + 1 :]
        case "json":
            return json.dumps(draw(values)).encode()
    content = json.loads(original)
    place = draw(st.sampled_from(sorted(_places(content))))
    _change(content, place, kind == "lacking", draw(values))
    return json.dumps(content).encode()


def _places(content: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in content.items():
        yield (*above, name)
        if isinstance(inner, dict):
            yield from _places(inner, (*above, name))


def _change(content: Any, place: tuple[str, ...], lacking: bool, value: object) -> None:
    for name in place[:-1]:
        content = content[name]
    if lacking:
        del content[place[-1]]
    else:
        content[place[-1]] = value


def use(cluster: Kept) -> None:
    """Do with the records what verbs do; only Sealer's own errors may come of it, each with a hint."""
    context, records = cluster.context, cluster.records
    known_clusters(cluster.home)
    operations = records.operations()
    actions: list[Callable[[], object]] = [lambda: rollback_target(records, None)]
    for operation in operations:
        summarise(operation)
        actions += [partial(read, operation) for read in (request_of, state_before, removal_of)]
        actions.append(partial(plan_of_upgrade, context, operation))
        actions.append(lambda operation=operation: prepare_again(context, request_of(operation)))
    found = [error_of(action) for action in actions]
    assert all(error.hint for error in found if isinstance(error, RecordDamaged))
    with suppress(UsageError):
        refuse_known(records, request().clusterfile.cluster)
    if isinstance(error_of(lambda: require_none_to_finish(records)), OperationLocked):
        request_of(operations[-1])


def error_of(action: Callable[[], object]) -> SealerError | None:
    """Return how an action fails."""
    try:
        action()
    except SealerError as error:
        return error
    return None


@pytest.mark.parametrize("name", [STATE, REQUEST, LOCK])
def test_damage_to_a_file_is_one_clear_error_and_never_in_the_way_of_leaving(name: str) -> None:
    with kept() as whole:
        original = whole.file(name).read_bytes()

    @settings(max_examples=40)
    @given(damages(original))
    @example(b"[" * 100_000)
    @example(b'{"since": 1e300}')
    def check(content: bytes | None) -> None:
        with kept() as cluster:
            _damage(cluster.file(name), content)
            use(cluster)
            assert last_known(cluster.context, cluster.records).clusterfile.cluster.name
            assert abort(cluster.records).id == cluster.open.id
            cluster.records.require_none_open()
            cluster.records.begin("delete", {})

    check()


def test_a_damaged_journal_leaves_its_operation_open_or_over() -> None:
    with kept() as whole:
        original = whole.file(JOURNAL).read_bytes()

    @settings(max_examples=40)
    @given(damages(original))
    @example(b"[" * 100_000 + b"\n")
    def check(content: bytes | None) -> None:
        with kept() as cluster:
            _damage(cluster.file(JOURNAL), content)
            use(cluster)
            if cluster.records.open_operation() is not None:
                abort(cluster.records)
            assert cluster.records.open_operation() is None

    check()


def _damage(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


def test_a_cluster_is_deleted_by_the_hosts_of_an_operation_when_what_is_remembered_is_damaged() -> None:
    with kept() as cluster:
        cluster.file(STATE).write_text("{")
        said: list[Any] = []
        context = replace(cluster.context, events=said.append)
        assert last_known(context, cluster.records).facts == request().facts
        assert cluster.open.id in said[0].text


def test_where_no_record_is_whole_the_hosts_have_to_be_named() -> None:
    with kept() as cluster:
        for operation in cluster.records.operations():
            (operation.directory / REQUEST).unlink()
        cluster.file(STATE).write_text("{")
        with pytest.raises(RecordDamaged, match="damaged") as caught:
            last_known(cluster.context, cluster.records)
        assert caught.value.hint is not None
        assert "sealer reset --hosts" in caught.value.hint
        require_none_to_finish(cluster.records)
        refuse_known(cluster.records, request().clusterfile.cluster)


def test_what_else_lies_among_operations_is_passed_over() -> None:
    with kept() as cluster:
        count = len(cluster.records.operations())
        (cluster.open.directory.parent / "notes.txt").write_text("mine")
        (cluster.open.directory.parent / "zzz").mkdir()
        assert len(cluster.records.operations()) == count
        assert cluster.records.open_operation() == cluster.open


def test_commands_say_what_is_damaged_and_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEALER_HOME", str(tmp_path))
    cluster = Kept(tmp_path)
    cluster.file(REQUEST).write_text('{"verb": "run", "requ')
    assert run(["operations", "list"]) == 0
    assert cluster.open.id in capsys.readouterr().out
    assert run(["operations", "show", cluster.open.id, "-o", "json"]) == 0
    assert "damaged" in json.loads(capsys.readouterr().out)["damage"]
    assert run(["resume"]) == 1
    said = capsys.readouterr().err
    assert "request.json" in said
    assert "sealer operations abort" in said
    assert run(["delete", "--all", "--yes", "--dry-run", "--user", "nobody", "c2"]) == 2
    assert run(["operations", "abort", "--yes"]) == 0
    assert cluster.records.open_operation() is None
    assert not (tmp_path / "log").exists()


def test_a_cluster_whose_operations_are_gone_is_still_known(tmp_path: Path) -> None:
    cluster = Kept(tmp_path)
    shutil.rmtree(cluster.open.directory.parent)
    assert known_clusters(tmp_path) == ("c1",)
    assert last_known(cluster.context, cluster.records).image == request().image
    cluster.records.require_none_open()


def test_nothing_is_pruned_when_nobody_knows_what_a_rollback_would_need(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert not spared_by_rollback(kept.records, request()).spared
    kept.file(REQUEST).write_text("{")
    with pytest.raises(RecordDamaged):
        spared_by_rollback(kept.records, request())
