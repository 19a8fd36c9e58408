"""The contract of image policies."""

from __future__ import annotations

from typing import Any

import pytest

from sealer.changes import Change, Command
from sealer.kubefile import Variables, parse
from sealer.model import Step
from sealer.providers import ImagePolicy, Redirection
from sealer.testing.conformance.base import Contract
from sealer.testing.conformance.fragments import fragments, identity
from sealer.testing.examples import AMD64, example_cluster
from sealer.testing.purity import pure
from sealer.testing.shells import syntax_errors

_TARGETS = {
    "nginx": "registry.example:5000/it's/docker.io/library/nginx:latest",
    "docker.io/library/nginx:latest": "registry.example:5000/it's/docker.io/library/nginx:latest",
}


class ImagePolicyContract(Contract):
    """What ``sealer_image_policies`` provides."""

    @pytest.fixture
    def provider(self) -> Any:
        """Return the image policy to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the image policy")

    def test_the_engine_can_be_an_application(self, provider: ImagePolicy) -> None:
        """A Kubefile has to be able to say ``APP`` with this name."""
        parse(
            f"FROM scratch\nAPP {provider.application} local://a.yaml\n".encode(), Variables(platform=AMD64)
        )

    def test_something_is_redirected_withdrawn_and_cleaned(self, provider: ImagePolicy) -> None:
        """Of each there is something to do, and each shell can parse it."""
        for name, changes in planned(provider, "web").items():
            assert changes, f"{name} changes nothing"
            step = Step(id=name, title=name, host="10.0.0.1", changes=changes)
            assert syntax_errors(dict(fragments(step))) == []

    def test_every_target_is_said(self, provider: ImagePolicy) -> None:
        """The names, and where each leads, are in what is applied."""
        said = "\n".join(change.apply() for change in planned(provider, "web")["redirect"])
        # Quoting may stand within a name, but never within a word of letters.
        for name, target in _TARGETS.items():
            assert name in said
            assert target.rpartition("/")[2] in said

    def test_planning_is_pure_and_repeatable(self, provider: ImagePolicy) -> None:
        """It opens nothing, and made again it is the same."""
        first = {name: [*map(identity, changes)] for name, changes in planned(provider, "web").items()}
        with pure():
            again = planned(provider, "web")
        assert {name: [*map(identity, changes)] for name, changes in again.items()} == first

    def test_nothing_is_done_twice_unasked(self, provider: ImagePolicy) -> None:
        """Each command says when there is nothing to do."""
        for changes in planned(provider, "web").values():
            for change in changes:
                assert not isinstance(change, Command) or change.unless or change.creates, change.title

    def test_applications_do_not_share_redirections(self, provider: ImagePolicy) -> None:
        """One is withdrawn without the other."""
        for kind in ("redirect", "withdraw"):
            keys = [{change.key for change in planned(provider, name)[kind]} for name in ("web", "shop")]
            assert keys[0].isdisjoint(keys[1])


def planned(provider: ImagePolicy, owner: str) -> dict[str, tuple[Change, ...]]:
    """Return all changes for an application of an example."""
    cluster = example_cluster()
    return {
        "redirect": tuple(provider.redirect(cluster, Redirection(owner=owner, targets=_TARGETS))),
        "withdraw": tuple(provider.withdraw(cluster, owner)),
        "clean": tuple(provider.clean(cluster)),
    }
