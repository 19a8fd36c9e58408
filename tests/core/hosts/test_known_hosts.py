from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from sealer.hosts.known_hosts import HostKey, host_name, look_up, parse_records, read_records, record_key
from sealer.testing.sshd import make_key

KEY = HostKey(type="ssh-ed25519", blob=b"a key")
OTHER = HostKey(type="ssh-rsa", blob=b"another key")
KEY_TEXT = "ssh-ed25519 YSBrZXk="
OTHER_TEXT = "ssh-rsa YW5vdGhlciBrZXk="


def keys(text: str, name: str, address: str = "192.0.2.1", port: int = 22) -> list[HostKey]:
    return [record.key for record in look_up(parse_records(text, "file"), name, address, port).keys]


@pytest.mark.parametrize(
    ("patterns", "name", "port", "found"),
    [
        ("node1", "node1", 22, True),
        ("Node1", "node1", 22, True),
        ("node1", "NODE1", 22, True),
        ("node1", "node1", 2222, False),
        ("[node1]:2222", "node1", 2222, True),
        ("[node1]:2222", "node1", 22, False),
        ("a,node1,b", "node1", 22, True),
        ("node*", "node1", 22, True),
        ("node?", "node12", 22, False),
        ("*,!node1", "node1", 22, False),
        ("*,!node1", "node2", 22, True),
        ("[*]:2222", "node1", 2222, True),
        ("192.0.2.1", "node1", 22, True),
        ("[192.0.2.1]:2222", "node1", 2222, True),
        ("192.0.2.*", "node1", 22, True),
        ("[2001:db8::1]:2222", "2001:db8::1", 2222, True),
        ("2001:db8::1", "2001:db8::1", 22, True),
    ],
)
def test_names_ports_and_patterns(patterns: str, name: str, port: int, found: bool) -> None:
    assert keys(f"{patterns} {KEY_TEXT} comment\n", name, port=port) == ([KEY] if found else [])


def test_the_name_decides_before_the_address() -> None:
    text = f"node1 {KEY_TEXT}\n192.0.2.1 {OTHER_TEXT}\n"
    assert keys(text, "node1") == [KEY]
    assert keys(text, "node2") == [OTHER]


def test_lines_that_make_no_sense_are_left_out() -> None:
    text = f"# node1 {KEY_TEXT}\n\nnode1\nnode1 ssh-ed25519 ?\n@strange node1 {KEY_TEXT}\n node1 {OTHER_TEXT}"
    assert keys(text, "node1") == [OTHER]


def test_markers_are_kept_apart() -> None:
    text = f"@cert-authority * {KEY_TEXT}\n@revoked * {OTHER_TEXT}\n"
    known = look_up(parse_records(text, "file"), "node1", "192.0.2.1", 22)
    assert known.keys == ()
    assert [record.key for record in known.authorities] == [KEY]
    assert [record.key for record in known.revoked] == [OTHER]


def test_the_place_of_a_record_is_file_and_line() -> None:
    (record,) = parse_records(f"# first\nnode1 {KEY_TEXT}\n", "/home/me/.ssh/known_hosts")
    assert record.place == "/home/me/.ssh/known_hosts:2"


def test_names_hashed_by_ssh_keygen_are_found(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    make_key(tmp_path / "key")
    kind, blob, _ = (tmp_path / "key.pub").read_text().split()
    file.write_text(f"node1 {kind} {blob}\n[node2]:2222 {kind} {blob}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "node1" not in file.read_text()
    records = read_records([file])
    assert len(look_up(records, "node1", "192.0.2.1", 22).keys) == 1
    assert len(look_up(records, "node2", "192.0.2.1", 2222).keys) == 1
    assert look_up(records, "node2", "192.0.2.1", 22).keys == ()


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], check=True, capture_output=True, text=True
    )
    (record,) = parse_records(f"node1 {(tmp_path / 'key.pub').read_text()}", "file")
    assert record.key.fingerprint == shown.stdout.split()[1]


def test_a_recorded_key_is_found_by_us_and_by_openssh(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    record_key(file, "Node1", 2222, KEY)
    assert keys(file.read_text(), "node1", port=2222) == [KEY]
    found = subprocess.run(
        ["ssh-keygen", "-F", host_name("node1", 2222), "-f", file], check=True, capture_output=True, text=True
    )
    assert KEY_TEXT in found.stdout


def test_records_are_for_the_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    record_key(file, "node1", 22, KEY)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_recorded_key_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    record_key(file, "node1", 22, KEY)
    known = record_key(file, "node1", 22, OTHER)
    assert [record.key for record in known.keys] == [KEY]
    assert file.read_text().count("\n") == 1


def test_a_torn_last_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("node0 ssh-ed255")
    record_key(file, "node1", 22, KEY)
    assert keys(file.read_text(), "node1") == [KEY]


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    names = [f"node{number}" for number in range(40)]
    threads = [threading.Thread(target=record_key, args=(file, name, 22, KEY)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line.split()[0] for line in file.read_text().splitlines()) == sorted(names)
