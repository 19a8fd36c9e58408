"""The part of contracts that is about plans: what a provider declares, tied together with core's steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import pytest

from sealer.changes import Change, Command, File
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.parts import Parts
from sealer.cluster.pipeline import installation_plan
from sealer.errors import SealerError
from sealer.image.extension import LAYER_CONTENT, LayerContent
from sealer.image.oci import Descriptor
from sealer.model import Cluster, ImageMetadata, Step, used_values
from sealer.operation.plan import Plan, fingerprint
from sealer.testing.conformance.base import Contract
from sealer.testing.conformance.fragments import fragments, identity, is_data, secret_values
from sealer.testing.conformance.scenarios import SCENARIOS, Scenario
from sealer.testing.examples import example_image
from sealer.testing.purity import pure
from sealer.testing.shells import syntax_errors
from sealer.testing.stand_ins import planned_cluster


def layer(letter: str, content: str | None) -> Descriptor:
    """Return a layer whose digest is made of one letter, and which says what it holds unless that is None."""
    return Descriptor(
        media_type="application/vnd.oci.image.layer.v1.tar+gzip",
        digest=f"sha256:{letter * 64}",
        size=1000,
        annotations={} if content is None else {LAYER_CONTENT: content},
    )


LAYERS = (
    layer("b", LayerContent.ROOTFS),
    layer("c", LayerContent.APPLICATION),
    layer("d", LayerContent.REGISTRY),
)
"""The layers of the example image."""


def install(cluster: Cluster, parts: Parts) -> Plan:
    """Plan an installation as core does.

    Raises:
        SealerError: A provider refuses, or what is declared can't be tied together.
    """
    layers = {host.name: LAYERS for host in cluster.hosts}
    return installation_plan(cluster, layers, parts, LaunchChoice())


class PlanningContract(Contract, ABC):
    """Contract of providers whose steps and changes become part of an installation.

    Attributes:
        unsupported: The scenarios that the provider refuses with an error for users, by name, and why.
        repeatable: Patterns (``*`` and ``?``) of the titles of commands that have neither ``unless`` nor
            ``creates`` nor ``revert``, because running them again, after they were cut off, does no harm.
    """

    unsupported: ClassVar[Mapping[str, str]] = {}
    repeatable: ClassVar[tuple[str, ...]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make each test that asks for a scenario once for each that is supported."""
        if "scenario" in metafunc.fixturenames and metafunc.cls is not None:
            chosen = [scenario for scenario in SCENARIOS if scenario.name not in metafunc.cls.unsupported]
            metafunc.parametrize("scenario", chosen, ids=[scenario.name for scenario in chosen])

    @pytest.fixture
    def image(self) -> ImageMetadata:
        """Return the cluster image to plan with; override it when the provider needs other contents."""
        return example_image()

    @pytest.fixture
    def parts(self, provider: Any, scenario: Scenario) -> Parts:
        """Return the provider beside stand-ins for the other kinds."""
        return self.beside_stand_ins(provider, scenario)

    @pytest.fixture
    def cluster(self, image: ImageMetadata, parts: Parts, scenario: Scenario) -> Cluster:
        """Return the cluster that is planned, as providers see it."""
        return self.seen(image, parts, scenario)

    @pytest.fixture
    def plan(self, cluster: Cluster, parts: Parts) -> Plan:
        """Return the plan of the installation."""
        return install(cluster, parts)

    @abstractmethod
    def with_stand_ins(self, provider: Any) -> Parts:
        """Return the provider beside one stand-in of each other kind; the contract of a kind says where."""

    def beside_stand_ins(self, provider: Any, scenario: Scenario) -> Parts:
        """Return those parts that a scenario has."""
        parts = self.with_stand_ins(provider)
        return replace(
            parts,
            container=parts.container if scenario.boxed else None,
            registry=parts.registry if scenario.packed else None,
        )

    def seen(self, image: ImageMetadata, parts: Parts, scenario: Scenario) -> Cluster:
        """Return the cluster of a scenario as providers see it."""
        packed = image.container_images if scenario.packed else ()
        return planned_cluster(scenario.cluster, replace(image, container_images=packed), parts)

    def test_everything_is_tied_into_one_plan(self, plan: Plan, cluster: Cluster) -> None:
        """Every name that is required is provided once, nothing waits for itself, all hosts are known."""
        assert {step.host for step in plan.steps} == {host.name for host in cluster.hosts}
        assert all(step.id.strip() and step.title.strip() for step in plan.steps)

    def test_what_is_not_supported_is_refused_with_an_error_for_users(
        self, provider: Any, image: ImageMetadata
    ) -> None:
        """The reasons are for readers of the test; users get a ``SealerError`` with a hint."""
        assert set(self.unsupported) <= {scenario.name for scenario in SCENARIOS}
        assert all(reason.strip() for reason in self.unsupported.values())
        for scenario in SCENARIOS:
            if scenario.name in self.unsupported:
                parts = self.beside_stand_ins(provider, scenario)
                with pytest.raises(SealerError):
                    install(self.seen(image, parts, scenario), parts)

    def test_planning_again_gives_the_same_steps(self, plan: Plan, cluster: Cluster, parts: Parts) -> None:
        """Journals know steps and changes by their ids and keys, also after months and by other processes."""
        again = install(cluster, parts)
        assert [_frame(step) for step in again.steps] == [_frame(step) for step in plan.steps]

    def test_fingerprints_are_the_same_in_every_planning(
        self, plan: Plan, cluster: Cluster, parts: Parts
    ) -> None:
        """An operation that is resumed knows by them which steps are done.

        What is made anew in each planning, such as a key, belongs into a command with a guard.
        """
        again = install(cluster, parts)
        assert [fingerprint(step) for step in again.steps] == [fingerprint(step) for step in plan.steps]

    def test_planning_leaves_nothing_in_the_provider(
        self, provider: Any, cluster: Cluster, parts: Parts
    ) -> None:
        """It is asked in any order, any number of times, and gets all that it needs as arguments."""
        held = {name: repr(value) for name, value in getattr(provider, "__dict__", {}).items()}
        install(cluster, parts)
        assert {name: repr(value) for name, value in getattr(provider, "__dict__", {}).items()} == held

    def test_planning_touches_nothing(self, plan: Plan, cluster: Cluster, parts: Parts) -> None:
        """No file, no network, no other process: a plan can be made anywhere, for hosts that are off."""
        del plan  # made first, so that all modules are imported by now
        with pure():
            install(cluster, parts)

    def test_changes_are_data(self, plan: Plan) -> None:
        """They are frozen dataclasses of plain values: shown, compared and written down."""
        assert [change for step in plan.steps for change in step.changes if not is_data(change)] == []

    def test_every_fragment_can_be_parsed(self, plan: Plan) -> None:
        """By every shell that hosts have; see ``sealer.testing.shells``."""
        found = {name: text for step in plan.steps for name, text in fragments(step)}
        assert syntax_errors(found) == []

    def test_what_is_shown_and_recorded_holds_no_value(self, plan: Plan) -> None:
        """Values may be secret, and are not known when an undo is run or a plan is shown."""
        for step in plan.steps:
            frame = (step.id, step.title, step.host, step.provides, step.requires, step.env, step.directory)
            assert not used_values(frame), f"{step.id} holds a value outside of its changes"
            for change in step.changes:
                texts = (change.key, change.describe(), change.undo() or "")
                assert not used_values(texts), f"{step.id}: {texts} holds a value"
                scripts = tuple(output.script for output in change.outputs)
                assert not used_values(scripts), f"{step.id}: an output's script holds a value"

    def test_secrets_go_where_only_root_reads_them(self, plan: Plan) -> None:
        """Into commands, which travel on standard input, and into files that are their owner's alone."""
        secrets = secret_values(plan.steps)
        holding = [
            (step.id, change)
            for step in plan.steps
            for change in step.changes
            if used_values(change) & secrets
        ]
        for step, change in holding:
            assert isinstance(change, Command | File), f"{step}: {change.describe()} holds a secret"
            if isinstance(change, File):
                assert change.mode & 0o077 == 0, f"{step}: {change.path} ({change.mode:o}) holds a secret"

    def test_values_are_as_secret_as_their_outputs(self, plan: Plan) -> None:
        """A step that uses a value finds the output that makes it, under a key that a script can name."""
        outputs = {
            (step.id, output.key)
            for step in plan.steps
            for change in step.changes
            for output in change.outputs
        }
        used = {pair for step in plan.steps for pair in step.uses()}
        assert used <= outputs
        assert all(key.isidentifier() and key.isascii() for _, key in outputs)

    def test_one_change_is_about_one_thing_of_a_host(self, plan: Plan) -> None:
        """A key stands for one entry of the host journal; two changes that share it undo each other."""
        seen: dict[tuple[str, str], tuple[str, Change]] = {}
        for step in plan.steps:
            for change in step.changes:
                step_id, first = seen.setdefault((step.host, change.key), (step.id, change))
                assert first is change or first == change, (
                    f"{step_id} and {step.id} both declare {change.key}, and differ"
                )

    def test_commands_say_when_they_need_not_run(self, plan: Plan) -> None:
        """A command that was cut off is run again: it is guarded, reverted before, or declared repeatable."""
        bare = [
            change.title
            for step in plan.steps
            for change in step.changes
            if isinstance(change, Command) and not (change.unless or change.creates or change.revert)
        ]
        declared = [title for title in bare if any(fnmatchcase(title, form) for form in self.repeatable)]
        assert bare == declared


def _frame(step: Step) -> tuple[Any, ...]:
    """Return all of a step that must be the same in every planning."""
    return (
        replace(step, changes=()),
        tuple(identity(change) for change in step.changes),
    )
