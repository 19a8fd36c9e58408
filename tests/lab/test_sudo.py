"""Users who are not root: real sudo with and without a password, with and without a terminal of its own."""

from __future__ import annotations

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
Defaults:typist requiretty
"""

PROGRAM = """
import asyncio, json, os
from pathlib import Path
from sealer.errors import HostError
from sealer.hosts import Secret, SshSettings, Target, open_connection

async def stream():
    for _ in range(64):
        yield bytes(1 << 16)

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
    for user in ("free", "asked", "typist", "stranger"):
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


@pytest.mark.parametrize("user", ["free", "asked"])
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


@pytest.mark.parametrize("user", ["free", "asked"])
def test_streams_arrive_whole(lab: Lab, sudoers: None, user: str) -> None:
    answer = operate(
        lab,
        user,
        """
        result = await connection.send("wc -c", stream())
        answer = {"size": result.stdout.strip()}
        """,
    )
    assert answer == {"size": str(4 << 20)}


def test_the_password_is_seen_nowhere(lab: Lab, sudoers: None) -> None:
    answer = operate(
        lab,
        "asked",
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


@pytest.mark.parametrize("user", ["free", "asked"])
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


@pytest.mark.parametrize("user", ["free", "asked"])
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


def test_a_wrong_password_is_tried_once(lab: Lab, sudoers: None) -> None:
    answer = operate(lab, "asked", "", sudo_password="battery staple")
    assert answer["error"] == "AuthenticationFailed"
    assert "1 incorrect password attempt" in answer["message"]
    assert "check the password" in answer["hint"]


def test_a_user_whom_sudoers_does_not_know(lab: Lab, sudoers: None) -> None:
    answer = operate(lab, "stranger", "")
    assert answer["error"] == "AuthenticationFailed"
    assert "not in the sudoers file" in answer["message"]


def test_a_user_who_needs_a_terminal(lab: Lab, sudoers: None) -> None:
    answer = operate(lab, "typist", "")
    assert answer["error"] == "AuthenticationFailed"
    assert "Defaults:typist !requiretty" in answer["hint"]
