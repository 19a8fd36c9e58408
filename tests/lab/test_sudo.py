"""Users who are not root: real sudo with and without a password, with and without a terminal of its own."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from sealer.testing.lab import Lab
from sealer.testing.lab.fixtures import LabNodes

pytestmark = pytest.mark.lab

SOURCE = Path(__file__).parents[2] / "core/src"
PASSWORD = "correct horse"

SUDOERS = """\
free    ALL=(ALL) NOPASSWD: ALL
asked   ALL=(ALL) ALL
typist  ALL=(ALL) NOPASSWD: ALL
clerk   ALL=(ALL) ALL
Defaults:typist,clerk requiretty
"""

every_user = pytest.mark.parametrize("user", ["free", "asked", "typist", "clerk"])

PROGRAM = """
import asyncio, hashlib, json, os
from pathlib import Path
from sealer.errors import HostError
from sealer.hosts import Secret, SshSettings, Target, open_connection

async def stream():
    for _ in range(64):
        yield bytes(range(256)) * 256

async def main():
    settings = SshSettings(
        user={user!r},
        password=Secret({password!r}),
        sudo_password=Secret({sudo_password!r}) if {sudo_password!r} else None,
        known_hosts=Path({known_hosts!r}),
    )
    connection = await open_connection(Target(name="n1", address={address!r}, ssh=settings))
{body}
    await connection.close()
    print(json.dumps(answer))

try:
    asyncio.run(main())
except HostError as error:
    print(json.dumps({{"error": type(error).__name__, "message": error.message, "hint": error.hint}}))
"""


@pytest.fixture(scope="module")
def lab(module_lab_nodes: LabNodes) -> Lab:
    lab = module_lab_nodes(1, "sshd")
    node = lab.node("n1")
    for user in ("free", "asked", "typist", "clerk", "stranger"):
        node.run(["useradd", "--create-home", "--shell", "/bin/bash", user])
        node.run(["chpasswd"], input=f"{user}:{PASSWORD}\n")
    return lab


@pytest.fixture(params=["", "Defaults use_pty\n"], ids=["pipes", "use_pty"])
def sudoers(lab: Lab, request: pytest.FixtureRequest) -> None:
    text = request.param + SUDOERS
    lab.node("n1").run(["sh", "-c", "cat > /etc/sudoers.d/test; chmod 440 /etc/sudoers.d/test"], input=text)


def operate(lab: Lab, user: str, body: str, *, sudo_password: str = "") -> dict[str, Any]:
    """Run a few lines with a connection on the operator's side; return the ``answer`` they set."""
    program = PROGRAM.format(
        user=user,
        password=PASSWORD,
        sudo_password=sudo_password,
        known_hosts=str(lab.known_hosts_path),
        address=lab.node("n1").address,
        body=textwrap.indent(textwrap.dedent(body), "    "),
    )
    command = ["env", f"PYTHONPATH={SOURCE}", f"HOME={os.devnull}", sys.executable, "-c", program]
    answer: dict[str, Any] = json.loads(lab.run_operator(command).stdout or "{}")
    return answer


@every_user
def test_scripts_run_as_root(lab: Lab, sudoers: None, user: str) -> None:
    answer = operate(
        lab,
        user,
        """
        result = await connection.run_script("id -u; echo $HOME; cat; echo err >&2; exit 3")
        answer = {"status": result.exit_status, "lines": result.lines, "stderr": result.stderr}
        """,
    )
    assert answer == {"status": 3, "lines": ["0", "/root"], "stderr": ["err"]}


@every_user
def test_streams_arrive_whole(lab: Lab, sudoers: None, user: str) -> None:
    answer = operate(
        lab,
        user,
        """
        result = await connection.send("tee /tmp/streamed | sha256sum", stream())
        came_back = await connection.read_file("/tmp/streamed")
        answer = {"digest": result.stdout.split()[0], "back": hashlib.sha256(came_back).hexdigest()}
        """,
    )
    digest = hashlib.sha256(bytes(range(256)) * 256 * 64).hexdigest()
    assert answer == {"digest": digest, "back": digest}


