"""Secrets leave no trace, whichever way they came and wherever they were needed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.lab.plain import IMAGE, make_plain_image
from tests.lab.ssh.net import UNFIT, Net
from tests.lab.ssh.secrecy import require_nowhere, wait_for, words_of_all_processes
from tests.lab.ssh.terminal import typing

pytestmark = pytest.mark.lab


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
