"""SSH in all its ways, by the real program: the machines, and who works on them.

``n1`` is the bastion. ``n2`` takes no SSH from the operator, only from ``n1``. The sshd of ``n3`` allows one
session and one attempt to log in, and also listens on port 2222.
"""

from __future__ import annotations

import secrets
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

from sealer.testing.lab import Lab, Node
from sealer.testing.sshd import make_key
from tests.lab.operator import CLUSTER, Operator
from tests.lab.plain import make_plain_image, plain_operator

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


def make_net(lab: Lab, home: Path) -> Net:
    """Prepare three machines for all ways to log in, and the home of an operator."""
    operator = plain_operator(home).trusting(lab)
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
    write(lab.node("n3"), "/etc/ssh/sshd_config.d/a.conf", AWKWARD)
    lab.node("n3").run(["systemctl", "restart", "ssh"])
    lab.node("n3").wait_for_ssh()
    return made


def _add_users(node: Node, password: str, authorized: str) -> None:
    write(node, "/etc/sudoers.d/test", SUDOERS)
    for user in USERS:
        node.run(["useradd", "--create-home", "--shell", "/bin/bash", user])
        node.run(["chpasswd"], input=f"{user}:{password}\n")
        home = f"/home/{user}"
        node.run(["install", "-d", "-o", user, "-m", "700", f"{home}/.ssh"])
        write(node, f"{home}/.ssh/authorized_keys", authorized)
        node.run(["chown", user, f"{home}/.ssh/authorized_keys"])
    write(node, "/root/.ssh/authorized_keys", authorized)


def write(node: Node, path: str, text: str) -> None:
    node.run(["sh", "-c", f"umask 77; cat > {path}"], input=text)


def check(net: Net, *flags: str, code: int = 0, name: str = "n1") -> str:
    """Have all checks made on a node, which takes root's privileges there."""
    return net.operator.sealer("check", "-m", net.address(name), *flags, code=code, timeout=60).stdout
