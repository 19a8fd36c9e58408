"""Checking machines of the lab, and making faults on them for a while."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from sealer.testing.lab import Lab
from tests.lab.checks.faults import Fault
from tests.lab.operator import Operator

DISKS = {"kubernetes-disk-latency", "kubernetes-disk-pressure"}


def check(person: Operator, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """Return what ``sealer check`` finds, but for time services, which these nodes don't have, and disks."""
    flags = person.host_flags(masters=["n1"], nodes=["n2", "n3"])
    done = person.sealer("check", *words, *flags, "--ignore", "time-service", "-o", "json", code=code)
    # How fast and how full disks are is a matter of the machine that all this runs on.
    return [item for item in json.loads(done.stdout)["findings"] if item["check"] not in DISKS]


@contextlib.contextmanager
def made(fault: Fault, lab: Lab) -> Iterator[None]:
    """Make a fault for a while."""
    first = lab.node("n1")
    identity = first.run(["cat", "/etc/machine-id"]).stdout.strip()
    variables = f"address={first.address} id={identity}\n"
    node = lab.node(fault.node)
    try:
        node.run(["sh", "-ec", variables + fault.make])
        yield
    finally:
        node.run(["sh", "-c", variables + fault.unmake])


def require_found(fault: Fault, lab: Lab, found: list[dict[str, Any]]) -> None:
    wanted = (fault.check, lab.node(fault.told).address, fault.severity)
    assert wanted in {(item["check"], item["host"], item["severity"]) for item in found}
