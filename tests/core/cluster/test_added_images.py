"""Container images that are fetched once for all hosts, from a real registry."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from sealer.cluster.access import Access
from sealer.cluster.added_images import add_images, added_name, look_at_adding, pack_images
from sealer.cluster.launching import Existing
from sealer.cluster.request import Foreign, ImageChoice, Request
from sealer.cluster.session import Context
from sealer.clusterfile import Clusterfile, ClusterSpec, HostSpec
from sealer.errors import ImageError, PlanError, TransportError
from sealer.events import discard
from sealer.operation.records import ClusterRecords
from sealer.plugins import Plugins
from sealer.testing import example_facts
from sealer.testing.registry import RegistryServer
from tests.packed import packed

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


def context(home: Path) -> Context:
    return Context(
        home=home,
        plugins=Plugins.of(),
        events=discard,
        access=Access(ask=str),
        log=lambda _: nullcontext(discard),
        on_stop=lambda _: None,
    )


def state() -> Request:
    hosts = tuple(HostSpec(address=address, roles=("master",)) for address in ADDRESSES)
    return Request(
        clusterfile=Clusterfile(cluster=ClusterSpec(name="c", hosts=hosts)),
        image=ImageChoice(reference="c:1", digests=dict.fromkeys(ADDRESSES, "sha256:" + "0" * 64)),
        facts=dict.fromkeys(ADDRESSES, example_facts()),
    )


def there(home: Path, request: Request) -> Existing:
    return Existing(records=ClusterRecords(home, "c"), state=request)


def test_an_image_costs_one_request_however_many_hosts_there_are(tmp_path: Path) -> None:
    with RegistryServer(tmp_path / "upstream", tls=True) as upstream:
        for path, data in packed("team/tool:1").items():
            file = upstream.data / path.removeprefix("registry/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        home = tmp_path / "home"
        trust = home / "certs.d" / upstream.address
        trust.mkdir(parents=True)
        shutil.copy(upstream.authority, trust / "ca.crt")
        name = f"{upstream.address}/team/tool:1"
        used = context(home)
        asyncio.run(pack_images(used, state(), added_name((name,)), (name,)))
        asked = Counter(line for line in upstream.requests() if line.startswith("GET"))
        layer = hashlib.sha256(b"team/tool:1").hexdigest()
        assert asked[f"GET /v2/team/tool/blobs/sha256:{layer} 200"] == 1
        image = used.store.resolve(added_name((name,))).metadata
        assert [one.image for one in image.container_images] == [name]

        missing = f"{upstream.address}/team/none:1"
        with pytest.raises(TransportError):
            asyncio.run(pack_images(used, state(), added_name((missing,)), (missing,)))


def test_names_are_told_as_they_are_in_full_and_each_once(tmp_path: Path) -> None:
    names = ("nginx", "docker.io/library/nginx:latest", "quay.io/a:1")
    [step] = look_at_adding(there(tmp_path, state()), names).steps
    assert [change.change for change in step.changes] == ["docker.io/library/nginx:latest", "quay.io/a:1"]
    with pytest.raises(ImageError):
        look_at_adding(there(tmp_path, state()), ("UPPER",))


def test_clusters_of_others_have_no_such_registry(tmp_path: Path) -> None:
    foreign = replace(state(), foreign=Foreign(kubeconfig="/k", context="x"))
    with pytest.raises(PlanError, match="no registry that Sealer looks after"):
        asyncio.run(add_images(context(tmp_path), there(tmp_path, foreign), ("nginx",)))
