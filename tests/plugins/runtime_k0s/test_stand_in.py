"""Everything that k0s is told, by every verb, is told to a stand-in that takes nothing it does not know.

The real program says more, and takes minutes; what the stand-in knows was read off it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealer.changes import File
from sealer.model import MASTER, Cluster, ContainerRuntimeSettings, Departure, Host, Renewal, Upgrade
from sealer_runtime_k0s.runtime import K0s
from tests.plugins import kit
from tests.plugins.kit import facts, host
from tests.plugins.runtime_k0s.samples import OLD_VERSION as OLD
from tests.plugins.runtime_k0s.samples import VERSION as NEW
from tests.plugins.runtime_k0s.samples import image
from tests.plugins.stand_ins.machines import Distribution, Machines

K0S = Distribution(
    stand_in="tests.plugins.stand_ins.k0s",
    program="/usr/local/bin/k0s",
    places=("/etc/k0s", "/var/lib/k0s", "/run/k0s", "/proc/net"),
)


def cluster(version: str, *hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": image(version), "container_runtime": None, **over})


def installed(root: Path, view: Cluster, version: str) -> Machines:
    """Make what ``sealer run`` makes, as far as it is k0s'."""
    machines = Machines(root, K0S, version)
    for one in view.hosts:
        if view.registry is not None and view.container_runtime is None:
            mirrors = tuple(K0s().mirrors(view, one, view.registry, ("docker.io", "quay.io:443")))
            machines.make_all(one.name, (change for change in mirrors if isinstance(change, File)))
    machines.make((*K0s().create(view), *K0s().join(view, view.hosts[1:])))
    return machines


def documents(**spec: object) -> tuple[dict[str, object], ...]:
    return ({"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "ClusterConfig", "spec": spec},)


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "settings": {
        "documents": documents(
            network={"provider": "calico", "podCIDR": "10.50.0.0/16"},
            api={"sans": ["api.example"], "extraArgs": {"v": "2"}},
            telemetry={"enabled": False},
        )
    },
    "no registry": {"registry": None},
    "a container runtime": {
        "container_runtime": ContainerRuntimeSettings(socket="/run/c.sock", cgroup_driver="systemd")
    },
    "two families": {
        "env": {"PodCIDR": "10.42.0.0/16,fd00:42::/56", "SvcCIDR": "10.43.0.0/16,fd00:43::/112"}
    },
    "controllers alone": {"env": {}, "alone": True},
}


@pytest.mark.parametrize("version", [OLD, "v1.22.17+k0s.0", NEW])
@pytest.mark.parametrize("over", SETTINGS.values(), ids=SETTINGS.keys())
def test_k0s_takes_all_that_it_is_told_at_a_run(tmp_path: Path, version: str, over: dict[str, Any]) -> None:
    given = {key: value for key, value in over.items() if key != "alone"}
    env = {"EnableWorker": "false"} if "alone" in over else {}
    masters = (host(number, MASTER, env=env) for number in (1, 2))
    view = cluster(version, *masters, host(3), **given)
    machines = installed(tmp_path, view, version)
    assert machines.refused == []
    first, second, worker = (
        machines.told(one.name, "controller" if one.is_master else "worker") for one in view.hosts
    )
    assert len(first) == len(second) == len(worker) == 1
    assert "token-file" not in first[0]["flags"]
    assert "token-file" in second[0]["flags"]
    assert ("enable-worker" in first[0]["flags"]) is not bool(env)


def test_k0s_takes_it_that_its_own_checks_are_left_out_on_hosts_with_old_control_groups(
    tmp_path: Path,
) -> None:
    version = "v1.36.3+k0s.0"
    old, new = facts("n1", cgroup_version=1), facts("n3")
    allowed = documents(workerProfiles=[{"name": "default", "values": {"failCgroupV1": False}}])
    hosts = (host(1, MASTER, facts=old), host(2, facts=replace(old, hostname="n2")), host(3, facts=new))
    machines = installed(tmp_path, cluster(version, *hosts, documents=allowed), version)
    assert machines.refused == []
    (first,), (second,), (third,) = (
        machines.told(one.name, "controller" if one.is_master else "worker") for one in hosts
    )
    flag = "ignore-pre-flight-checks"
    assert [flag in told["flags"] for told in (first, second, third)] == [True, True, False]


def three(version: str) -> Cluster:
    return cluster(version, host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4))


