"""Logging in: every way that works, and a clear word for every way that does not."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.errors import AuthenticationFailed, HostError, HostKeyRejected, HostUnreachable
from sealer.hosts import HostKeyPolicy, Secret, SshSettings, Target, open_connection
from sealer.testing.sshd import Sshd, SshUser, free_port, make_key
from tests.core.hosts.conftest import TargetFactory


async def whoami(target: Target) -> str:
    connection = await open_connection(target)
    try:
        return (await connection.run_script("id -un")).stdout.strip()
    finally:
        await connection.close()


async def test_a_key(server: Sshd, target: TargetFactory) -> None:
    assert await whoami(target(server)) == server.user


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_the_usual_keys_are_found(server: Sshd, target: TargetFactory, home: Path, kind: str) -> None:
    key = home / ".ssh" / f"id_{kind}"
    key.parent.mkdir()
    make_key(key, kind=kind)
    authorize(server, key)
    assert await whoami(target(server, private_key=None)) == server.user


async def test_a_key_with_a_passphrase(server: Sshd, target: TargetFactory, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    make_key(key, passphrase="open sesame")
    authorize(server, key)
    opened = target(server, private_key=key, passphrase=Secret("open sesame"))
    assert await whoami(opened) == server.user


async def test_a_key_whose_passphrase_is_wrong_or_missing(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    key = tmp_path / "locked"
    make_key(key, passphrase="open sesame")
    with pytest.raises(AuthenticationFailed, match="the passphrase does not open the key"):
        await whoami(target(server, private_key=key, passphrase=Secret("open barley")))
    with pytest.raises(AuthenticationFailed, match="needs a passphrase") as caught:
        await whoami(target(server, private_key=key))
    assert "ssh-add" in str(caught.value.hint)


async def test_a_key_that_is_missing_or_no_key(server: Sshd, target: TargetFactory, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationFailed, match="No such file"):
        await whoami(target(server, private_key=tmp_path / "nothing"))
    (tmp_path / "text").write_text("just text")
    with pytest.raises(AuthenticationFailed, match="is no private key"):
        await whoami(target(server, private_key=tmp_path / "text"))


async def test_a_key_that_the_host_does_not_know(server: Sshd, target: TargetFactory, tmp_path: Path) -> None:
    key = tmp_path / "stranger"
    make_key(key)
    with pytest.raises(AuthenticationFailed, match=f"tried key {key}") as caught:
        await whoami(target(server, private_key=key))
    assert "accepts: publickey, password" in str(caught.value.hint)


async def test_nothing_to_log_in_with(server: Sshd, target: TargetFactory) -> None:
    with pytest.raises(AuthenticationFailed, match="nothing to try"):
        await whoami(target(server, private_key=None))


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "agent"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield path
    process.terminate()
    process.wait()
    process.stdout.close()


async def test_a_key_of_the_agent(server: Sshd, target: TargetFactory, agent: Path) -> None:
    subprocess.run(["ssh-add", "-q", server.key], check=True)
    assert await whoami(target(server, private_key=None)) == server.user


async def test_the_agent_opens_a_named_key_that_is_locked(
    server: Sshd, target: TargetFactory, agent: Path, tmp_path: Path
) -> None:
    locked, others = tmp_path / "locked", [tmp_path / f"other{number}" for number in range(8)]
    for key in (*others, locked):
        make_key(key)
    # More keys than sshd lets anybody try: only the right one may be shown.
    subprocess.run(["ssh-add", "-q", *others, locked], check=True, capture_output=True)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", locked], check=True, capture_output=True)
    authorize(server, locked)
    assert await whoami(target(server, private_key=locked)) == server.user


async def test_the_agent_is_left_alone_when_told(server: Sshd, target: TargetFactory, agent: Path) -> None:
    subprocess.run(["ssh-add", "-q", server.key], check=True)
    with pytest.raises(AuthenticationFailed, match="nothing to try"):
        await whoami(target(server, private_key=None, agent=False))


async def test_one_key_alone_is_shown_where_one_wrong_key_is_one_too_many(
    tmp_path: Path, target: TargetFactory, agent: Path, home: Path
) -> None:
    wrong = [tmp_path / f"wrong{number}" for number in range(4)]
    for key in wrong:
        make_key(key)
    subprocess.run(["ssh-add", "-q", *wrong], check=True, capture_output=True)
    (home / ".ssh").mkdir()
    make_key(home / ".ssh" / "id_ed25519")
    options = ["MaxAuthTries 1"]
    with Sshd(tmp_path / "sshd", options=options, root_password="correct horse") as server:
        assert await whoami(target(server, identities_only=True)) == server.user
        by_password = {"user": "root", "private_key": None, "password": Secret("correct horse")}
        assert await whoami(target(server, **by_password, identities_only=True)) == "root"
        with pytest.raises(AuthenticationFailed, match="tried agent key wrong0"):
            await whoami(target(server, **by_password))
        with pytest.raises(AuthenticationFailed, match="nothing to try"):
            await whoami(target(server, private_key=None, identities_only=True))


async def test_too_many_keys_are_told_apart_from_a_broken_connection(
    server: Sshd, target: TargetFactory, agent: Path, tmp_path: Path
) -> None:
    keys = [tmp_path / f"key{number}" for number in range(8)]
    for key in keys:
        make_key(key)
    subprocess.run(["ssh-add", "-q", *keys], check=True)
    with pytest.raises(AuthenticationFailed, match="tried agent key key0, agent key key1"):
        await whoami(target(server, private_key=None))


async def test_a_password(tmp_path: Path, target: TargetFactory) -> None:
    with Sshd(tmp_path / "sshd", root_password="correct horse") as server:
        right = target(server, user="root", private_key=None, password=Secret("correct horse"))
        assert await whoami(right) == "root"


async def test_a_wrong_password(tmp_path: Path, target: TargetFactory) -> None:
    with Sshd(tmp_path / "sshd", root_password="correct horse") as server:
        wrong = target(server, user="root", private_key=None, password=Secret("battery staple"))
        with pytest.raises(AuthenticationFailed, match="tried the password") as caught:
            await whoami(wrong)
        assert "staple" not in f"{caught.value} {caught.value.hint}"


async def test_a_user_who_is_not_root_where_there_is_no_sudo(tmp_path: Path, target: TargetFactory) -> None:
    user = SshUser(name="anna", password="hunter2")
    sudo = shutil.which("sudo")
    hidden = {Path(sudo): Path("/dev/null")} if sudo else {}
    anna = {"user": "anna", "private_key": None, "password": Secret("hunter2")}
    with (
        Sshd(tmp_path / "sshd", users=[user], mounts=hidden) as server,
        pytest.raises(AuthenticationFailed, match="anna is not root, and the host has no sudo"),
    ):
        await whoami(target(server, **anna))


async def test_a_login_shell_that_runs_nothing(tmp_path: Path, target: TargetFactory) -> None:
    user = SshUser(name="anna", password="hunter2", shell="/usr/sbin/nologin")
    anna = {"user": "anna", "private_key": None, "password": Secret("hunter2")}
    with (
        Sshd(tmp_path / "sshd", users=[user]) as server,
        pytest.raises(HostError, match=r"login shell of anna did not start sh: .*not available"),
    ):
        await whoami(target(server, **anna))


async def test_start_up_files_that_print_do_no_harm(server: Sshd, target: TargetFactory) -> None:
    rc = server.root_home / ".ssh" / "rc"
    rc.parent.mkdir()
    rc.write_text("echo welcome; echo beware >&2\n")
    connection = await open_connection(target(server))
    try:
        result = await connection.run_script("echo out; echo err >&2")
    finally:
        await connection.close()
    assert (result.stdout, result.stderr) == ("out\n", ("err",))


async def test_an_unknown_host_key(server: Sshd, target: TargetFactory, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    fingerprint = fingerprint_of(server)
    with pytest.raises(HostKeyRejected, match="is not known") as caught:
        await whoami(target(server, known_hosts=empty))
    assert fingerprint in caught.value.message
    assert "--accept-new" in str(caught.value.hint)
    assert f"ssh-keyscan -p {server.port} {server.address} >> {empty}" in str(caught.value.hint)
    assert not (tmp_path / "recorded_hosts").exists()


async def test_a_new_key_is_accepted_once_and_a_changed_one_never(
    tmp_path: Path, target: TargetFactory, home: Path
) -> None:
    recorded = tmp_path / "recorded"
    port = free_port()
    with Sshd(tmp_path / "sshd", port=port) as server:
        old = fingerprint_of(server)
        new_host = target(
            server,
            known_hosts=home / "none",
            recorded_hosts=recorded,
            host_key_policy=HostKeyPolicy.ACCEPT_NEW,
        )
        assert await whoami(new_host) == server.user
        assert recorded.read_text() == server.known_hosts_line()
        known_host = target(server, known_hosts=home / "none", recorded_hosts=recorded)
        assert await whoami(known_host) == server.user
    impostor = Sshd(tmp_path / "sshd", port=port)
    impostor.change_host_key()
    with impostor as server:
        for again in (new_host, known_host):
            with pytest.raises(HostKeyRejected, match="the host key has changed") as caught:
                await whoami(again)
            assert f"{recorded}:1" in caught.value.message
            assert old in caught.value.message
            assert fingerprint_of(server) in caught.value.message
            assert f"ssh-keygen -R '[127.0.0.1]:{port}' -f {recorded}" in str(caught.value.hint)
    assert recorded.read_text().count("\n") == 1


async def test_a_key_of_another_type_than_the_recorded_one_is_a_changed_key(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    known_hosts = tmp_path / "known_rsa"
    make_key(tmp_path / "rsa", kind="rsa")
    kind, blob, _ = (tmp_path / "rsa.pub").read_text().split()
    known_hosts.write_text(f"[{server.address}]:{server.port} {kind} {blob}\n")
    with pytest.raises(HostKeyRejected, match="has changed"):
        await whoami(target(server, known_hosts=known_hosts, host_key_policy=HostKeyPolicy.ACCEPT_NEW))


async def test_the_recorded_type_is_asked_for(tmp_path: Path, target: TargetFactory) -> None:
    rsa = tmp_path / "rsa"
    make_key(rsa, kind="rsa")
    with Sshd(tmp_path / "sshd", options=[f"HostKey {rsa}"]) as server:
        known_hosts = tmp_path / "known_rsa"
        kind, blob, _ = rsa.with_suffix(".pub").read_text().split()
        known_hosts.write_text(f"[{server.address}]:{server.port} {kind} {blob}\n")
        assert await whoami(target(server, known_hosts=known_hosts)) == server.user


async def test_a_pinned_fingerprint_decides_alone(server: Sshd, target: TargetFactory, home: Path) -> None:
    pinned = target(server, known_hosts=home / "none", fingerprints=(fingerprint_of(server),))
    assert await whoami(pinned) == server.user
    with pytest.raises(HostKeyRejected, match="another key than the pinned one"):
        await whoami(target(server, fingerprints=("SHA256:something+else",)))


async def test_a_revoked_key_is_refused_even_if_pinned(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    known_hosts = tmp_path / "revoked"
    known_hosts.write_text(f"@revoked {server.known_hosts_line()}")
    with pytest.raises(HostKeyRejected, match="revoked"):
        await whoami(target(server, known_hosts=known_hosts, fingerprints=(fingerprint_of(server),)))


async def test_a_host_certificate_of_a_known_authority(tmp_path: Path, target: TargetFactory) -> None:
    authority = tmp_path / "authority"
    make_key(authority)
    with Sshd(tmp_path / "sshd") as first:
        host_key = first.host_key
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "host", "-h", "-n", "127.0.0.1"]
    subprocess.run([*sign, f"{host_key}.pub"], check=True, capture_output=True)
    options = [f"HostCertificate {host_key}-cert.pub"]
    with Sshd(tmp_path / "sshd", options=options) as server:
        known_hosts = tmp_path / "authorities"
        known_hosts.write_text(f"@cert-authority * {authority.with_suffix('.pub').read_text()}")
        assert await whoami(target(server, known_hosts=known_hosts)) == server.user


async def test_a_host_is_found_by_its_name(server: Sshd, target: TargetFactory, tmp_path: Path) -> None:
    known_hosts = tmp_path / "by_name"
    known_hosts.write_text(server.known_hosts_line().replace("127.0.0.1", "localhost"))
    settings = target(server, known_hosts=known_hosts).ssh
    assert await whoami(Target(name="n1", address="localhost", ssh=settings)) == server.user
    with pytest.raises(HostKeyRejected):
        await whoami(Target(name="n1", address="127.0.0.1", ssh=settings))


async def test_known_hosts_that_can_not_be_read_stop_everything(
    server: Sshd, target: TargetFactory, tmp_path: Path
) -> None:
    with pytest.raises(HostError, match="Is a directory"):
        await whoami(target(server, known_hosts=tmp_path))


async def test_nobody_listens(home: Path) -> None:
    settings = SshSettings(port=free_port(), attempts=2)
    with pytest.raises(HostUnreachable, match="refuses connections") as caught:
        await whoami(Target(name="n1", address="127.0.0.1", ssh=settings))
    assert caught.value.retryable
    assert "sshd" in str(caught.value.hint)


async def test_a_host_that_comes_up_late_is_reached(tmp_path: Path, target: TargetFactory) -> None:
    server = Sshd(tmp_path / "sshd")
    with server:
        late = target(server)
    process = subprocess.Popen(["sleep", "0.6"])
    try:
        connecting = asyncio.create_task(whoami(late))
        await asyncio.to_thread(process.wait)
        assert not connecting.done()
        with server:
            assert await connecting == server.user
    finally:
        process.wait()


async def test_an_address_that_does_not_answer(tmp_path: Path) -> None:
    # A full backlog drops further connections, as a firewall does.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        settings = SshSettings(port=listener.getsockname()[1], attempts=1, connect_timeout=0.3)
        with pytest.raises(HostUnreachable, match=r"did not answer within 0\.3 seconds"):
            await whoami(Target(name="n1", address="127.0.0.1", ssh=settings))
        for client in waiting:
            client.close()


async def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(HostUnreachable, match=r"name no-such-host\.invalid"):
        await whoami(Target(name="n1", address="no-such-host.invalid", ssh=SshSettings(attempts=1)))


async def test_a_port_that_speaks_something_else(target: TargetFactory) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listener:
        settings = SshSettings(port=listener.sockets[0].getsockname()[1], attempts=1)
        with pytest.raises(HostError):
            await whoami(Target(name="n1", address="127.0.0.1", ssh=settings))


def authorize(server: Sshd, key: Path) -> None:
    with (server.directory / "authorized_keys").open("a") as file:
        file.write(key.with_suffix(".pub").read_text())


def fingerprint_of(server: Sshd) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{server.host_key}.pub"], check=True, capture_output=True, text=True
    )
    return done.stdout.split()[1]


@pytest.mark.parametrize(
    "old",
    [
        "KexAlgorithms diffie-hellman-group14-sha1",
        "Ciphers aes128-ctr\nMACs hmac-sha1,hmac-sha1-etm@openssh.com",
        "Ciphers aes128-cbc",
    ],
)
async def test_a_host_that_knows_only_old_algorithms(tmp_path: Path, target: TargetFactory, old: str) -> None:
    with (
        Sshd(tmp_path / "sshd", options=[old]) as server,
        pytest.raises(HostError, match="speaks no SSH that is safe enough"),
    ):
        await whoami(target(server))


async def test_the_fastest_cipher_is_chosen(tmp_path: Path, target: TargetFactory) -> None:
    with Sshd(tmp_path / "sshd", options=["LogLevel DEBUG1"]) as server:
        await whoami(target(server))
        assert "cipher: aes128-gcm@openssh.com" in server.log.read_text()
