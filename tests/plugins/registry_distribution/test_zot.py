"""The caches of a cluster whose image has zot: what the plan makes of it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sealer.changes import Change, Command, Copy, File, Unit
from sealer.model import MASTER, Cluster, Host, RegistrySettings, Upstream
from sealer_registry_distribution import cache_fragments
from sealer_registry_distribution.caches import cache_changes, instances
from sealer_registry_distribution.config import PROGRAM
from sealer_registry_distribution.registry import Distribution
from sealer_registry_distribution.zot_config import IMAGE_PROGRAM, ZOT, zot_config_json
from tests.plugins.kit import SHELLS, assert_parses, cluster, host
from tests.plugins.registry_distribution.test_caching import PASSWORDS

PLACE = "/var/lib/sealer/demo/registry-caches/docker.io/zot"
HUB = Upstream(domain="docker.io", url="https://registry-1.docker.io")
PRIVATE = replace(HUB, username="ann", password="secret", certificate_authority="PEM\n")


def view(*caches: Upstream, programs: tuple[str, ...] = (IMAGE_PROGRAM,)) -> Cluster:
    found = cluster(host(1, MASTER))
    image = replace(found.image, programs=programs)
    return replace(found, image=image, registry_settings=RegistrySettings(caches=caches))


def changes(seen: Cluster, master: Host | None = None) -> list[Change]:
    found = instances(seen, 5000)
    one = master or seen.first_master
    return list(cache_changes(seen, one, found, credentials="/credentials", domain="sea.hub"))


def config(**settings: Any) -> dict[str, Any]:
    usual = {
        "store": "/store",
        "directory": "/credentials",
        "address": "10.0.0.1",
        "port": 5010,
        "domain": "sea.hub",
        "url": HUB.url,
        "login": "",
    }
    found: dict[str, Any] = json.loads(zot_config_json(**{**usual, **settings}))
    return found


def test_the_planner_is_asked_for_the_program() -> None:
    assert IMAGE_PROGRAM in Distribution.image_programs


def test_caches_run_the_program_that_the_image_has() -> None:
    found = changes(view(HUB))
    (copy,) = [change for change in found if isinstance(change, Copy)]
    assert (copy.source, copy.path) == ("/var/lib/sealer/demo/rootfs/bin/zot", ZOT)
    assert [change.path for change in found if isinstance(change, File)] == [f"{PLACE}/zot.json"]
    (unit,) = [change for change in found if isinstance(change, Unit)]
    assert f'ExecStart={ZOT} serve "{PLACE}/zot.json"\n' in unit.content
    assert {ZOT, f"{PLACE}/zot.json", "/credentials/tls.crt"} <= set(unit.watches)
    assert PROGRAM not in unit.watches


def test_without_it_they_run_distribution() -> None:
    found = changes(view(HUB, programs=()))
    assert not [change for change in found if isinstance(change, Copy)]
    (unit,) = [change for change in found if isinstance(change, Unit)]
    assert PROGRAM in unit.watches
    assert ZOT not in unit.content


def test_without_caches_nothing_is_made_of_it() -> None:
    assert not [change for change in changes(view()) if isinstance(change, Copy | File | Unit)]


def test_the_plan_parses_with_account_and_authority() -> None:
    (step,) = Distribution().serve(view(PRIVATE))
    assert_parses(step)
    assert step.secrets == {"upstream_password_0": "secret"}
    assert not [change for change in step.changes if "secret" in getattr(change, "content", "")]


def test_an_account_and_authorities_are_beside_the_configuration() -> None:
    found = {change.path: change.content for change in changes(view(PRIVATE)) if isinstance(change, File)}
    assert found[f"{PLACE}/authorities.crt"] == "PEM\n"
    sync = json.loads(found[f"{PLACE}/zot.json"])["extensions"]["sync"]
    assert sync["credentialsFile"] == f"{PLACE}/login.json"
    (unit,) = [change for change in changes(view(PRIVATE)) if isinstance(change, Unit)]
    assert f'Environment="SSL_CERT_FILE={PLACE}/authorities.crt"\n' in unit.content
    assert f"{PLACE}/login.json" in unit.watches


def test_clients_may_read_and_no_more() -> None:
    http = config()["http"]
    assert http["accessControl"] == {"repositories": {"**": {"defaultPolicy": ["read"]}}}
    assert http["auth"] == {"htpasswd": {"path": "/credentials/htpasswd"}}
    assert http["tls"] == {"cert": "/credentials/tls.crt", "key": "/credentials/tls.key"}


@pytest.mark.parametrize(("address", "written"), [("10.0.0.1", "10.0.0.1"), ("fd00::1", "[fd00::1]")])
def test_it_listens_on_the_address_of_the_master(address: str, written: str) -> None:
    http = config(address=address)["http"]
    assert (http["address"], http["port"]) == (written, "5010")


def test_it_fetches_with_tls_verified_and_leaves_digests_as_they_are() -> None:
    sync = config()["extensions"]["sync"]
    (upstream,) = sync["registries"]
    assert upstream["urls"] == [HUB.url]
    assert upstream["onDemand"]
    assert upstream["tlsVerify"]
    assert upstream["preserveDigest"]
    assert "credentialsFile" not in sync


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("password", PASSWORDS)
def test_an_account_of_any_characters_reaches_the_program(
    password: str, shell: tuple[str, ...], tmp_path: Path
) -> None:
    path = str(tmp_path / "login.json")
    login = cache_fragments.json_login("r.example:5000", 'it\'s "ann"', "upstream_password_0")

    def run(script: str, word: str) -> int:
        given = {"PATH": "/usr/bin:/bin", "upstream_password_0": word}
        return subprocess.run(shell, input=script.encode(), env=given, check=False).returncode

    there = cache_fragments.has_login(path, login)
    assert run(there, password) != 0
    assert run(cache_fragments.write_login(path, login), password) == 0
    assert run(there, password) == 0
    assert run(there, f"{password}2") != 0
    assert Path(path).stat().st_mode & 0o777 == 0o600
    account = {"username": 'it\'s "ann"', "password": password}
    assert json.loads(Path(path).read_text()) == {"r.example:5000": account}


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize(("kind", "fits"), [("minimal", False), ("-sync,search", True), ("", True)])
def test_a_build_that_fetches_nothing_is_refused(
    kind: str, fits: bool, shell: tuple[str, ...], tmp_path: Path
) -> None:
    program = tmp_path / "zot's"
    said = json.dumps({"message": "version", "binary-type": kind}, separators=(",", ":"))
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    program.chmod(0o755)

    def run(script: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(shell, input=script.encode(), capture_output=True, check=False)

    assert (run(cache_fragments.can_fetch(str(program))).returncode == 0) is fits
    refused = run(cache_fragments.refuse_minimal("/rootfs/bin/zot"))
    assert refused.returncode != 0
    assert b"/rootfs/bin/zot is the minimal zot" in refused.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("order", [((), (IMAGE_PROGRAM,)), ((IMAGE_PROGRAM,), ())])
def test_what_one_program_leaves_behind_is_the_others_still(
    order: tuple[tuple[str, ...], ...], shell: tuple[str, ...], tmp_path: Path
) -> None:
    def directory(programs: tuple[str, ...]) -> Command:
        seen = replace(view(HUB, programs=programs), data_root=str(tmp_path))
        return next(one for one in changes(seen) if isinstance(one, Command) and one.creates)

    def run(script: str) -> None:
        subprocess.run(shell, input=script.encode(), check=True)

    before, after = (directory(programs) for programs in order)
    run(before.run)
    run(after.run)
    run(after.revert)
    assert Path(before.creates).is_dir()
    assert not Path(after.creates).exists()
    run(before.revert)
    assert not (tmp_path / "demo/registry-caches").exists()
