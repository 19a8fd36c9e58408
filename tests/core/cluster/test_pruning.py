"""Which application images stay in a cluster's registry when it is pruned."""

from __future__ import annotations

from sealer.cluster.pruning import in_use, names_of, newest
from sealer.cluster.request import ImageChoice

DIGEST = f"sha256:{'0' * 64}"


def choice(reference: str, *served: str) -> ImageChoice:
    return ImageChoice(reference=reference, digests={"10.0.0.1": DIGEST}, name=reference, served=served)


def test_the_releases_that_were_run_last_stay_of_each_image() -> None:
    stored = tuple(map(choice, ("shop:1", "blog:1", "shop:2", "r.example:5000/shop:9", "shop:3", "blog:2")))

    def kept(keep: int) -> list[str]:
        return [one.reference for one in newest(stored, keep)]

    assert kept(0) == []
    assert kept(1) == ["r.example:5000/shop:9", "shop:3", "blog:2"]
    assert kept(2) == ["blog:1", "shop:2", "r.example:5000/shop:9", "shop:3", "blog:2"]
    assert kept(9) == [one.reference for one in stored]


def test_an_image_is_in_use_when_workloads_name_what_it_brought() -> None:
    shop = choice("shop:1", "docker.io/library/nginx:1.25", f"quay.io/a/b@{DIGEST}")

    def is_used(*named: str) -> bool:
        return in_use(shop, frozenset(name for word in named for name in names_of(word)))

    assert is_used("nginx:1.25")
    assert is_used("docker.io/library/nginx:1.25")
    assert is_used(f"quay.io/a/b@{DIGEST}")
    assert is_used(f"quay.io/a/b:2@{DIGEST}")
    assert not is_used("nginx:1.26", "quay.io/a/b:2", "docker.io/other/nginx:1.25")
    # What the API server says of images that have no name is no reason to stop.
    assert not is_used(DIGEST, "", "::")
