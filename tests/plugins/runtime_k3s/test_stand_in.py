"""Everything that k3s is told, by every verb, is told to a stand-in that takes nothing it does not know.

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
from sealer_runtime_k3s.runtime import K3s
from tests.plugins import kit
from tests.plugins.kit import host
from tests.plugins.runtime_k3s.samples import image
from tests.plugins.stand_ins.machines import Distribution, Machines

K3S = Distribution(
    stand_in="tests.plugins.stand_ins.k3s",
    program="/usr/local/bin/k3s",
    places=("/etc/rancher", "/var/lib/rancher"),
)
OLD, NEW = "v1.21.2+k3s1", "v1.33.1+k3s1"


def cluster(version: str, *hosts: Host, **over: object) -> Cluster:
    return kit.cluster(*hosts, **{"image": image(version), "container_runtime": None, **over})


def installed(root: Path, view: Cluster, version: str) -> Machines:
    """Make what ``sealer run`` makes, as far as it is k3s'."""
    machines = Machines(root, K3S, version)
    for one in view.hosts:
        if view.registry is not None and view.container_runtime is None:
            mirrors = tuple(K3s().mirrors(view, one, view.registry, ("docker.io", "quay.io:443")))
            machines.make_all(one.name, (change for change in mirrors if isinstance(change, File)))
    machines.make((*K3s().create(view), *K3s().join(view, view.hosts[1:])))
    return machines


def documents(**spec: object) -> tuple[dict[str, object], ...]:
    return ({"apiVersion": "k3s.cattle.io/v1", "kind": "K3sConfig", "spec": spec},)


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "settings": {
        "documents": documents(
            **{
                "flannel-backend": "host-gw",
                "disable": ["traefik", "servicelb"],
                "tls-san": "api.example",
                "kubelet-arg": ["max-pods=200"],
                "secrets-encryption": True,
                "etcd-snapshot-retention": 7,
            }
        )
    },
    "no registry": {"registry": None},
    "a container runtime": {
        "container_runtime": ContainerRuntimeSettings(socket="/run/c.sock", cgroup_driver="systemd")
    },
    "a database": {"documents": documents(**{"datastore-endpoint": "postgres://db.example/k3s"})},
    "two families": {
        "env": {"PodCIDR": "10.42.0.0/16,fd00:42::/56", "SvcCIDR": "10.43.0.0/16,fd00:43::/112"}
    },
}


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("over", SETTINGS.values(), ids=SETTINGS.keys())
def test_k3s_takes_all_that_it_is_told_at_a_run(tmp_path: Path, version: str, over: dict[str, Any]) -> None:
    view = cluster(version, host(1, MASTER), host(2, MASTER), host(3, labels={"disk": "fast"}), **over)
    machines = installed(tmp_path, view, version)
    assert machines.refused == []
    first, second, agent = (
        machines.told(one.name, "server" if one.is_master else "agent") for one in view.hosts
    )
    assert len(first) == len(second) == len(agent) == 1
    assert agent[0]["url"] == "https://10.0.0.1:6443"
    boxed = view.registry is None or view.container_runtime is not None
    assert first[0]["mirrors"] == agent[0]["mirrors"] == ([] if boxed else ["docker.io", "quay.io:443"])
    if "a database" not in over.get("documents", ""):
        secrets = {
            machines.run(name, "sed 's/.*://' /etc/rancher/k3s/server-secret")[1].strip()
            for name in ("10.0.0.1", "10.0.0.2")
        }
        assert len(secrets) == 1


def three(version: str) -> Cluster:
    return cluster(version, host(1, MASTER), host(2, MASTER), host(3, MASTER), host(4))


def words(machines: Machines, name: str, verb: str) -> list[str]:
    return [told["words"][-1] for told in machines.told(name, "kubectl") if told["verb"] == verb]


