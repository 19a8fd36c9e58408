"""What is wrong on the operator's machine, and bundles that hold no planted secret."""

from __future__ import annotations

import asyncio
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.changes import File
from sealer.cluster.access import Access
from sealer.cluster.bundle import Bundle, collect, plan_document, write_bundle
from sealer.cluster.bundle_hosts import cluster_questions, host_questions
from sealer.cluster.doctor import LOOKS, Diagnosis, Machine, examine
from sealer.cluster.request import Request
from sealer.cluster.session import Context
from sealer.cluster.state import save_state
from sealer.clusterfile import Clusterfile, SecretReference, SecretScheme
from sealer.clusterfile.flags import cluster_from_flags
from sealer.errors import SealerError
from sealer.events import EventSink, discard
from sealer.image.store import ImageStore
from sealer.model import Severity, Step
from sealer.operation.plan import make_plan
from sealer.operation.records import ClusterRecords
from sealer.plugins import Plugins
from sealer.secret import Secret
from sealer.testing.images import make_image
from sealer.testing.shells import syntax_errors
from sealer.testing.sshd import free_port

PLANTED = "planted-X9y-hunter2"
LOGIN = "login-pass-Z3"


def found(home: Path, *, deep: bool = False) -> dict[str, list[str]]:
    diagnosis = examine(Machine(home=home, plugins=Plugins.of(), deep=deep))
    result: dict[str, list[str]] = {}
    for finding in diagnosis.findings:
        result.setdefault(finding.check, []).append(finding.found)
    return result


def test_a_program_that_is_missing_and_one_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "skopeo"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = found(tmp_path / "home")["here-programs"]
    assert f"{program} does not run: broken" in said
    assert "bwrap is not in the PATH" in said


def test_an_agent_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nobody"))
    (said,) = found(tmp_path)["here-ssh-agent"]
    assert "an agent that can't be asked" in said
    monkeypatch.delenv("SSH_AUTH_SOCK")
    assert "here-ssh-agent" not in found(tmp_path)


def test_a_private_key_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    for name, mode in (("id_open", 0o644), ("id_closed", 0o600), ("id_open.pub", 0o644)):
        (tmp_path / ".ssh" / name).write_text("")
        (tmp_path / ".ssh" / name).chmod(mode)
    assert found(tmp_path)["here-ssh-keys"] == [f"{tmp_path}/.ssh/id_open can be read by others"]


