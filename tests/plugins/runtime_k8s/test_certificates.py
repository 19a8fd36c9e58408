"""How the certificates of a Kubernetes cluster are made anew."""

from __future__ import annotations

from sealer.changes import Command, File, Wait
from sealer.model import MASTER, Renewal, Step
from sealer.operation.plan import make_plan
from sealer_runtime_k8s.runtime import Kubernetes
from tests.plugins.kit import assert_parses, cluster, host, image

MASTERS = (host(1, MASTER), host(2, MASTER), host(3, MASTER))
VIEW = cluster(*MASTERS, host(4), env={"CertSANs": "new.example"})


def steps(*, expired: bool = False) -> dict[str, Step]:
    found = tuple(Kubernetes().renew(VIEW, Renewal(stamp="now", expired=expired)))
    make_plan(found)
    for step in found:
        assert_parses(step)
    return {step.id: step for step in found}


def commands(step: Step) -> str:
    return "\n".join(change.run for change in step.changes if isinstance(change, Command))


def test_masters_come_one_after_the_other_and_kubelets_after_the_last() -> None:
    plan = make_plan(tuple(steps().values()))
    assert plan.waits_for["kubernetes/renew@10.0.0.1"] == frozenset()
    assert plan.waits_for["kubernetes/renew@10.0.0.3"] == {"kubernetes/renew@10.0.0.2"}
    assert plan.waits_for["kubernetes/token@10.0.0.1"] == {"kubernetes/renew@10.0.0.3"}
    for number in range(1, 5):
        waits = plan.waits_for[f"kubernetes/renew-kubelet@10.0.0.{number}"]
        assert waits == {"kubernetes/token@10.0.0.1"}


def test_each_master_issues_for_its_own_address_and_the_names_that_are_wanted() -> None:
    found = steps()
    for number in range(1, 4):
        step = found[f"kubernetes/renew@10.0.0.{number}"]
        (config,) = [change for change in step.changes if isinstance(change, File)]
        assert f"advertiseAddress: 10.0.0.{number}\n" in str(config.content)
        assert "- new.example\n" in str(config.content)
        assert config.mode == 0o600
        assert "upload-config" in commands(step) or number > 1


def test_the_programs_that_read_certificates_are_restarted() -> None:
    text = commands(steps()["kubernetes/renew@10.0.0.1"])
    assert "etcd|kube-apiserver|kube-controller|kube-scheduler)" in text


def test_kubeadm_before_1_20_is_asked_by_its_old_words() -> None:
    old = cluster(host(1, MASTER), image=image("v1.19.8", ()))
    (renew,) = [
        s for s in Kubernetes().renew(old, Renewal(stamp="now")) if s.id.startswith("kubernetes/renew@")
    ]
    assert "kubeadm alpha certs renew all" in commands(renew)
    assert "kubeadm certs renew all" in commands(steps()["kubernetes/renew@10.0.0.1"])


def test_masters_list_more_certificates_than_nodes() -> None:
    master, node = (set(Kubernetes().certificate_files(VIEW, h)) for h in (MASTERS[0], host(4)))
    assert node < master
    assert "/etc/kubernetes/pki/etcd/*.crt" in master


def test_masters_whose_certificates_have_ended_wait_for_one_another_when_all_have_new_ones() -> None:
    found = steps(expired=True)
    plan = make_plan(tuple(found.values()))
    renewing = {f"kubernetes/renew@10.0.0.{number}" for number in (1, 2, 3)}
    for number in (1, 2, 3):
        assert plan.waits_for[f"kubernetes/renew@10.0.0.{number}"] == frozenset()
        assert not any(isinstance(c, Wait) for c in found[f"kubernetes/renew@10.0.0.{number}"].changes)
        assert plan.waits_for[f"kubernetes/renewed@10.0.0.{number}"] == renewing
    assert plan.waits_for["kubernetes/token@10.0.0.1"] == {
        f"kubernetes/renewed@10.0.0.{number}" for number in (1, 2, 3)
    }


def test_a_kubelet_whose_certificate_has_ended_is_given_one_before_the_control_plane_restarts() -> None:
    text = commands(steps(expired=True)["kubernetes/renew@10.0.0.1"])
    kubelet = text.index("init phase kubeconfig kubelet")
    assert text.index("certs renew all") < kubelet < text.index("kube-apiserver|")
    assert "init phase kubeconfig kubelet" not in commands(steps()["kubernetes/renew@10.0.0.1"])
