"""What is switched off with a node, from inside its power supply or from outside."""

from __future__ import annotations

from sealer.testing.lab import cgroups, network, shaping
from sealer.testing.lab.state import NodeRecord, Places

GROUP = "power"
"""The control group of a lab's own helpers."""


def switch_off(places: Places, record: NodeRecord) -> None:
    """Remove what a node has only while it runs; nothing happens for what is gone already."""
    (places.node(record.name) / "running.json").unlink(missing_ok=True)
    shaping.stop_relay(places, record)
    network.unplug(places, record)
    network.remove_namespace(places.network(record.name))
    for directory in cgroups.find(places.lab):
        cgroups.remove(directory / record.name)
