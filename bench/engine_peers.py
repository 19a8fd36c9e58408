"""The peers in the benchmark of the engine: installed from PyPI into an environment that is thrown away."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine_work import Work, ansible_playbook, pyinfra_deploy

PACKAGES = ("ansible-core", "pyinfra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of the operator and the variables it needs."""

    words: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()


class Peers:
    """Makes the commands that give the work to hosts.

    Args:
        directory: Where the environment and all files go.
        key: The operator's private key.
        known_hosts: The hosts' keys.
    """

    def __init__(self, directory: Path, key: Path, known_hosts: Path) -> None:
        self._directory = directory
        self._bin = directory / "environment" / "bin"
        self._key = key
        self._known_hosts = known_hosts
        self._runs = 0

    def install(self) -> dict[str, str]:
        """Install the peers and return their versions."""
        venv.create(self._bin.parent, with_pip=True)
        python = str(self._bin / "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-q", *PACKAGES], check=True, stdout=sys.stderr)
        listed = subprocess.run([*pip, "list", "--format", "json"], check=True, capture_output=True)
        versions = {item["name"]: item["version"] for item in json.loads(listed.stdout)}
        return {name: versions[name] for name in PACKAGES}

    def ansible(self, work: Work, addresses: Sequence[str]) -> Command:
        """Return ansible-playbook with as many forks as hosts, pipelining, and connections that are shared.

        Each run makes its own connections, as the others do.
        """
        self._runs += 1
        playbook = self._write("playbook.yaml", json.dumps(ansible_playbook(work)))
        python = "ansible_python_interpreter=/usr/bin/python3"
        inventory = self._write("hosts", "".join(f"{address} {python}\n" for address in addresses))
        control = self._directory / f"c{self._runs}"
        options = f"-o ControlMaster=auto -o ControlPersist=30s -o UserKnownHostsFile={self._known_hosts}"
        settings = {
            "ANSIBLE_CONFIG": str(self._write("ansible.cfg", "[defaults]\n")),
            "ANSIBLE_HOME": str(self._directory / "ansible-home"),
            "ANSIBLE_FORKS": str(len(addresses)),
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_SSH_ARGS": options,
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control),
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_NOCOLOR": "1",
        }
        words = ("ansible-playbook", "-i", str(inventory), "-u", "root", "--private-key", str(self._key))
        return Command(words=(*self._program(*words), str(playbook)), variables=tuple(settings.items()))

    def pyinfra(self, work: Work, addresses: Sequence[str]) -> Command:
        """Return pyinfra with as many hosts at a time as there are."""
        data = {
            "ssh_user": "root",
            "ssh_key": str(self._key),
            "ssh_known_hosts_file": str(self._known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "ssh_allow_agent": False,
            "ssh_look_for_keys": False,
        }
        inventory = self._write("inventory.py", f"hosts = ({list(addresses)!r}, {data!r})\n")
        deploy = self._write("deploy.py", pyinfra_deploy(work))
        words = ("pyinfra", "-y", "--parallel", str(len(addresses)), str(inventory), str(deploy))
        return Command(words=self._program(*words))

    def _program(self, name: str, *words: str) -> tuple[str, ...]:
        return str(self._bin / name), *words

    def _write(self, name: str, text: str) -> Path:
        path = self._directory / name
        path.write_text(text)
        return path
