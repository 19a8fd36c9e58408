"""The step that the registry declares, and what a real shell makes of it."""

from __future__ import annotations

import dataclasses
import shlex
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from sealer.changes import Command, File
from sealer.changes.script import Planned, Setting, converge_script, read_report
from sealer.model import Cluster, Step, used_values
from sealer_registry_distribution import fragments, sealer_registries
from sealer_registry_distribution.config import config_yml, listen_address, unit_text
from sealer_registry_distribution.registry import Distribution
from tests.plugins.kit import SHELLS, assert_parses, cluster, facts, host


def step_of(view: Cluster) -> Step:
    (step,) = Distribution().serve(view)
    return step


def credentials_change(step: Step) -> Command:
    return next(change for change in step.changes if isinstance(change, Command) and change.yields)


def test_the_plugin_provides_distribution() -> None:
    assert [registry.name for registry in sealer_registries()] == ["distribution"]


def test_the_first_master_serves_once_it_has_the_files() -> None:
    view = cluster()
    step = step_of(view)
    assert step.host == "10.0.0.1"
    assert step.provides == ("registry",)
    assert step.requires == ("rootfs@10.0.0.1", "registry-store@10.0.0.1")
    assert Distribution().hosts(view) == (view.first_master,)


def test_the_endpoint_refers_to_values_that_the_step_yields() -> None:
    view = cluster()
    endpoint = Distribution().endpoint(view)
    step = step_of(view)
    assert endpoint.netloc == "sea.hub:5000"
    assert endpoint.address == "10.0.0.1"
    assert endpoint.password == step.value("password")
    assert endpoint.credentials == step.value("credentials")
    assert endpoint.certificate_authority == step.value("ca")
    assert endpoint.password.secret
    assert endpoint.credentials.secret
    assert not endpoint.certificate_authority.secret


def test_every_script_of_the_plan_parses() -> None:
    assert_parses(step_of(cluster()))


def test_a_plan_shows_no_secret() -> None:
    step = step_of(cluster())
    lines = credentials_change(step).run.splitlines()
    secrets = [shlex.split(line)[2] for line in lines if line.endswith(("/password", "/basic"))]
    assert len(secrets) == 2
    shown = [change.describe() for change in step.changes] + [change.undo() or "" for change in step.changes]
    assert not [text for text in shown for secret in secrets if secret in text]
    assert not any(used_values(change) for change in step.changes)


def test_files_that_all_may_read_hold_no_secret() -> None:
    step = step_of(cluster())
    run = credentials_change(step).run
    assert run.startswith("umask 077\n")
    assert [change.path for change in step.changes if isinstance(change, File)] == [
        "/var/lib/sealer/demo/registry/config.yml"
    ]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_the_host_keeps_the_credentials_that_came_first(shell: tuple[str, ...], tmp_path: Path) -> None:
    view = cluster(data_root=str(tmp_path))

    def visit() -> dict[str, str]:
        change = credentials_change(step_of(view))
        planned = [Planned(change=change, fingerprint=change.fingerprint())]
        script = converge_script(Setting(data=view.data, operation="op"), planned)
        done = subprocess.run(shell, input=script.encode(), capture_output=True, check=True)
        return dict(read_report(done.stdout.decode().splitlines()).values)

    first, second = visit(), visit()
    assert first == second
    assert first["ca"].startswith("-----BEGIN CERTIFICATE-----")
    directory = Path(view.data, "registry")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_the_configuration_serves_the_store_with_tls_and_one_account() -> None:
    text = config_yml(store="/store", directory="/dir", address="10.0.0.1", port=5000, domain="sea.hub")
    document = yaml.safe_load(text)
    assert document["storage"]["filesystem"] == {"rootdirectory": "/store"}
    assert document["http"] == {
        "addr": "10.0.0.1:5000",
        "tls": {"certificate": "/dir/tls.crt", "key": "/dir/tls.key"},
    }
    assert document["auth"] == {"htpasswd": {"realm": "sea.hub", "path": "/dir/htpasswd"}}


def test_an_address_of_ip_version_6_is_bracketed() -> None:
    assert listen_address("fd00::1", 5000) == "[fd00::1]:5000"


def test_the_units_first_line_names_the_cluster() -> None:
    text = unit_text(cluster="demo", config="/c.yml", environment="/env")
    assert text.startswith("# Written by Sealer for the cluster demo\n")
    assert 'serve "/c.yml"' in text


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_port_that_is_listened_on_is_found(shell: tuple[str, ...]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

        def answer() -> str:
            script = fragments.state_probe(port)
            done = subprocess.run([*shell], input=script, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        assert answer() == "none"
        server.listen()
        assert answer() == "busy"


@pytest.mark.parametrize(
    ("answer", "word"), [("busy", "port 5000 is in use"), ("ours other", "cluster other")]
)
def test_a_port_that_is_taken_is_refused(answer: str, word: str) -> None:
    taken = host(1, "master", facts=facts(answers={"registry/state": answer}))
    (check,) = Distribution().checks(cluster(taken))
    (finding,) = check.evaluate(cluster(taken))
    assert word in finding.found


def test_the_registry_of_this_cluster_may_be_there_already() -> None:
    ours = host(1, "master", facts=facts(answers={"registry/state": "ours demo"}))
    nodes_do_not_matter = host(2, facts=facts("n2", answers={"registry/state": "busy"}))
    view = cluster(ours, nodes_do_not_matter)
    (check,) = Distribution().checks(view)
    assert list(check.evaluate(view)) == []


def test_the_plan_has_the_same_steps_whenever_it_is_made() -> None:
    view = cluster()
    first, second = step_of(view), step_of(view)
    assert [change.key for change in first.changes] == [change.key for change in second.changes]
    assert dataclasses.replace(first, changes=()) == dataclasses.replace(second, changes=())
