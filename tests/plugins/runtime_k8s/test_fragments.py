"""Kubernetes' pieces of sh that can be run on any machine, run by real shells."""

from __future__ import annotations

import socket
from pathlib import Path

from sealer.kubernetes import PORTS, listening_ports
from sealer_runtime_k8s import fragments
from sealer_runtime_k8s.probes import ALL, MODULES, module_state
from tests.plugins.kit import facts, host
from tests.shells import every_shell, run

FSTAB = """\
# swap is not wanted here
UUID=1 / ext4 defaults 0 1
/dev/sda2 none swap sw 0 0
/swapfile\tnone\tswap\tsw\t0 0
UUID=2 /swap ext4 defaults 0 2
"""


@every_shell
def test_swap_is_taken_out_of_fstab_and_put_back(shell: tuple[str, ...], tmp_path: Path) -> None:
    fstab, entry = tmp_path / "fstab", tmp_path / "entry"
    fstab.write_text(FSTAB)
    entry.mkdir()
    taken = fragments.take_swap_out(str(fstab))
    for _ in range(2):
        assert run(shell, taken, entry=str(entry)).returncode == 0
    assert fstab.read_text().splitlines() == [
        "# swap is not wanted here",
        "UUID=1 / ext4 defaults 0 1",
        "# sealer: /dev/sda2 none swap sw 0 0",
        "# sealer: /swapfile\tnone\tswap\tsw\t0 0",
        "UUID=2 /swap ext4 defaults 0 2",
    ]
    assert run(shell, fragments.put_swap_back(str(fstab)), entry=str(entry)).returncode == 0
    assert fstab.read_text() == FSTAB


@every_shell
def test_a_host_without_fstab_has_nothing_to_take_out(shell: tuple[str, ...], tmp_path: Path) -> None:
    missing = str(tmp_path / "fstab")
    for script in (fragments.take_swap_out(missing), fragments.put_swap_back(missing)):
        assert run(shell, script, entry=str(tmp_path)).returncode == 0
    assert not Path(missing).exists()


@every_shell
def test_probes_answer_in_every_shell(shell: tuple[str, ...]) -> None:
    answers = {probe.name: run(shell, probe.script) for probe in ALL}
    assert {name: answer.returncode for name, answer in answers.items()} == {p.name: 0 for p in ALL}
    asked = host(1, facts=facts(answers={name: answer.stdout for name, answer in answers.items()}))
    assert module_state(asked, "overlay") in ("loaded", "available", "absent")
    assert all(0 < port < 65536 for port in listening_ports(asked))
    assert answers[MODULES.name].stdout.count("\n") == 2


@every_shell
def test_a_port_that_is_listened_on_is_seen(shell: tuple[str, ...]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        answer = run(shell, PORTS.script).stdout
        assert server.getsockname()[1] in listening_ports(host(1, facts=facts(answers={PORTS.name: answer})))


def test_what_was_not_asked_counts_as_absent() -> None:
    assert module_state(host(1, facts=facts(answers={MODULES.name: ""})), "overlay") == "absent"
