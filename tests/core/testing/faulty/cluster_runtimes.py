"""Cluster runtimes with one fault each."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from sealer.changes import Command, File, Output
from sealer.changes.owned import Claim
from sealer.model import Cluster, Departure, Host, Probe, Renewal, Step, Traffic, Upgrade, at
from sealer.providers import ImageImport, SupportsCertificates, SupportsImageImport, SupportsUpgrade
from sealer.testing.conformance import ClusterRuntimeContract
from sealer.testing.stand_ins import Toy
from tests.core.testing.faulty.parts import giving, with_changes


class TestSoundRuntime(ClusterRuntimeContract):
    provider = giving(Toy())


class Reading(Toy):
    def create(self, cluster: Cluster) -> Iterable[Step]:
        assert Path("/etc/hostname").read_bytes() is not None
        return super().create(cluster)


class TestReading(ClusterRuntimeContract):
    finds = ("test_planning_touches_nothing",)
    provider = giving(Reading())


class Calling(Toy):
    def create(self, cluster: Cluster) -> Iterable[Step]:
        with contextlib.suppress(RuntimeError):  # who swallows the guard's error is found all the same
            socket.socket().close()
        return super().create(cluster)


class TestCalling(ClusterRuntimeContract):
    finds = ("test_planning_touches_nothing",)
    provider = giving(Calling())


class Restless(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        command = Command(title=f"try {random.random()}", run=":", unless="true")
        return with_changes(super().join(cluster, hosts), command)


class TestRestless(ClusterRuntimeContract):
    finds = (
        "test_planning_again_gives_the_same_steps",
        "test_fingerprints_are_the_same_in_every_planning",
    )
    provider = giving(Restless())


class Remembering(Toy):
    def __init__(self) -> None:
        self.asked = 0

    def create(self, cluster: Cluster) -> Iterable[Step]:
        self.asked += 1
        return super().create(cluster)


class TestRemembering(ClusterRuntimeContract):
    finds = ("test_planning_leaves_nothing_in_the_provider",)
    provider = giving(Remembering())


class Unquoted(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        command = Command(title="mark", run=":", unless="[ -e /tmp/it's ]")
        return with_changes(super().join(cluster, hosts), command)


class TestUnquoted(ClusterRuntimeContract):
    finds = ("test_every_fragment_can_be_parsed",)
    provider = giving(Unquoted())


class Bashism(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        command = Command(title="mark", run="words=(a b)", unless="words=(a b)")
        return with_changes(super().join(cluster, hosts), command)


class TestBashism(ClusterRuntimeContract):
    finds = ("test_every_fragment_can_be_parsed",)
    provider = giving(Bashism())


class Leaking(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        (start,) = self.create(cluster)
        command = Command(title="use", run=":", unless="true", revert=f"forget {start.value('token')}")
        return with_changes(super().join(cluster, hosts), command)


class TestLeaking(ClusterRuntimeContract):
    finds = ("test_what_is_shown_and_recorded_holds_no_value",)
    provider = giving(Leaking())


class Publishing(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        (start,) = self.create(cluster)
        file = File(path="/etc/toy/token", content=str(start.value("token")))
        return with_changes(super().join(cluster, hosts), file)


class TestPublishing(ClusterRuntimeContract):
    finds = ("test_secrets_go_where_only_root_reads_them",)
    provider = giving(Publishing())


class Unguarded(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        return with_changes(super().join(cluster, hosts), Command(title="once", run="count up"))


class TestUnguarded(ClusterRuntimeContract):
    finds = ("test_commands_say_when_they_need_not_run",)
    provider = giving(Unguarded())


class Torn(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        one, other = (File(path="/etc/toy", content=text) for text in ("one", "other"))
        return with_changes(super().join(cluster, hosts), one, other)


class TestTorn(ClusterRuntimeContract):
    finds = ("test_one_change_is_about_one_thing_of_a_host",)
    provider = giving(Torn())


class Queueing(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        before: tuple[str, ...] = ()
        for step in super().join(cluster, hosts):
            yield replace(step, requires=(*step.requires, *before))
            before = step.provides


class TestQueueing(ClusterRuntimeContract):
    finds = ("test_nodes_do_not_wait_for_one_another",)
    provider = giving(Queueing())


class Hoping(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        for step in super().join(cluster, hosts):
            yield replace(step, requires=("api",))


class TestHoping(ClusterRuntimeContract):
    finds = ("test_a_host_that_joins_has_its_files_and_its_container_runtime",)
    provider = giving(Hoping())


class Forgetful(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        for step in super().join(cluster, hosts):
            yield replace(step, provides=(at("joined", step.host),))


class TestForgetful(ClusterRuntimeContract):
    finds = ("test_each_host_that_joins_becomes_a_member",)
    provider = giving(Forgetful())


class Lacking(Toy):
    def create(self, cluster: Cluster) -> Iterable[Step]:
        for step in super().create(cluster):
            yield replace(step, requires=("what nobody provides",))


class TestLacking(ClusterRuntimeContract):
    finds = ("test_everything_is_tied_into_one_plan",)
    provider = giving(Lacking())


class Suicidal(Toy):
    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        for step, node in zip(super().remove(cluster, departure), departure.hosts, strict=True):
            yield replace(step, host=node.name)


class TestSuicidal(ClusterRuntimeContract):
    finds = ("test_hosts_can_leave",)
    provider = giving(Suicidal())


class Repeating(Toy, SupportsCertificates):
    def renew(self, cluster: Cluster, renewal: Renewal) -> Iterable[Step]:
        for host in cluster.hosts:
            command = Command(title="renew", run="toy renew")
            yield Step(id=at("toy/renew", host.name), title="renew", host=host.name, changes=(command,))

    def certificate_files(self, cluster: Cluster, host: Host) -> tuple[str, ...]:
        return ("toy.crt",)


class TestRepeating(ClusterRuntimeContract):
    finds = (
        "test_certificates_can_be_made_anew",
        "test_files_with_certificates_have_absolute_paths",
    )
    provider = giving(Repeating())


class AtOnce(Toy, SupportsUpgrade):
    def upgrade(self, cluster: Cluster, upgrade: Upgrade) -> Iterable[Step]:
        for host in cluster.hosts:
            command = Command(title="upgrade", run="toy upgrade", unless="toy upgraded")
            provides = (at("turn", host.name), at("member", host.name))
            step = Step(
                id=at("toy/upgrade", host.name),
                title="upgrade",
                host=host.name,
                changes=(command,),
                provides=provides,
            )
            yield step


class TestAtOnce(ClusterRuntimeContract):
    finds = ("test_hosts_are_upgraded_in_their_turn",)
    provider = giving(AtOnce())


class Disoriented(Toy):
    def create(self, cluster: Cluster) -> Iterable[Step]:
        for step in super().create(cluster):
            yield replace(step, provides=(*step.provides, "cluster", "member@nobody"))

    def remove(self, cluster: Cluster, departure: Departure) -> Iterable[Step]:
        assert Path("/etc/hostname").read_bytes() is not None
        return super().remove(cluster, departure)

    def kubeconfig_path(self, cluster: Cluster) -> str:
        return "admin.conf"


class TestDisoriented(ClusterRuntimeContract):
    finds = (
        "test_the_first_master_brings_the_api",
        "test_names_of_others_are_left_to_them",
        "test_planning_that_hosts_leave_touches_nothing",
        "test_the_kubeconfig_has_an_absolute_path",
    )
    provider = giving(Disoriented())


class Early(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        for node in hosts:
            command = Command(title="join", run=":", unless="true", yields=(Output(key="a-b", script=":"),))
            provides = (at("member", node.name),)
            yield Step(
                id=at("early", node.name), title="x", host=node.name, changes=(command,), provides=provides
            )


class TestEarly(ClusterRuntimeContract):
    finds = ("test_members_wait_for_the_api", "test_values_are_as_secret_as_their_outputs")
    provider = giving(Early())


@dataclass(frozen=True)
class Live(Claim):
    """A change that holds more than data."""

    work: object

    @property
    def key(self) -> str:
        return "live"

    def describe(self) -> str:
        return "live"

    def capture(self) -> str:
        return ":"


class Alive(Toy):
    def join(self, cluster: Cluster, hosts: Sequence[Host]) -> Iterable[Step]:
        return with_changes(super().join(cluster, hosts), Live(work=print))


class TestAlive(ClusterRuntimeContract):
    finds = ("test_changes_are_data",)
    provider = giving(Alive())


class TestNotRefusing(ClusterRuntimeContract):
    finds = ("test_what_is_not_supported_is_refused_with_an_error_for_users",)
    unsupported: ClassVar[Mapping[str, str]] = {"many nodes": "so it says"}
    provider = giving(Toy())


class Nameless(Toy):
    name = "Toy Cluster"
    summary = ""


class TestNameless(ClusterRuntimeContract):
    finds = ("test_the_provider_has_a_name", "test_the_summary_is_one_line")
    provider = giving(Nameless())


class Scribbling(Toy):
    def probes(self) -> tuple[Probe, ...]:
        return (Probe(name="core/mine", script="echo here > $TMPDIR/left"), Probe(name="toy/b", script="("))


class TestScribbling(ClusterRuntimeContract):
    finds = (
        "test_probes_have_names_of_the_plugins_own",
        "test_probes_only_read",
        "test_probes_can_be_parsed",
    )
    provider = giving(Scribbling())


class Elsewhere(Toy):
    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        yield Traffic(purpose="toys", port=70000, sources=("nowhere",), targets=())


class TestElsewhere(ClusterRuntimeContract):
    finds = ("test_traffic_is_between_hosts_of_the_cluster",)
    provider = giving(Elsewhere())


class GarblingToy(Toy, SupportsImageImport):
    def image_import(self) -> ImageImport:
        return ImageImport(present="toy status )", run="toy load")


class TestGarblingToy(ClusterRuntimeContract):
    finds = ("test_taking_container_images_can_be_run",)
    provider = giving(GarblingToy())
