"""The step that the registry declares, and what a real shell makes of it."""

from __future__ import annotations

import dataclasses
import shlex
import socket
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from sealer.changes import Command, File, Wait
from sealer.changes.report import read_report
from sealer.changes.script import Planned, Setting, converge_script
from sealer.model import MASTER, Cluster, RegistrySettings, Step, used_values
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
    assert step.provides == ("registry@10.0.0.1",)
    assert step.requires == ("rootfs@10.0.0.1", "registry-store@10.0.0.1")
    assert Distribution().hosts(view) == (view.first_master,)


def test_every_master_serves_with_the_credentials_of_the_first() -> None:
    view = cluster(host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4))
    assert Distribution().hosts(view) == view.masters
    assert Distribution().endpoint(view).addresses == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    first, *others = Distribution().serve(view)
    assert [step.provides for step in others] == [("registry@10.0.0.2",), ("registry@10.0.0.3",)]
    for step in others:
        assert step.uses() == {(first.id, name) for name in fragments.FILES}
        assert_parses(step)
    assert not first.uses()
    plain = {name for name in fragments.FILES if not first.value(name).secret}
    assert plain == {"authority", "certificate"}


def test_keys_leave_a_lone_master_for_nobody() -> None:
    (change,) = [change for change in step_of(cluster()).changes if change.outputs]
    assert {output.key for output in change.outputs} == {"authority", "password", "basic"}


def test_the_endpoint_refers_to_values_that_the_step_yields() -> None:
    view = cluster()
    endpoint = Distribution().endpoint(view)
    step = step_of(view)
    assert endpoint.netloc == "sea.hub:5000"
    assert endpoint.addresses == ("10.0.0.1",)
    assert endpoint.password == step.value("password")
    assert endpoint.credentials == step.value("basic")
    assert endpoint.certificate_authority == step.value("authority")
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
    assert first["authority"].startswith("-----BEGIN CERTIFICATE-----")
    directory = Path(view.data, "registry", "sea.hub")
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
            done = subprocess.run([*shell], input=fragments.STATE, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        assert answer().split()[0] == "listening"
        # Others may listen on the same port of other addresses.
        others = answer().split().count(f"{port:04X}")
        server.listen()
        assert answer().split().count(f"{port:04X}") == others + 1


@pytest.mark.parametrize(
    ("answer", "word"), [("listening 0016 1388", "port 5000 is in use"), ("ours other", "cluster other")]
)
def test_a_port_that_is_taken_is_refused(answer: str, word: str) -> None:
    taken = host(1, "master", facts=facts(answers={"registry/state": answer}))
    (check,) = Distribution().checks(cluster(taken))
    (finding,) = check.evaluate(cluster(taken))
    assert word in finding.found


def test_the_registry_of_this_cluster_may_be_there_already() -> None:
    ours = host(1, "master", facts=facts(answers={"registry/state": "ours demo"}))
    nodes_do_not_matter = host(2, facts=facts("n2", answers={"registry/state": "listening 1388"}))
    view = cluster(ours, nodes_do_not_matter)
    (check,) = Distribution().checks(view)
    assert list(check.evaluate(view)) == []


def test_the_plan_has_the_same_steps_whenever_it_is_made() -> None:
    view = cluster()
    first, second = step_of(view), step_of(view)
    assert [change.key for change in first.changes] == [change.key for change in second.changes]
    assert dataclasses.replace(first, changes=()) == dataclasses.replace(second, changes=())


def test_domain_and_port_are_those_of_the_clusterfile() -> None:
    busy = host(1, "master", facts=facts(answers={"registry/state": "listening 1388 1F90"}))
    view = dataclasses.replace(
        cluster(busy), registry_settings=RegistrySettings(domain="hub.example.org", port=8080)
    )
    provider = Distribution()
    step = step_of(view)
    assert provider.endpoint(view).netloc == "hub.example.org:8080"
    assert [way.port for way in provider.traffic(view)] == [8080]
    (config,) = (change for change in step.changes if isinstance(change, File))
    document = yaml.safe_load(config.content)
    assert document["http"]["addr"] == "10.0.0.1:8080"
    assert document["auth"]["htpasswd"]["realm"] == "hub.example.org"
    (wait,) = (change for change in step.changes if isinstance(change, Wait))
    assert ":1F90" in wait.until
    assert ":1388" not in wait.until
    (check,) = provider.checks(view)
    (finding,) = check.evaluate(view)
    assert finding.found == "port 8080 is in use"


def test_the_certificate_is_for_the_domain_and_another_domain_gets_another() -> None:
    def certificate(domain: str) -> tuple[x509.Certificate, str]:
        view = dataclasses.replace(cluster(), registry_settings=RegistrySettings(domain=domain))
        change = credentials_change(step_of(view))
        texts = [word for word in shlex.split(change.run) if "BEGIN CERTIFICATE" in word]
        line = texts[-1]  # the authority's comes first
        return x509.load_pem_x509_certificate(line.encode()), change.creates

    first, place = certificate("hub.example.org")
    second, other_place = certificate("sea.hub")
    names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.example.org", "cache.hub.example.org"]
    assert place != other_place
    assert second.subject != first.subject