def test_k3s_takes_all_that_it_is_told_when_masters_leave_and_another_joins(tmp_path: Path) -> None:
    view = three(OLD)
    machines = installed(tmp_path, view, OLD)
    machines.make(K3s().remove(view, Departure(hosts=(view.hosts[0], view.hosts[3]))))
    assert words(machines, "10.0.0.2", "delete") == ["n1", "n4"]
    # Side by side, and each once more in its turn.
    assert sorted(words(machines, "10.0.0.2", "drain")) == ["n1", "n1", "n4", "n4"]
    rest = replace(view, hosts=(*view.hosts[1:3], host(5, MASTER), host(6)))
    machines.make((*K3s().create(rest), *K3s().join(rest, rest.hosts[1:])))
    assert machines.refused == []
    (joined,) = machines.told("10.0.0.5", "server")
    assert joined["url"] == machines.told("10.0.0.6", "agent")[0]["url"] == "https://10.0.0.2:6443"
    passwords = {
        machines.run(name, "cat /etc/rancher/k3s/server-secret")[1].strip()
        for name in ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.5")
    }
    assert len(passwords) == 1


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("expired", [False, True])
def test_k3s_takes_all_that_it_is_told_when_certificates_are_renewed(
    tmp_path: Path, version: str, expired: bool
) -> None:
    view = cluster(version, host(1, MASTER), host(2))
    machines = installed(tmp_path, view, version)
    steps = K3s().renew(view, Renewal(stamp="1", expired=expired))
    # What starts again is the unit, which is not here: its certificate is there again all the same.
    machines.make(
        replace(
            step,
            changes=tuple(c for c in step.changes if not c.key.startswith("wait:the kubelet has a new")),
        )
        for step in steps
    )
    assert machines.refused == []
    assert len(machines.told("10.0.0.1", "kubectl")) > 1
    rotated = [told for one in view.hosts for told in machines.told(one.name, "certificate")]
    assert len(rotated) == (2 if version == NEW else 0)


def test_k3s_takes_all_that_it_is_told_at_an_upgrade(tmp_path: Path) -> None:
    view = replace(three(NEW), data_root=str(tmp_path / "data"))
    machines = installed(tmp_path, view, NEW)
    steps = K3s().upgrade(view, Upgrade(previous=image("v1.32.4+k3s1"), stamp="1"))
    # The stand-in's nodes have no version; what is made of their answers is tested elsewhere.
    machines.make(
        replace(step, changes=tuple(c for c in step.changes if " is Ready with " not in c.key))
        for step in steps
    )
    assert machines.refused == []
    assert words(machines, "10.0.0.1", "drain") == ["n1", "n2", "n3", "n4"]
    (saved,) = machines.told("10.0.0.1", "etcd-snapshot")
    assert Path(saved["dir"], "sealer-n1-1600000000").exists()


def starts(machines: Machines, name: str, command: str, **environment: str) -> int:
    exported = "".join(f"export {key}={value}\n" for key, value in environment.items())
    return machines.run(name, f"{exported}/usr/local/bin/k3s {command}", check=False)[0]


CONFIG = "/etc/rancher/k3s/config.yaml"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"flanel-backend": "none"}, "not defined: -flanel-backend"),
        ({"embedded-registry": True}, "not defined: -embedded-registry"),
        ({"disable-scheduler": "perhaps"}, "invalid boolean"),
        ({"node-name": ["a", "b"]}, "invalid value"),
        ({"token-file": "/etc/rancher/k3s/nowhere"}, "no such file"),
        ({"cluster-cidr": "10.42.0.0"}, "would keep the cluster in sqlite"),
        ({"agent-token-file": "/etc/rancher/k3s/server-secret"}, "agents could become servers"),
    ],
)
def test_the_stand_in_refuses_what_the_real_one_would(
    tmp_path: Path, changed: dict[str, object], reason: str
) -> None:
    machines = installed(tmp_path, cluster(OLD, host(1, MASTER)), OLD)
    file = machines.directory("10.0.0.1") / CONFIG.lstrip("/")
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changed}))
    begins = {} if "sqlite" in reason else {"K3S_CLUSTER_INIT": "true"}
    assert starts(machines, "10.0.0.1", "server", **begins)
    assert reason in machines.refused[0]


@pytest.mark.parametrize(
    "command",
    [
        "agent",
        "server --no-such-flag",
        "certificate rotate",
        "etcd-snapshot",
        "kubectl get --raw /readyz",
        "kubectl --kubeconfig x drain n1 --yes",
        "kubectl --kubeconfig x explode n1",
    ],
)
def test_the_stand_in_refuses_commands_that_it_does_not_know(tmp_path: Path, command: str) -> None:
    machines = installed(tmp_path, cluster(OLD, host(1, MASTER)), OLD)
    assert starts(machines, "10.0.0.1", command)
    assert len(machines.refused) == 1


def test_the_stand_in_refuses_registries_with_other_keys(tmp_path: Path) -> None:
    machines = installed(tmp_path, cluster(OLD, host(1, MASTER)), OLD)
    file = machines.directory("10.0.0.1") / "etc/rancher/k3s/registries.yaml"
    file.write_text(file.read_text().replace('"rewrite"', '"rewrites"'))
    assert starts(machines, "10.0.0.1", "server", K3S_CLUSTER_INIT="true")
    assert "mirrors.docker.io" in machines.refused[0]