def test_an_image_that_lost_a_layer_or_has_a_damaged_one(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    make_image(store, "whole:v1", layers=[{"a": b"1"}], labels={})
    make_image(store, "lost:v1", layers=[{"b": b"2"}], labels={})
    make_image(store, "damaged:v1", layers=[{"c": b"3"}], labels={})
    assert "here-store" not in found(tmp_path, deep=True)

    (lost,) = store.resolve("lost:v1").layers
    store.blob_path(lost.digest).unlink()
    (damaged,) = store.resolve("damaged:v1").layers
    path = store.blob_path(damaged.digest)
    path.chmod(0o600)
    path.write_bytes(bytes(damaged.size))
    (said,) = found(tmp_path)["here-store"]
    assert "lost:v1" in said
    assert lost.digest in said
    told = found(tmp_path, deep=True)["here-store"]
    assert len(told) == 2
    assert any("damaged:v1" in text for text in told)


def test_an_operation_that_is_open_and_a_record_that_is_damaged(tmp_path: Path) -> None:
    records = ClusterRecords(tmp_path, "c")
    save_state(records, request())
    operation = records.begin("run", request().to_plain())
    assert found(tmp_path)["here-operations"] == [f"operation {operation.id} on cluster c is open"]
    with records.lock("run"):
        assert "here-operations" not in found(tmp_path)
    (records.directory / "cluster.json").write_text("{")
    (said,) = found(tmp_path)["here-operations"]
    assert "can't be read" in said


def test_warnings_leave_a_machine_healthy() -> None:
    assert Diagnosis(examined=tuple(LOOKS), findings=()).healthy
    diagnosis = examine(Machine(home=Path("/nowhere/at/all"), plugins=Plugins.of()))
    errors = [finding for finding in diagnosis.findings if finding.severity is Severity.ERROR]
    assert diagnosis.healthy is not bool(errors)
    assert diagnosis.to_plain()["examined"] == list(LOOKS)


def request(port: int = 1) -> Request:
    spec = cluster_from_flags(
        "127.0.0.1", name="c", port=port, user="ann", env=[f"DB_PASSWORD={PLANTED}", "ZONE=a"]
    )
    reference = SecretReference(scheme=SecretScheme.ENV, argument="LOGIN_PASSWORD")
    spec = replace(spec, ssh=replace(spec.ssh, password=reference))
    return Request.of_hosts(Clusterfile(cluster=spec))


@contextmanager
def no_log(path: Path) -> Iterator[EventSink]:
    del path
    yield discard


def context(home: Path) -> Context:
    def ask(what: str) -> Secret:
        raise SealerError(f"nobody is there to be asked for {what}")

    return Context(
        home=home,
        plugins=Plugins.of(),
        events=discard,
        access=Access(ask=ask),
        log=no_log,
        on_stop=lambda stop: None,
    )


def bundle_of(home: Path, target: Path) -> Mapping[str, str]:
    """Make a bundle of all clusters, and return its files."""
    found = asyncio.run(collect(context(home), (ClusterRecords(home, "c"),)))
    write_bundle(found, target)
    assert target.stat().st_mode & 0o077 == 0
    with tarfile.open(target) as archive:
        files = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def test_a_bundle_of_an_unfinished_installation_on_a_host_out_of_reach_holds_no_planted_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN_PASSWORD", LOGIN)
    home = tmp_path / "home"
    records = ClusterRecords(home, "c")
    asked = request(free_port())
    save_state(records, asked)
    operation = records.begin("run", {**asked.to_plain(), "token": PLANTED})
    operation.journal.write_text(
        json.dumps({"event": "started", "step": "join@a"})
        + "\n"
        + json.dumps({"event": "failed", "step": "join@a", "error": f"--token {PLANTED} refused"})
        + "\n"
    )
    operation.log.write_text(
        f"join --token abcdef.0123456789abcdef\npassword: {PLANTED}\nAuthorization: Bearer {PLANTED}\n"
        f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END RSA PRIVATE KEY-----\n"
        f"somebody printed {LOGIN} bare\n"
    )
    (home / "log").mkdir(parents=True, exist_ok=True)
    (home / "log/sealer.log").write_text(f"https://ann:{PLANTED}@registry.example\n")

    files = bundle_of(home, tmp_path / "b.tar.gz")
    everything = "\n".join([*files, *files.values()])
    assert PLANTED not in everything
    assert LOGIN not in everything
    assert "abcdef.0123456789abcdef" not in everything

    below = f"clusters/c/operations/{operation.id}"
    assert {f"{below}/request.json", f"{below}/journal.jsonl", f"{below}/log", "doctor.json"} <= set(files)
    assert '"step": "join@a"' in files[f"{below}/journal.jsonl"]
    assert '"ZONE": "a"' in files["clusters/c/cluster.json"] or "ZONE" in files["clusters/c/cluster.json"]
    assert "clusters/c/hosts/127.0.0.1/unreachable.txt" in files
    missing = json.loads(files["bundle.json"])["missing"]
    assert any("127.0.0.1" in text for text in missing)
    status = json.loads(files["clusters/c/status.json"])
    assert status["state"].startswith("open")


def test_a_bundle_without_the_secret_that_opens_hosts_still_has_the_records(tmp_path: Path) -> None:
    home = tmp_path / "home"
    save_state(ClusterRecords(home, "c"), request())
    files = bundle_of(home, tmp_path / "b.tar.gz")
    assert "clusters/c/cluster.json" in files
    assert PLANTED not in "".join(files.values())
    assert "hosts could not be asked" in files["bundle.json"]


def test_a_bundle_of_a_damaged_record(tmp_path: Path) -> None:
    home = tmp_path / "home"
    records = ClusterRecords(home, "c")
    save_state(records, request())
    (records.directory / "cluster.json").write_text(f'{{"password": "{PLANTED}", ')
    files = bundle_of(home, tmp_path / "b.tar.gz")
    assert PLANTED not in "".join(files.values())
    assert "c:" in files["bundle.json"]


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SealerError, match="can't write"):
        write_bundle(Bundle(files={"a": "b"}), tmp_path / "none" / "b.tar.gz")
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(SealerError, match="can't write"):
        write_bundle(Bundle(files={"a": "b"}), target)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_plan_in_a_bundle_has_no_content_of_files() -> None:
    step = Step(id="s", title="t", host="a", changes=(File(path="/x", content=PLANTED, mode=0o600),))
    text = json.dumps(plan_document(make_plan([step])))
    assert PLANTED not in text
    assert "/x" in text


def test_what_hosts_are_asked_can_be_parsed_and_only_reads() -> None:
    scripts = {probe.name: probe.script for probe in host_questions("/data of 'ours'").values()}
    assert syntax_errors({**scripts, **cluster_questions()}) == []
