"""A real container registry for tests: Debian's docker-registry on a free port, with TLS and users.

**Example**::

    with RegistryServer(tmp_path, tls=True, users={"ann": "secret"}) as registry:
        trust = sealer_home / "certs.d" / registry.address
        trust.mkdir(parents=True)
        shutil.copy(registry.authority, trust / "ca.crt")
        login = ["sealer", "login", "-u", "ann", "--password-stdin", registry.address]
        subprocess.run(login, input=b"secret", check=True)
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 10.0

_LISTENING = re.compile(r"listening on [0-9.]+:(\d+)")
_REQUEST = re.compile(r'"([A-Z]+) (/v2/[^\s?]*)\S* HTTP/[\d.]+" (\d+)')


class RegistryServer:
    """A running registry. What is pushed stays in its directory over a restart.

    Args:
        directory: Where its files go.
        tls: Whether it speaks TLS, with a certificate of an authority of its own, or plain HTTP.
        users: Passwords by user name; without any, everybody has access.
        port: The port to listen on; None takes a free one.
        host: The address to listen on; that of loopback unless it runs where others have to reach it.
        command: Makes the argument list that runs a program where the registry is to run, such as
            ``Lab.operator_command``.

    Attributes:
        port: The port it listens on; 0 before the first start.
        authority: The certificate of the authority; it exists with ``tls`` only, once started.
        data: The directory of the registry's storage.
        log: The file with what the server said.
    """

    def __init__(
        self,
        directory: Path,
        *,
        tls: bool = False,
        users: Mapping[str, str] | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        command: Callable[[Sequence[str]], Sequence[str]] = list,
    ) -> None:
        self.host = host
        self.directory = directory
        self.tls = tls
        self.users = dict(users or {})
        self.port = port or 0
        self.authority = directory / "ca.crt"
        self.data = directory / "data"
        self.log = directory / "registry.log"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port, as the first part of an image's name."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"{'https' if self.tls else 'http'}://{self.address}"

    def requests(self) -> tuple[str, ...]:
        """Return the requests since the last start, as ``GET /v2/app/blobs/sha256:… 200``; no queries."""
        found = _REQUEST.findall(self.log.read_text(errors="replace"))
        return tuple(f"{method} {path} {status}" for method, path, status in found)

    def start(self) -> None:
        """Start, and wait until it listens.

        Raises:
            RuntimeError: It does not start; the message has what it said.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.tls and not self.authority.exists():
            self._make_certificates()
        configuration = self.directory / "config.yml"
        configuration.write_text(json.dumps(self._configuration()))
        self.log.write_bytes(b"")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(["docker-registry", "serve", str(configuration)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while (match := _LISTENING.search(self.log.read_text(errors="replace"))) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"docker-registry did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.02)
        self.port = int(match[1])

    def stop(self) -> None:
        """Stop, if it runs; it can be started again, on the same port."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _configuration(self) -> dict[str, object]:
        # JSON is YAML as well.
        http: dict[str, object] = {"addr": self.address, "secret": "only for tests"}
        if self.tls:
            http["tls"] = {
                "certificate": str(self.directory / "server.crt"),
                "key": str(self.directory / "server.key"),
            }
        configuration: dict[str, object] = {
            "version": 0.1,
            "log": {"level": "info", "formatter": "text"},
            "storage": {"filesystem": {"rootdirectory": str(self.data)}, "delete": {"enabled": True}},
            "http": http,
        }
        if self.users:
            passwords = self.directory / "htpasswd"
            passwords.write_text("".join(_password_line(*user) for user in self.users.items()))
            configuration["auth"] = {"htpasswd": {"realm": "tests", "path": str(passwords)}}
        return configuration

    def _make_certificates(self) -> None:
        subject = f"subjectAltName=IP:{self.host},DNS:localhost"
        authority = ("-CA", str(self.authority), "-CAkey", str(self.directory / "ca.key"))
        self._certificate("ca", "Authority for tests", "-addext", "basicConstraints=critical,CA:TRUE")
        self._certificate("server", self.host, "-addext", subject, *authority)

    def _certificate(self, name: str, common_name: str, *options: str) -> None:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={common_name}"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *(
                    "-keyout",
                    str(self.directory / f"{name}.key"),
                    "-out",
                    str(self.directory / f"{name}.crt"),
                ),
                *options,
            ],
            check=True,
            capture_output=True,
        )


def _password_line(name: str, password: str) -> str:
    """Return a line of a password file, as Apache's htpasswd writes it with bcrypt."""
    return (
        subprocess.run(
            ["htpasswd", "-niB", name], input=password, check=True, capture_output=True, text=True
        ).stdout.strip()
        + "\n"
    )
