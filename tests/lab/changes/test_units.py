"""Units of a real systemd."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealer.changes import File, Unit
from tests.lab.changes.holding import require_reversible
from tests.lab.machine import Machine

pytestmark = pytest.mark.lab

UNIT = "/etc/systemd/system/trial.service"


def service(seconds: int, *, install: bool = True) -> str:
    text = f"[Service]\nExecStart=/bin/sleep {seconds}\n"
    return text + ("[Install]\nWantedBy=multi-user.target\n" if install else "")


def command_line(machine: Machine) -> str:
    pid = machine.run("systemctl show -p MainPID --value trial.service").strip()
    return machine.run(f"tr '\\0' ' ' < /proc/{pid}/cmdline").strip()


def test_a_new_unit(any_shell: Machine) -> None:
    require_reversible(any_shell, Unit(name="trial.service", content=service(7001)))


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("active", [True, False])
def test_a_unit_that_was_there_gets_its_text_and_state_back(
    machine: Machine, *, enabled: bool, active: bool
) -> None:
    machine.node.run(["sh", "-c", f"cat > {UNIT}"], input=service(7002))
    machine.run("systemctl daemon-reload")
    machine.run(f"systemctl -q {'enable' if enabled else 'disable'} trial.service")
    machine.run(f"systemctl {'start' if active else 'stop'} trial.service")
    with machine.unharmed():
        unit = Unit(name="trial.service", content=service(7003))
        assert machine.apply(unit) == ["changed"]
        assert command_line(machine) == "/bin/sleep 7003"
        assert machine.apply(unit) == ["same"]
        machine.undo()
        if active:
            assert command_line(machine) == "/bin/sleep 7002"
    machine.run(f"systemctl -q disable --now trial.service; rm {UNIT}; systemctl daemon-reload")


def test_a_unit_that_a_package_brought(machine: Machine) -> None:
    path = "/usr/lib/systemd/system/trial.service"
    machine.node.run(["sh", "-c", f"cat > {path}"], input=service(7004))
    machine.run("systemctl daemon-reload")
    for unit, seconds in (
        (Unit(name="trial.service"), 7004),
        (Unit(name="trial.service", content=service(7005)), 7005),
    ):
        with machine.unharmed():
            assert machine.apply(unit) == ["changed"]
            assert command_line(machine) == f"/bin/sleep {seconds}"
            machine.undo()
    machine.run(f"rm {path}; systemctl daemon-reload")


def test_a_unit_that_was_masked(machine: Machine) -> None:
    machine.run("systemctl -q mask trial.service")
    require_reversible(machine, Unit(name="trial.service", content=service(7006)))
    machine.run("systemctl -q unmask trial.service; systemctl daemon-reload")


def test_a_unit_that_others_start_is_stopped_in_the_end(machine: Machine) -> None:
    unit = Unit(name="trial.service", content=service(7007), running=False)
    with machine.unharmed():
        assert machine.apply(unit) == ["changed"]
        machine.run("systemctl start trial.service")
        assert machine.apply(unit) == ["same"]
        machine.undo()


def test_a_unit_is_started_again_for_what_it_reads(machine: Machine) -> None:
    file = File(path="/etc/trial.conf", content="1")
    unit = Unit(name="trial.service", content=service(7008), watches=("/etc/trial.conf",))
    show = "systemctl show -p MainPID trial.service"
    with machine.unharmed():
        machine.apply(file, unit)
        first = machine.run(show)
        machine.run("printf 2 > /etc/trial.conf")
        assert machine.look(unit) == ["what it reads changed"]
        assert machine.apply(file, unit) == ["changed", "same"]  # it was started with what is there again
        assert machine.run(show) == first
        assert machine.apply(replace(file, content="2"), unit) == ["changed", "changed"]
        assert machine.run(show) != first
        machine.undo()


def test_a_unit_that_does_not_start_says_why_and_is_taken_back(machine: Machine) -> None:
    text = "[Service]\nExecStart=/bin/sh -c 'echo no luck today; exit 3'\nType=oneshot\n"
    with machine.unharmed():
        found, said = machine.attempt(Unit(name="trial.service", content=text, enabled=False))
        assert found == ["failed"]
        assert "no luck today" in said
        assert "unit trial.service does not start" in said
        machine.undo()


@pytest.mark.parametrize(("failures", "state"), [(2, "changed"), (9, "failed")])
def test_a_unit_that_systemd_starts_again_by_itself_is_waited_for_but_not_for_ever(
    machine: Machine, failures: int, state: str
) -> None:
    count = f"echo >> /run/trial; [ $$(wc -l < /run/trial) -gt {failures} ] || exit 3"
    shell = f"{count}; systemd-notify --ready; exec sleep 7009"
    kind = "Type=notify\nNotifyAccess=all\nRestart=always\nRestartSec=0"
    text = f"[Service]\n{kind}\nExecStart=/bin/sh -c '{shell}'\n"
    with machine.unharmed():
        found, _ = machine.attempt(Unit(name="trial.service", content=text, enabled=False))
        assert found == [state]
        machine.undo()
        machine.run("rm /run/trial")
