"""The work that the benchmark of the engine gives to every way: the same files, directories and commands."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sealer.changes import Command, Directory, File
from sealer.changes.base import Change
from sealer.model import Step

TOP = "/srv/bench"
FILES = 10
DIRECTORIES = 5
COMMANDS = 5
FILE_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Files by path with their content, directories by path, and commands by the path of what each makes."""

    files: tuple[tuple[str, str], ...]
    directories: tuple[str, ...]
    commands: tuple[str, ...]

    @property
    def check(self) -> str:
        """A script that prints one digest of all that the work leaves on a host."""
        return (
            f"cd {TOP} && {{ find . -type d | sort; find . -type f -name 'command-*' | sort; "
            "sha256sum file-* | sort; stat -c '%a %n' * | sort; } | sha256sum"
        )


def make_work() -> Work:
    """Return the work; its files differ from one another, and are always the same."""
    files = []
    for number in range(FILES):
        line = hashlib.sha256(str(number).encode()).hexdigest()[:63] + "\n"
        files.append((f"{TOP}/file-{number}", line * (FILE_BYTES // len(line))))
    return Work(
        files=tuple(files),
        directories=tuple(f"{TOP}/directory-{number}" for number in range(DIRECTORIES)),
        commands=tuple(f"{TOP}/command-{number}" for number in range(COMMANDS)),
    )


def sealer_changes(work: Work) -> tuple[Change, ...]:
    return (
        *(Directory(path=path) for path in work.directories),
        *(File(path=path, content=content) for path, content in work.files),
        *(Command(title=f"make {path}", run=f"touch {path}") for path in work.commands),
    )


def sealer_steps(work: Work, hosts: Sequence[str], *, together: bool) -> list[Step]:
    """Return a step for each change of each host, or one for all changes of a host."""
    changes = sealer_changes(work)
    groups = [changes] if together else [(change,) for change in changes]
    return [
        Step(id=f"work-{number}@{host}", title=f"work {number}", host=host, changes=group)
        for host in hosts
        for number, group in enumerate(groups)
    ]


def ansible_playbook(work: Work) -> list[dict[str, object]]:
    """Return a play as JSON, which is YAML as well."""
    builtin = "ansible.builtin"
    tasks = [
        *({f"{builtin}.file": {"path": p, "state": "directory", "mode": "0755"}} for p in work.directories),
        *({f"{builtin}.copy": {"dest": p, "content": c, "mode": "0644"}} for p, c in work.files),
        *({f"{builtin}.command": {"cmd": f"touch {p}", "creates": p}} for p in work.commands),
    ]
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]


def pyinfra_deploy(work: Work) -> str:
    """Return a deploy file."""
    lines = [
        "import io",
        "from pyinfra.operations import files, server",
        *(f"files.directory(path={path!r}, mode='755')" for path in work.directories),
        *(f"files.put(src=io.StringIO({text!r}), dest={path!r}, mode='644')" for path, text in work.files),
        *(f"server.shell(commands=[{f'touch {path}'!r}])" for path in work.commands),
    ]
    return "\n".join(lines) + "\n"
