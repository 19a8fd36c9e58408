"""Ways to log in and to become root, by keys, passphrases, passwords and agents."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.testing.sshd import make_key
from tests.lab.plain import IMAGE, make_plain_image
from tests.lab.ssh.net import UNFIT, Net, check
from tests.lab.ssh.terminal import typing

pytestmark = pytest.mark.lab


@pytest.fixture
def agent(net: Net, tmp_path: Path) -> Iterator[Net]:
    """Return the same with an agent, whose keys open nothing."""
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wrong = [tmp_path / f"wrong{number}" for number in range(4)]
        for key in wrong:
            make_key(key)
        variables = {**net.operator.variables, "SSH_AUTH_SOCK": str(path)}
        armed = replace(net, operator=replace(net.operator, variables=variables))
        add_to_agent(armed, *wrong)
        yield armed
        process.terminate()


def add_to_agent(net: Net, *keys: Path) -> None:
    environment = {**os.environ, **net.operator.variables}
    subprocess.run(["ssh-add", "-q", *keys], check=True, env=environment, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "flags",
    [
        "--pk {key}",
        "--pk {locked} --pk-passwd-from file:{passphrase}",
        "-u free --pk {key}",
        "-u asked --passwd-from env:SECRET",
        "-u typist --pk {locked} --pk-passwd-from 'cmd:cat {passphrase}'",
        "-u clerk --passwd-from env:SECRET",
    ],
    ids=["key", "passphrase", "sudo", "sudo-password", "terminal", "terminal-password"],
)
def test_ways_to_log_in_and_to_become_root(net: Net, flags: str) -> None:
    passphrase = net.file("passphrase", f"{net.passphrase}\n")
    words = flags.format(key=net.key, locked=net.locked, passphrase=passphrase)
    assert "fit: 0 errors" in check(net, *shlex.split(words))


def test_a_password_is_asked_for_and_not_shown(net: Net) -> None:
    words = ("sealer", "check", "-m", net.address("n1"), "-u", "asked", "--passwd-from", "prompt")
    with typing(net.operator, *words) as terminal:
        terminal.answer("password of asked: ", net.password)
        shown = terminal.finish()
    assert "fit: 0 errors" in shown
    assert net.password not in shown


def test_an_agent_that_is_full_of_wrong_keys(agent: Net) -> None:
    passphrase = agent.file("passphrase", f"{agent.passphrase}\n")
    asked = ("-u", "asked", "--passwd-from", "env:SECRET")
    assert "tried agent key" in check(agent, *asked, code=UNFIT, name="n3")
    check(agent, *asked, "--identities-only", name="n3")
    locked = ("--pk", str(agent.locked), "--identities-only")
    assert "needs a passphrase" in check(agent, *locked, code=UNFIT, name="n3")
    check(agent, *locked, "--pk-passwd-from", f"file:{passphrase}", name="n3")


def test_a_key_of_the_agent(agent: Net) -> None:
    assert "tried agent key" in check(agent, code=UNFIT)
    add_to_agent(agent, agent.key)
    check(agent)


def test_one_session_and_one_attempt_are_enough(net: Net) -> None:
    plain = replace(net.operator, home=net.operator.home / "patient")
    plain.home.mkdir()
    plain = replace(plain, lab=None).trusting(net.lab)
    layers = [{f"etc/layer{number}": secrets.token_bytes(1 << 20)} for number in range(3)]
    make_plain_image(plain, layers)
    words = ("-m", net.address("n3"), "-u", "asked", "--passwd-from", "env:SECRET", "--identities-only")
    plain.sealer("run", IMAGE, *words)
    plain.sealer("plan", IMAGE, *words, "--detailed-exitcode")
    plain.sealer("delete", "--all", "--yes")
    assert net.lab.node("n3").run(["test", "-e", "/var/lib/sealer"], check=False).returncode == 1
