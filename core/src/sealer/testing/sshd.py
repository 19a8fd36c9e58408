"""A real OpenSSH server for tests: on a free loopback port, with its own keys and its own users.

Run as root it lives in a mount namespace of its own, in which /etc/passwd and /etc/shadow are private copies:
users and passwords are as real as can be and are gone with the server, however it ends.

**Example**::

    with Sshd(tmp_path) as server:
        subprocess.run(["ssh", "-i", server.key, "-p", str(server.port), server.address, "true"])
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SshUser:
    """A user that only this server knows.

    Attributes:
        name: The login name.
        password: In clear; only for tests.
        uid: The numeric user and group id.
        shell: The login shell.
    """

    name: str
    password: str
    uid: int = 61000
    shell: str = "/bin/sh"


class Sshd:
    """A running sshd that root (or whoever runs the tests) may enter with ``key``.

    Args:
        directory: Where its files go; it should be empty.
        options: Lines of sshd_config that go before the usual ones, such as ``MaxSessions 1``.
        users: Further users; they need root.
        root_password: A password for root, on this server only; it needs root.
        mounts: Further files or directories to mount over others, for the server only: target by
            source; they need root.
        port: The port to listen on, by default a free one.

    Attributes:
        address: ``127.0.0.1``.
        port: The port it listens on.
        key: The private key file that is authorised for every user.
        host_key: The server's private host key file (ed25519); its public part is beside it in ``.pub``.
        log: The file with what sshd said.
        root_home: The home directory that root has on this server; empty at first. Others have ``/``.
    """

    address = "127.0.0.1"

    def __init__(
        self,
        directory: Path,
        *,
        options: Iterable[str] = (),
        users: Iterable[SshUser] = (),
        root_password: str | None = None,
        mounts: dict[Path, Path] | None = None,
        port: int | None = None,
    ) -> None:
        self.directory = directory
        self.key = directory / "id_ed25519"
        self.host_key = directory / "host_key"
        self.log = directory / "sshd.log"
        self.root_home = directory / "root"
        self.port = port or free_port()
        self._options = tuple(options)
        self._users = tuple(users)
        self._root_password = root_password
        self._mounts = dict(mounts or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def user(self) -> str:
        """The user to log in as with ``key``: the one who runs the tests."""
        return pwd.getpwuid(os.geteuid()).pw_name

    @property
    def process(self) -> int:
        """The process id of the listening sshd."""
        if self._process is None:
            raise ValueError("the server does not run")
        return self._process.pid

    def known_hosts_line(self) -> str:
        """Return the line of a known_hosts file that tells this server's key."""
        kind, blob, *_ = self.host_key.with_suffix(".pub").read_text().split()
        return f"[{self.address}]:{self.port} {kind} {blob}\n"

    def change_host_key(self) -> None:
        """Give the server a new host key; it takes effect at the next start."""
        self.host_key.unlink(missing_ok=True)
        self.host_key.with_suffix(".pub").unlink(missing_ok=True)
        make_key(self.host_key)

    def start(self) -> None:
        """Start, and wait until it answers.

        Raises:
            RuntimeError: It does not start; the message has what it said.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        for key in (self.key, self.host_key):
            if not key.exists():
                make_key(key)
        authorized = self.directory / "authorized_keys"
        if not authorized.exists():
            shutil.copy(self.key.with_suffix(".pub"), authorized)
        config = self.directory / "sshd_config"
        config.write_text("\n".join((*self._options, *self._configuration(authorized))) + "\n")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(config), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"sshd did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop listening. Connections that exist go on, as they do with a real sshd."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(timeout=START_SECONDS)

    def sessions(self) -> tuple[int, ...]:
        """Return the process ids of the sshd processes that serve one connection each."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text()
        return tuple(int(child) for child in children.split())

    def cut(self) -> None:
        """Kill the processes that serve connections, so that every connection breaks at once."""
        for session in self.sessions():
            _kill_tree(session)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            sessions = self.sessions()
            self.stop()
            for session in sessions:
                _kill_tree(session)

    def _configuration(self, authorized: Path) -> tuple[str, ...]:
        keys: tuple[str, ...] = (f"AuthorizedKeysFile {authorized}",)
        if os.geteuid() == 0:
            # Other users may have no way to the directory; the command reads it for them.
            keys = (f"AuthorizedKeysCommand /bin/cat {authorized}", "AuthorizedKeysCommandUser root")
        return (
            f"ListenAddress {self.address}:{self.port}",
            f"HostKey {self.host_key}",
            *keys,
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "UseDNS no",
            "PermitRootLogin yes",
            "PasswordAuthentication yes",
            "KbdInteractiveAuthentication no",
            "MaxStartups 200",
            "Subsystem sftp internal-sftp",
        )

    def _command(self, config: Path) -> list[str]:
        sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "sshd"
        words = [sshd, "-D", "-e", "-f", str(config)]
        if os.geteuid() != 0:
            return words
        mounts = {**self._mounts, **self._accounts()}
        lines = ["set -e", "mkdir -p /run/sshd", "chmod 755 /run/sshd"]
        lines += [
            f"mount --bind {shlex.quote(str(source))} {shlex.quote(str(target))}"
            for target, source in mounts.items()
        ]
        lines.append(f"exec {shlex.join(words)}")
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines)]

    def _accounts(self) -> dict[Path, Path]:
        """Write private copies of the account files, with the users that are wanted and a sshd user."""
        files = {}
        for name in ("passwd", "shadow", "group"):
            copy = self.directory / name
            copy.write_text(Path("/etc", name).read_text())
            copy.chmod(0o600 if name == "shadow" else 0o644)
            files[name] = copy
        # A home of its own for root: what the start-up files of this machine do is not part of a test.
        self.root_home.mkdir(exist_ok=True)
        others = [line for line in files["passwd"].read_text().splitlines() if not line.startswith("root:")]
        passwd = "\n".join((f"root:x:0:0:root:{self.root_home}:/bin/sh", *others)) + "\n"
        if "\nsshd:" not in passwd:
            passwd += "sshd:x:60999:65534::/run/sshd:/usr/sbin/nologin\n"
        shadow = files["shadow"].read_text()
        if self._root_password is not None:
            others = [line for line in shadow.splitlines() if not line.startswith("root:")]
            shadow = "\n".join((f"root:{_crypt(self._root_password)}:19000:0:99999:7:::", *others)) + "\n"
        group = files["group"].read_text()
        for user in self._users:
            passwd += f"{user.name}:x:{user.uid}:{user.uid}::/:{user.shell}\n"
            shadow += f"{user.name}:{_crypt(user.password)}:19000:0:99999:7:::\n"
            group += f"{user.name}:x:{user.uid}:\n"
        for name, text in (("passwd", passwd), ("shadow", shadow), ("group", group)):
            files[name].write_text(text)
        return {Path("/etc", name): copy for name, copy in files.items()}

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((Sshd.address, 0))
        port: int = probe.getsockname()[1]
        return port


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> None:
    """Write a new private key, and its public part beside it in ``.pub``."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def _crypt(password: str) -> str:
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _kill_tree(process: int) -> None:
    """Kill an sshd process and the sshd processes below it, but nothing that it runs for a user."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        name = Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return
    if not name.startswith("sshd"):
        return
    for child in children:
        _kill_tree(int(child))
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
