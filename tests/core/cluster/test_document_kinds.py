"""Documents that a cluster runtime takes, and those that are refused."""

from __future__ import annotations

import pytest

from sealer.cluster.document_kinds import require_known_documents
from sealer.clusterfile import parse_clusterfile
from sealer.errors import SourceErrors
from sealer.testing.stand_ins import Toy


class Picky(Toy):
    name = "picky"
    document_kinds = frozenset({"kubeadm.k8s.io/ClusterConfiguration", "sealer.io/KubeadmConfig"})


CLUSTER = "apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {name: c}\n"


def clusterfile(*headers: tuple[str, str]) -> str:
    return CLUSTER + "".join(f"---\napiVersion: {version}\nkind: {kind}\n" for version, kind in headers)


def test_documents_that_the_runtime_takes_may_have_any_version() -> None:
    text = clusterfile(
        ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration"),
        ("sealer.io/v1", "KubeadmConfig"),
        ("sealer.cloud/v1", "KubeadmConfig"),
    )
    require_known_documents(parse_clusterfile(text, "C", {}), Picky())


def test_all_others_are_refused_with_their_places_and_the_nearest_names() -> None:
    text = clusterfile(
        ("kubeadm.k8s.io/v1beta3", "ClusterConfiguraton"),
        ("kubeadm.k8s.io/v1beta3", "ClusterConfiguration"),
        ("k8s.io/v1", "ClusterConfiguration"),
        ("sealer.io/v1", "KubadmConfig"),
        ("v1", "Pod"),
    )
    with pytest.raises(SourceErrors) as caught:
        require_known_documents(parse_clusterfile(text, "C", {}), Picky())
    told = [(problem.place.line, problem.hint) for problem in caught.value.problems]
    assert told == [
        (5, "did you mean kubeadm.k8s.io/ClusterConfiguration?"),
        (11, "did you mean kubeadm.k8s.io/ClusterConfiguration?"),
        (14, "did you mean sealer.io/KubeadmConfig?"),
        (17, "one of: kubeadm.k8s.io/ClusterConfiguration, sealer.io/KubeadmConfig"),
    ]


def test_a_runtime_that_names_none_looks_for_itself() -> None:
    require_known_documents(parse_clusterfile(clusterfile(("v1", "Pod")), "C", {}), Toy())
