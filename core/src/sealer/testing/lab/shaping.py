"""Making a link worse: rate by the kernel, delay and loss by the kernel's netem or by a relay of ours."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from functools import cache

from sealer.testing.lab.errors import LabError
from sealer.testing.lab.network import BRIDGE, inside, ip, port
from sealer.testing.lab.processes import Process, start_module
from sealer.testing.lab.programs import run
from sealer.testing.lab.state import NodeRecord, Places, Shape

_RATE_UNITS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_TIME_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def parse_rate(text: str) -> int:
    """Return the bits per second that a text such as ``100mbit`` stands for."""
    return round(_quantity(text, _RATE_UNITS, "rate", "100mbit"))


def parse_delay(text: str) -> float:
    """Return the seconds that a text such as ``100ms`` stands for."""
    return _quantity(text, _TIME_UNITS, "delay", "100ms")


def parse_loss(text: str) -> float:
    """Return the share that a text such as ``5%`` stands for."""
    return _quantity(text, {"%": 0.01}, "loss", "5%")


def make_shape(rate: int | str | None, delay: float | str, loss: float | str) -> Shape:
    """Return a shape from numbers or texts with units.

    Raises:
        LabError: A value makes no sense.
    """
    shape = Shape(
        rate=parse_rate(rate) if isinstance(rate, str) else rate,
        delay=parse_delay(delay) if isinstance(delay, str) else delay,
        loss=parse_loss(loss) if isinstance(loss, str) else loss,
    )
    if (shape.rate is not None and shape.rate < 1000) or shape.delay < 0 or not 0 <= shape.loss <= 1:
        raise LabError("a link has a rate of 1 kbit/s or more, no negative delay, and a loss from 0 to 1")
    return shape


def describe(shape: Shape) -> str:
    """Return a shape in words."""
    rate = "" if shape.rate is None else f"{shape.rate / 1e6:g} Mbit/s "
    return f"{rate}delay {shape.delay * 1e3:g} ms loss {shape.loss:.1%}"


def apply(places: Places, record: NodeRecord) -> None:
    """Bring the cable of a running node into the condition its record tells."""
    side = port(record)
    ends = ((places.operator, side), (places.network(record.name), "eth0"))
    stop_relay(places, record)
    ip(places.operator, f"link set {side} master {BRIDGE} arp on")
    for namespace, device in ends:
        _tc(namespace, "del", "dev", device, "root", check=False)
    shape = record.shape
    if shape is not None:
        held_back = shape.delay > 0 or shape.loss > 0
        for namespace, device in ends:
            parent = ["root"]
            if held_back and _has_netem():
                netem = ["netem", "delay", f"{shape.delay * 1e6:.0f}us", "loss", f"{shape.loss:%}"]
                _tc(namespace, "add", "dev", device, *parent, "handle", "1:", *netem, "limit", "100000")
                parent = ["parent", "1:1"]
            if shape.rate is not None:
                burst = max(shape.rate // 8 // 100, 64 * 1024)
                bucket = ["tbf", "rate", f"{shape.rate}bit", "burst", f"{burst}b", "latency", "200ms"]
                _tc(namespace, "add", "dev", device, *parent, *bucket)
        if held_back and not _has_netem():
            _start_relay(places, record, shape)
    ip(places.operator, f"link set {side} {'up' if record.plugged else 'down'}")


def stop_relay(places: Places, record: NodeRecord) -> None:
    """End the relay of a node, if it has one, and remove the cable between it and the bridge."""
    file = places.node(record.name) / "relay.json"
    if file.exists():
        process = Process(**json.loads(file.read_text()))
        process.kill()
        process.wait(5.0)
        file.unlink()
        run(["ip", "-n", places.operator, "link", "delete", _relay_port(record)], check=False)


def with_shape(record: NodeRecord, shape: Shape | None) -> NodeRecord:
    """Return a record with another shape; one that makes nothing worse is none."""
    return replace(record, shape=None if shape == Shape() else shape)


def _start_relay(places: Places, record: NodeRecord, shape: Shape) -> None:
    """Take a node's port off the bridge and put the relay between the two."""
    near, far = _relay_port(record), f"bridge{record.number}"
    directory = places.node(record.name)
    ip(
        places.operator,
        f"link add {near} type veth peer name {far}",
        f"link set {port(record)} nomaster",
        # Without this both would answer the node's ARP requests in the bridge's place.
        f"link set {port(record)} arp off promisc on",
        f"link set {near} arp off promisc on up",
        f"link set {far} master {BRIDGE} up",
    )
    for device in (port(record), near):
        inside(places.operator, "sysctl", "-q", "-e", "-w", f"net.ipv6.conf.{device}.disable_ipv6=1")
    settings = [f"{shape.delay:.6f}", f"{shape.loss:.6f}"]
    where = [places.lab, str(places.home), record.name, port(record), near]
    start_module("sealer.testing.lab.relay", [*where, *settings], log=directory / "console.log")
    if not _appears(places, record):
        raise LabError(f"the relay of {record.name} did not start", place=str(directory / "console.log"))


def _appears(places: Places, record: NodeRecord) -> bool:
    for _ in range(250):
        if (places.node(record.name) / "relay.json").exists():
            return True
        time.sleep(0.02)
    return False


def _relay_port(record: NodeRecord) -> str:
    return f"relay{record.number}"


def _tc(namespace: str, verb: str, *arguments: str, check: bool = True) -> None:
    run(["tc", "-n", namespace, "qdisc", verb, *arguments], check=check)


@cache
def _has_netem() -> bool:
    """Say whether this kernel can delay and lose packets by itself."""
    name = f"sealer-lab.probe.{os.getpid()}"
    run(["ip", "netns", "add", name], check=False)
    try:
        return (
            run(["tc", "-n", name, "qdisc", "add", "dev", "lo", "root", "netem"], check=False).returncode == 0
        )
    finally:
        run(["ip", "netns", "delete", name], check=False)


def _quantity(text: str, units: dict[str, float] | dict[str, int], what: str, example: str) -> float:
    match = re.fullmatch(r"([0-9.]+)\s*([a-z%]*)", text.strip().lower())
    if match is None or match[2] not in units:
        raise LabError(f"{text!r} is no {what}", hint=f"write it like {example}, with {', '.join(units)}")
    return float(match[1]) * units[match[2]]
