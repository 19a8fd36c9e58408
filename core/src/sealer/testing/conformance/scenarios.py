"""The clusters that every plan must fit: sizes, roles, architectures, addresses, settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sealer.model import Cluster, Host
from sealer.model.cluster import DEFAULT_DATA_ROOT
from sealer.testing.examples import ARM64, example_cluster, example_facts, example_host


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A cluster to plan.

    Attributes:
        name: What tests are called by.
        hosts: Masters first.
        data_root: Where data are on hosts.
        env: Environment of the cluster.
        packed: Whether the image has container images, and the cluster thus a registry.
        boxed: Whether the image brings a container runtime beside the cluster runtime.
    """

    name: str
    hosts: tuple[Host, ...]
    data_root: str = DEFAULT_DATA_ROOT
    env: Mapping[str, str] = field(default_factory=dict)
    packed: bool = True
    boxed: bool = True

    @property
    def cluster(self) -> Cluster:
        """The cluster; its image, registry and container runtime are still to be put in."""
        aliases = {"192.0.2.7": ("mirror.example",)}
        return example_cluster(*self.hosts, data_root=self.data_root, env=self.env, host_aliases=aliases)


def _hosts(masters: int, nodes: int) -> tuple[Host, ...]:
    return tuple(example_host(number, master=number <= masters) for number in range(1, masters + nodes + 1))


def _arm(number: int, *, master: bool = False) -> Host:
    facts = example_facts(hostname=f"n{number}", machine_id=f"{number:032x}", platform=ARM64)
    return example_host(number, master=master, facts=facts)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(name="one master", hosts=_hosts(1, 0)),
    Scenario(name="a master and two nodes", hosts=_hosts(1, 2)),
    Scenario(name="three masters and two nodes", hosts=_hosts(3, 2)),
    Scenario(name="many nodes", hosts=_hosts(1, 20)),
    Scenario(name="arm64", hosts=(_arm(1, master=True), _arm(2))),
    Scenario(name="two architectures", hosts=(example_host(1, master=True), _arm(2), example_host(3))),
    Scenario(
        name="addresses of IP version 6",
        hosts=tuple(
            example_host(number, master=number == 1, address=f"fd00:10::{number:x}") for number in (1, 2, 3)
        ),
    ),
    Scenario(
        name="labels, taints, roles and environment",
        hosts=(
            example_host(1, master=True),
            example_host(
                2,
                labels={"example.com/disk": "fast"},
                taints=("dedicated=web:NoSchedule",),
                roles=("node", "storage"),
                env={"COLOR": "it's blue"},
            ),
        ),
        env={"GREETING": "two words, $HOME and `date`"},
    ),
    Scenario(name="another data root", hosts=_hosts(1, 1), data_root="/srv/cluster data/it's here"),
    Scenario(name="no container images", hosts=_hosts(1, 1), packed=False),
    Scenario(name="no container runtime", hosts=_hosts(1, 1), boxed=False),
)
