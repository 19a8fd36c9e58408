"""Custom resources with images that core does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from sealer.providers import Vocabulary

_PATHS = MappingProxyType(
    {
        (f"{group}.k8s.elastic.co", kind): ("spec.image",)
        for group, kind in (
            ("agent", "Agent"),
            ("apm", "ApmServer"),
            ("beat", "Beat"),
            ("elasticsearch", "Elasticsearch"),
            ("enterprisesearch", "EnterpriseSearch"),
            ("kibana", "Kibana"),
            ("logstash", "Logstash"),
            ("maps", "ElasticMapsServer"),
        )
    }
)


class Resources(Vocabulary):
    """The resources of Elastic's operator."""

    name: ClassVar[str] = "kube"
    summary: ClassVar[str] = "custom resources that name container images"

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        return _PATHS