@pytest.mark.parametrize("user", ["asked", "clerk"])
def test_the_password_is_seen_nowhere(lab: Lab, sudoers: None, user: str) -> None:
    answer = operate(
        lab,
        user,
        """
        look = "set; for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do cat $file; echo; done; cat"
        result = await connection.run_script(look)
        answer = {"shown": result.stdout + repr(result.stderr)}
        """,
    )
    assert "sealer-ready" in answer["shown"]
    assert PASSWORD not in answer["shown"]
    logs = lab.node("n1").run(["sh", "-c", "grep -rlF 'correct horse' /var/log /run/log 2>/dev/null; :"])
    assert logs.stdout == ""


@every_user
def test_a_script_that_takes_too_long_is_ended(lab: Lab, sudoers: None, user: str) -> None:
    answer = operate(
        lab,
        user,
        """
        await connection.run_script("trap '' HUP PIPE; echo $$ > /tmp/late; sleep 1000; :", timeout=0.5)
        """,
    )
    assert "it was ended" in answer["message"]
    process = lab.node("n1").run(["cat", "/tmp/late"]).stdout.strip()
    assert lab.node("n1").run(["test", "-d", f"/proc/{process}"], check=False).returncode != 0


@every_user
def test_a_script_goes_on_when_the_operator_is_gone(lab: Lab, sudoers: None, user: str) -> None:
    node = lab.node("n1")
    node.run(["rm", "-f", "/tmp/began", "/tmp/go", "/tmp/ended"])
    operate(
        lab,
        user,
        '''
        script = """
        trap '' HUP PIPE INT
        touch /tmp/began
        until [ -e /tmp/go ]; do sleep 0.05; done
        echo to nobody; echo to nobody >&2
        touch /tmp/ended
        """
        running = asyncio.create_task(connection.run_script(script))
        while not (await connection.run_script("test -e /tmp/began")).succeeded:
            pass
        os._exit(0)
        ''',
    )
    wait = "for try in $(seq 200); do [ -e /tmp/ended ] && exit 0; sleep 0.05; done; exit 1"
    node.run(["sh", "-c", f"touch /tmp/go; {wait}"])


@every_user
def test_what_a_script_leaves_running_runs_on(lab: Lab, sudoers: None, user: str) -> None:
    answer = operate(
        lab,
        user,
        """
        await connection.run_script("sleep 1000 >/dev/null 2>&1 </dev/null & echo $! > /tmp/left")
        result = await connection.run_script("sleep 0.2; kill $(cat /tmp/left) && echo running")
        answer = {"left": result.stdout}
        """,
    )
    assert answer == {"left": "running\n"}


@pytest.mark.parametrize("user", ["asked", "clerk"])
def test_a_wrong_password_is_tried_once(lab: Lab, sudoers: None, user: str) -> None:
    answer = operate(lab, user, "", sudo_password="battery staple")
    assert answer["error"] == "PrivilegesRefused"
    assert "1 incorrect password attempt" in answer["message"]
    assert "check the password" in answer["hint"]


def test_a_user_whom_sudoers_does_not_know(lab: Lab, sudoers: None) -> None:
    answer = operate(lab, "stranger", "")
    assert answer["error"] == "PrivilegesRefused"
    assert "not in the sudoers file" in answer["message"]


@pytest.mark.parametrize("user", ["typist", "clerk"])
def test_a_terminal_that_can_not_be_made(lab: Lab, sudoers: None, user: str) -> None:
    node = lab.node("n1")
    node.run(["chmod", "0", "/usr/bin/script"])
    try:
        answer = operate(lab, user, "")
    finally:
        node.run(["chmod", "755", "/usr/bin/script"])
    assert answer["error"] == "PrivilegesRefused"
    assert "you must have a tty" in answer["message"]
    assert "install script" in answer["hint"]
    assert f"Defaults:{user} !requiretty" in answer["hint"]