def words(machines: Machines, name: str, verb: str) -> list[str]:
    return [told["words"][-1] for told in machines.told(name, "kubectl") if told["verb"] == verb]


def test_k0s_takes_all_that_it_is_told_when_hosts_leave(tmp_path: Path) -> None:
    view = three(OLD)
    machines = installed(tmp_path, view, OLD)
    machines.make(K0s().remove(view, Departure(hosts=(view.hosts[1], view.hosts[3]))))
    assert machines.refused == []
    # Side by side, and each once more in its turn.
    assert sorted(words(machines, "10.0.0.1", "drain")) == ["n2", "n2", "n4", "n4"]
    left = [told for told in machines.told("10.0.0.1", "etcd") if told["verb"] == "leave"]
    assert [told["peer-address"] for told in left] == ["10.0.0.2"]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_k0s_takes_all_that_it_is_told_when_certificates_are_renewed(tmp_path: Path, version: str) -> None:
    view = cluster(version, host(1, MASTER), host(2))
    machines = installed(tmp_path, view, version)
    # What starts again is the unit, which is not here: what it would make is not waited for.
    machines.make(
        replace(step, changes=tuple(c for c in step.changes if not c.key.startswith("wait:the kubelet has")))
        for step in K0s().renew(view, Renewal(stamp="1"))
    )
    assert machines.refused == []


def test_k0s_takes_all_that_it_is_told_at_an_upgrade(tmp_path: Path) -> None:
    view = replace(three(NEW), data_root=str(tmp_path / "data"))
    machines = installed(tmp_path, view, NEW)
    # The stand-in's nodes have no version; what is made of their answers is tested elsewhere.
    machines.make(
        replace(step, changes=tuple(c for c in step.changes if " is Ready with " not in c.key))
        for step in K0s().upgrade(view, Upgrade(previous=image("v1.32.4+k0s.0"), stamp="1"))
    )
    assert machines.refused == []
    assert words(machines, "10.0.0.1", "drain") == ["n1", "n2", "n3", "n4"]
    (saved,) = machines.told("10.0.0.1", "backup")
    assert Path(saved["save-path"], "k0s_backup.tar.gz").exists()


CONFIG = "/etc/k0s/k0s.yaml"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("spec", "netwrok"), {}, "spec: "),
        (("spec", "api", "san"), [], "spec.api: "),
        (("spec", "network", "nodeLocalLoadBalancing"), {"enabled": True}, "spec.network: "),
        (("spec", "storage", "type"), "sqlite", "storage type"),
    ],
)
def test_the_stand_in_refuses_settings_that_the_real_one_does_not_have(
    tmp_path: Path, path: tuple[str, ...], value: object, reason: str
) -> None:
    machines = installed(tmp_path, cluster(OLD, host(1, MASTER)), OLD)
    file = machines.directory("10.0.0.1") / CONFIG.lstrip("/")
    loaded = at = yaml.safe_load(file.read_text())
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    file.write_text(yaml.safe_dump(loaded))
    assert machines.run("10.0.0.1", f"/usr/local/bin/k0s controller --config={CONFIG}", check=False)[0]
    assert machines.refused[0].startswith(reason)


@pytest.mark.parametrize(
    "command",
    [
        f"controller --config={CONFIG} --no-taints",
        "worker --token-file=/etc/k0s/nowhere --enable-worker",
        "backup --save-path=/tmp",
        "token create --role=worker",
        "etcd leave",
    ],
)
def test_the_stand_in_refuses_commands_that_it_does_not_know(tmp_path: Path, command: str) -> None:
    machines = installed(tmp_path, cluster(OLD, host(1, MASTER)), OLD)
    assert machines.run("10.0.0.1", f"/usr/local/bin/k0s {command}", check=False)[0]
    assert len(machines.refused) == 1
