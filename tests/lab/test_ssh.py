"""SSH in all its ways, by the real program: logins, root's privileges, jump hosts, host keys.

``n1`` is the bastion. ``n2`` takes no SSH from the operator, only from ``n1``. The sshd of ``n3`` allows one
session and one attempt to log in, and also listens on port 2222.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sealer.testing.lab import Lab, Node
from sealer.testing.lab.fixtures import LabNodes
from sealer.testing.sshd import make_key
from tests.lab.operator import CLUSTER, Operator
from tests.lab.plain import IMAGE, make_plain_image, plain_operator

pytestmark = pytest.mark.lab

SUDOERS = """\
free    ALL=(ALL) NOPASSWD: ALL
asked   ALL=(ALL) ALL
typist  ALL=(ALL) NOPASSWD: ALL
clerk   ALL=(ALL) ALL
Defaults:typist,clerk requiretty
"""
USERS = ("free", "asked", "typist", "clerk")

AWKWARD = """\
MaxSessions 1
MaxAuthTries 1
Port 22
Port 2222
"""

IPV6 = "fd00:10:97::"

UNFIT = 3


@dataclass(frozen=True, kw_only=True)
class Net:
    """The machines, and who works on them.

    Attributes:
        lab: The machines.
        operator: On their operator's side, knowing their true host keys.
        password: Of the users that are not root.
        passphrase: Of the key ``locked``.
    """

    lab: Lab
    operator: Operator
    password: str
    passphrase: str

    @property
    def key(self) -> Path:
        """A key that opens every account."""
        return self.lab.key_path

    @property
    def locked(self) -> Path:
        """A key that opens every account, once its passphrase is given."""
        return self.operator.home / "locked"

    def address(self, name: str) -> str:
        return self.lab.node(name).address

    def file(self, name: str, text: str) -> Path:
        """Write a private file of the operator's."""
        path = self.operator.home / name
        path.write_text(textwrap.dedent(text))
        path.chmod(0o600)
        return path

    def clusterfile(self, spec: str) -> Path:
        head = f"apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {{name: {CLUSTER}}}\nspec:\n"
        return self.file("Clusterfile", head + textwrap.indent(textwrap.dedent(spec), "  "))

    def fingerprint(self, name: str) -> str:
        line = self.lab.node(name).run(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout
        return line.split()[1]


@pytest.fixture(scope="module")
def net(module_lab_nodes: LabNodes, tmp_path_factory: pytest.TempPathFactory) -> Net:
    lab = module_lab_nodes(3)
    operator = plain_operator(tmp_path_factory.mktemp("operator")).trusting(lab)
    make_plain_image(operator)
    password, passphrase = (f"{word} {secrets.token_hex(8)}" for word in ("pass", "phrase"))
    made = Net(
        lab=lab,
        operator=replace(operator, variables={"SECRET": password}),
        password=password,
        passphrase=passphrase,
    )
    make_key(made.locked, passphrase=passphrase)
    authorized = made.locked.with_suffix(".pub").read_text() + lab.key_path.with_suffix(".pub").read_text()
    for node in lab.nodes:
        _add_users(node, password, authorized)
    from_operator = f"-s {lab.operator_address} -p tcp --dport 22"
    lab.node("n2").run(["sh", "-c", f"iptables -A INPUT {from_operator} -j REJECT --reject-with tcp-reset"])
    _write(lab.node("n3"), "/etc/ssh/sshd_config.d/a.conf", AWKWARD)
    lab.node("n3").run(["systemctl", "restart", "ssh"])
    lab.node("n3").wait_for_ssh()
    return made


def _add_users(node: Node, password: str, authorized: str) -> None:
    _write(node, "/etc/sudoers.d/test", SUDOERS)
    for user in USERS:
        node.run(["useradd", "--create-home", "--shell", "/bin/bash", user])
        node.run(["chpasswd"], input=f"{user}:{password}\n")
        home = f"/home/{user}"
        node.run(["install", "-d", "-o", user, "-m", "700", f"{home}/.ssh"])
        _write(node, f"{home}/.ssh/authorized_keys", authorized)
        node.run(["chown", user, f"{home}/.ssh/authorized_keys"])
    _write(node, "/root/.ssh/authorized_keys", authorized)


def _write(node: Node, path: str, text: str) -> None:
    node.run(["sh", "-c", f"umask 77; cat > {path}"], input=text)


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


def check(net: Net, *flags: str, code: int = 0, name: str = "n1") -> str:
    """Have all checks made on a node, which takes root's privileges there."""
    return net.operator.sealer("check", "-m", net.address(name), *flags, code=code, timeout=60).stdout


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


class Terminal:
    """Someone who types at a terminal where a program runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._shown = ""

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and type the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        while not self._shown.endswith(question):
            self._shown += self._process.stdout.read(1) or pytest.fail(self._shown)
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def finish(self) -> str:
        """Wait for its end, which must be a good one, and return all that was shown."""
        assert self._process.stdout is not None
        self._shown += self._process.stdout.read()
        assert self._process.wait() == 0, self._shown
        return self._shown


@contextmanager
def typing(person: Operator, *words: str) -> Iterator[Terminal]:
    """Start a program at a terminal."""
    with subprocess.Popen(
        ["script", "-qec", shlex.join(person.command(*words)), "/dev/null"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        bufsize=1,
        env=person.environment,
    ) as process:
        yield Terminal(process)


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


def test_host_names_and_ipv6(net: Net) -> None:
    named = net.operator.sealer("check", "-m", "n1", "-n", "n3", "--pk", str(net.key), "-o", "json")
    assert {"host-address", "default-route", "mtu-path"}.isdisjoint(
        finding["check"] for finding in json.loads(named.stdout)["findings"]
    )
    net.operator.sealer("run", IMAGE, "-m", "n1", "-n", "n3", "--pk", str(net.key))
    for name in ("n1", "n3"):
        hosts = net.lab.node(name).run(["grep", "plain.example", "/etc/hosts"]).stdout
        assert hosts.split()[0] == net.address("n1")
    net.operator.sealer("plan", IMAGE, "-m", "n1", "-n", "n3", "--pk", str(net.key), "--detailed-exitcode")
    net.operator.sealer("delete", "--all", "--yes")
    net.operator.run("ip", "-6", "address", "add", f"{IPV6}1/64", "dev", "lab0", "nodad")
    for number, node in enumerate(net.lab.nodes, start=11):
        node.run(["ip", "-6", "address", "add", f"{IPV6}{number}/64", "dev", "eth0", "nodad"])
        node.run(["ip", "-6", "route", "add", "default", "via", f"{IPV6}1"])
    stranger = replace(net.operator, home=net.operator.home / "stranger")
    stranger.home.mkdir()
    words = ("-n", f"[{IPV6}13]:2222", "--pk", str(net.key), "--accept-new")
    stranger.sealer("check", "-m", f"{IPV6}11", *words)
    recorded = (stranger.sealer_home / "known_hosts").read_text()
    assert [line.split()[0] for line in sorted(recorded.splitlines())] == [f"[{IPV6}13]:2222", f"{IPV6}11"]
    stranger.sealer("check", "-m", f"{IPV6}12", "--jump", f"{IPV6}11", *words[2:])
    file = net.clusterfile(f"""
        ssh: {{pk: {net.key}}}
        hosts:
        - {{ips: ["[{IPV6}11]"], roles: [master]}}
        - {{ips: ["[{IPV6}13]:2222"], roles: [node]}}
        """)
    stranger.sealer("check", "-f", str(file))
    refused = stranger.sealer("check", "-m", "fe80::1", *words[2:], code=2)
    assert "fe80::1 is valid on one link only" in refused.stderr


def test_a_new_key_is_recorded_when_told_and_a_changed_one_is_refused_before_anything_is_written(
    net: Net,
) -> None:
    newcomer = replace(net.operator, home=net.operator.home / "newcomer")
    newcomer.home.mkdir()
    newcomer = replace(newcomer, lab=None).trusting(net.lab)
    (newcomer.home / ".ssh/known_hosts").unlink()
    make_plain_image(newcomer)
    addresses = net.address("n1"), net.address("n3")
    words = ("-m", addresses[0], "-n", addresses[1], "--pk", str(net.key))
    unknown = newcomer.sealer("run", IMAGE, *words, code=1)
    assert net.fingerprint("n1") in unknown.stderr
    assert "--accept-new" in unknown.stderr
    assert not (newcomer.sealer_home / "known_hosts").exists()

    newcomer.sealer("check", *words, "--accept-new")
    recorded = newcomer.sealer_home / "known_hosts"
    assert recorded.read_text().count("\n") == 2
    check(replace(net, operator=newcomer), "--pk", str(net.key))

    one, other = (line.split() for line in sorted(recorded.read_text().splitlines()))
    recorded.write_text(f"{one[0]} {other[1]} {other[2]}\n{' '.join(other)}\n")
    for flags in ((), ("--accept-new",)):
        changed = newcomer.sealer("run", IMAGE, *words, *flags, code=1)
        assert "the host key has changed" in changed.stderr
        assert f"{recorded}:1" in changed.stderr
    for node in net.lab.nodes:
        assert node.run(["test", "-e", "/var/lib/sealer"], check=False).returncode == 1


def test_keys_that_a_clusterfile_pins_or_an_authority_signed(net: Net) -> None:
    node = net.lab.node("n1")
    authority = net.operator.home / "authority"
    make_key(authority)
    node.run(["sh", "-c", "cat > /root/authority; chmod 600 /root/authority"], input=authority.read_text())
    names = f"{net.address('n1')},n1"
    sign = ["ssh-keygen", "-q", "-s", "/root/authority", "-I", "n1", "-h", "-n", names]
    node.run([*sign, "/etc/ssh/ssh_host_ed25519_key.pub"])
    certificate = "HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\n"
    _write(node, "/etc/ssh/sshd_config.d/b.conf", certificate)
    node.run(["systemctl", "reload", "ssh"])
    net.file("authorities", f"@cert-authority 10.* {authority.with_suffix('.pub').read_text()}")
    stranger = replace(net.operator, home=net.operator.home / "believer")
    stranger.home.mkdir()
    file = net.clusterfile(f"""
        ssh: {{pk: {net.key}}}
        hosts:
        - ips: [{net.address("n1")}]
          roles: [master]
          ssh: {{knownHosts: {net.operator.home}/authorities}}
        - ips: [{net.address("n3")}]
          roles: [node]
          ssh: {{port: 2222, hostKeyFingerprints: ["{net.fingerprint("n3")}"]}}
        """)
    stranger.sealer("check", "-f", str(file))
    file.write_text(file.read_text().replace(net.fingerprint("n3"), net.fingerprint("n1")))
    refused = stranger.sealer("check", "-f", str(file), "-o", "json", code=UNFIT)
    (finding,) = (found for found in json.loads(refused.stdout)["findings"] if found["severity"] == "error")
    assert finding["host"] == net.address("n3")
    assert "another key than the pinned one" in finding["found"]


def test_a_jump_host_that_fails_is_named(net: Net) -> None:
    bastion = net.address("n1")
    key = ("--pk", str(net.key))
    assert "refuses connections" in check(net, *key, code=UNFIT, name="n2")
    check(net, *key, "--jump", bastion, name="n2")
    wrong = check(net, *key, "--jump", f"stranger@{bastion}", code=UNFIT, name="n2")
    assert f"jump host stranger@{bastion}: login as stranger was refused" in wrong
    nobody = replace(net, operator=replace(net.operator, home=net.operator.home / "nobody"))
    nobody.operator.home.mkdir()
    unknown = check(nobody, *key, "--jump", f"free@{bastion}", code=UNFIT, name="n2")
    assert f"jump host free@{bastion}: the host key is not known" in unknown
    nowhere = check(net, *key, "--jump", f"free@{bastion}", "--port", "23", code=UNFIT, name="n2")
    assert f"port 23 can't be reached from jump host free@{bastion}" in nowhere


def test_a_jump_host_with_a_user_a_key_and_known_hosts_of_its_own(net: Net) -> None:
    bastion, behind = net.address("n1"), net.address("n2")
    key = net.operator.home / "bastion-key"
    make_key(key)
    node = net.lab.node("n1")
    node.run(
        ["sh", "-c", "cat >> /home/free/.ssh/authorized_keys"], input=key.with_suffix(".pub").read_text()
    )
    lines = net.lab.known_hosts_path.read_text().splitlines(keepends=True)
    for name in ("n1", "n2"):
        net.file(f"known-{name}", "".join(line for line in lines if net.address(name) in line.split()[0]))
    stranger = replace(net.operator, home=net.operator.home / "wayfarer")
    stranger.home.mkdir()

    def told(known: str) -> str:
        file = net.clusterfile(f"""
            ssh: {{pk: {net.key}, knownHosts: {net.operator.home}/known-n2}}
            hosts:
            - ips: [{behind}]
              roles: [master]
              ssh:
                jump: {{host: {bastion}, user: free, pk: {key}, knownHosts: {net.operator.home}/{known}}}
            """)
        return stranger.sealer("check", "-f", str(file), code=0 if known == "known-n1" else UNFIT).stdout

    assert "fit: 0 errors" in told("known-n1")
    assert f"jump host free@{bastion}: the host key is not known" in told("known-n2")


@pytest.mark.parametrize("way", ["env:CANARY", "file:canary", "cmd:cat canary", "prompt", "inline"])
def test_a_secret_leaves_no_trace_whichever_way_it_came(net: Net, way: str) -> None:
    node = net.lab.node("n1")
    keeper = replace(net.operator, home=net.operator.home / way.partition(":")[0])
    keeper = replace(keeper, lab=None, variables={"CANARY": net.password}).trusting(net.lab)
    make_plain_image(keeper)
    canary = net.file("canary", f"{net.password}\n")
    said = (
        f"passwd: {net.password}"
        if way == "inline"
        else f'passwdFrom: "{way.replace("canary", str(canary))}"'
    )
    file = net.clusterfile(f"""
        image: {IMAGE}
        env: {{PLAIN_GATE: /run/gate}}
        ssh: {{user: asked, {said}}}
        hosts: [{{ips: [{net.address("n1")}], roles: [master]}}]
        """)
    words = ("sealer", "apply", "-f", str(file))
    node.run(["rm", "-f", "/run/gate"])
    with typing(keeper, *words) as terminal:
        if way == "prompt":
            terminal.answer("password of asked: ", net.password)
        wait_for(node, "grep -qs 'wait at the gate' /var/lib/sealer/*/journal/*/key")
        running = words_of_all_processes()
        look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; :"
        running += node.run(["sh", "-c", look]).stdout
        node.run(["touch", "/run/gate"])
        shown = terminal.finish()
    assert "sealer-ready" in running
    assert net.password not in running
    assert net.password not in shown
    require_nowhere(net, keeper, net.password)
    with typing(keeper, "sealer", "delete", "--all", "--yes") as terminal:
        # What is not by reference is not kept at all, and asked for.
        if way in ("prompt", "inline"):
            terminal.answer("password of asked: ", net.password)
        assert net.password not in terminal.finish()
    assert node.run(["test", "-e", "/var/lib/sealer"], check=False).returncode == 1
    require_nowhere(net, keeper, net.password)


def test_a_secret_that_is_wrong_is_not_repeated(net: Net) -> None:
    wrong = "hunter2 canary"
    thief = replace(net, operator=replace(net.operator, variables={"SECRET": wrong}))
    for flags in (
        ("-u", "asked", "--passwd-from", "env:SECRET"),
        ("--pk", str(net.locked), "--pk-passwd-from", "env:SECRET"),
        ("-u", "clerk", "--pk", str(net.key), "--passwd-from", "env:SECRET"),
    ):
        done = thief.operator.sealer("check", "-m", net.address("n1"), *flags, code=UNFIT)
        assert wrong not in done.stdout + done.stderr
    require_nowhere(net, thief.operator, wrong)


def require_nowhere(net: Net, person: Operator, secret: str) -> None:
    """See that a secret is in none of the program's files, and on no disk and in no log of any node."""
    files = [path for path in person.sealer_home.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    for node in net.lab.nodes:
        search = f"grep -rlsF '{secret.split()[1]}' /etc /home /root /run /srv /tmp /usr/local /var; :"
        assert node.run(["sh", "-c", search]).stdout == ""


def test_a_cluster_behind_a_bastion_and_its_secrets_are_nowhere(net: Net) -> None:
    passphrase = net.file("passphrase", f"{net.passphrase}\n")
    password = net.file("password", f"{net.password}\n")
    bastion = net.address("n1")
    file = net.clusterfile(f"""
        image: {IMAGE}
        env: {{PLAIN_GATE: /run/gate}}
        ssh:
          jump: free@{bastion}
          pk: {net.key}
        hosts:
        - ips: [{bastion}]
          roles: [master]
        - ips: [{net.address("n2")}]
          roles: [node]
          ssh:
            user: clerk
            passwdFrom: file:{password}
            sudoPasswdFrom: cmd:cat {password}
            pk: {net.locked}
            pkPasswdFrom: file:{passphrase}
        - ips: [{net.address("n3")}]
          roles: [node]
          ssh:
            user: asked
            passwdFrom: env:SECRET
            identitiesOnly: true
            port: 2222
            hostKeyFingerprints: ["{net.fingerprint("n3")}"]
            jump: {{host: {bastion}, user: typist, passwdFrom: "file:{password}", identitiesOnly: true}}
        """)
    gate = net.lab.node("n1")
    with net.operator.start("apply", "-f", str(file)) as running:
        running.until("step-started", step="plain/create")
        wait_for(gate, "pgrep -f sealer-ready")
        shown = words_of_all_processes()
        for node in net.lab.nodes:
            look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; :"
            shown += node.run(["sh", "-c", look]).stdout
        gate.run(["touch", "/run/gate"])
        said = running.finish()
    assert "sealer-ready" in shown
    net.operator.sealer("plan", "-f", str(file), "--detailed-exitcode")
    hosts = json.loads(net.operator.sealer("status", "-o", "json").stdout)["hosts"]
    assert [host["reachable"] for host in hosts] == ["yes"] * 3

    kept = [path for path in (net.operator.sealer_home / "clusters").rglob("*") if path.is_file()]
    assert {"request.json", "journal.jsonl", "log", "cluster.json"} <= {path.name for path in kept}
    places = {"processes": shown, "output": said, **{str(path): path.read_text() for path in kept}}
    for secret in (net.password, net.passphrase):
        assert [place for place, text in places.items() if secret in text] == []
        for node in net.lab.nodes:
            search = f"grep -rlsF '{secret.split()[1]}' /etc /home /root /run /srv /tmp /usr/local /var; :"
            assert node.run(["sh", "-c", search]).stdout == ""

    net.operator.sealer("delete", "--all", "--yes")
    for node in net.lab.nodes:
        assert node.run(["test", "-e", "/var/lib/sealer"], check=False).returncode == 1


def words_of_all_processes() -> str:
    """Return the argument lists of all processes of this machine, which are also those of the nodes."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_text(errors="replace").replace("\0", " "))
        except OSError:
            continue
    return "\n".join(found)


def wait_for(node: Node, script: str) -> None:
    """Wait until a script succeeds on a node."""
    waiting = f"for try in $(seq 200); do {script} >/dev/null && exit 0; sleep 0.05; done; exit 1"
    node.run(["sh", "-c", waiting])
