"""Providers with one fault each, under the contract that must find it. ``test_conformance`` runs this file.

``finds`` names the tests that must fail; ``TestSound*`` have no fault, and all of their tests must pass.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sealer.changes import Change, Command, File, Output
from sealer.changes.owned import Claim
from sealer.errors import ImageError
from sealer.manifests import images_in
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    RUNTIME_TYPE_LABEL,
    RUNTIME_VERSION_LABEL,
    Application,
    Check,
    Cluster,
    ContainerRuntimeSettings,
    Departure,
    Finding,
    Host,
    ImageMetadata,
    Phase,
    Platform,
    Probe,
    RegistryEndpoint,
    RegistrySettings,
    Renewal,
    Step,
    Task,
    Traffic,
    Upgrade,
    at,
)
from sealer.providers import (
    AppType,
    BaseRecipe,
    Component,
    Download,
    HostChecks,
    ImageImport,
    ProgramQuery,
    SupportsBaseImages,
    SupportsCertificates,
    SupportsImageImport,
    SupportsUpgrade,
    TaskType,
    ToolRunner,
    Vocabulary,
)
from sealer.testing.conformance import (
    AppSample,
    AppTypeContract,
    BaseImagesContract,
    BaseRecipeContract,
    ClusterRuntimeContract,
    ContainerRuntimeContract,
    HostChecksContract,
    RecipeSample,
    RegistryContract,
    TaskSample,
    TaskTypeContract,
    VocabularyContract,
)
from sealer.testing.stand_ins import Box, Shelf, Toy


def giving(value: Any) -> Any:
    """Make a fixture that returns a value."""

    @pytest.fixture
    def given(self: object) -> Any:
        return value

    return given


def with_changes(steps: Iterable[Step], *changes: Change) -> Iterator[Step]:
    for step in steps:
        yield replace(step, changes=(*step.changes, *changes))


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


class TestSoundContainerRuntime(ContainerRuntimeContract):
    provider = giving(Box())


class Everywhere(Box):
    def settings(self, image: ImageMetadata, hosts: Sequence[Host]) -> ContainerRuntimeSettings:
        return ContainerRuntimeSettings(socket="box.sock", cgroup_driver="none")

    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        for step in super().install(cluster, host):
            yield replace(step, provides=(*step.provides, f"box for {host.name}"))

    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        yield Command(title="restart", run=f"box restart {registry.domain}", unless="true")
        yield File(path="/etc/box/all", content=" ".join(domains))


class TestEverywhere(ContainerRuntimeContract):
    finds = (
        "test_it_runs_on_every_host",
        "test_settings_say_what_a_cluster_runtime_must_know",
        "test_mirrors_change_files_alone",
        "test_mirrors_of_more_domains_hold_those_of_fewer",
    )
    provider = giving(Everywhere())


class Queued(Box):
    def install(self, cluster: Cluster, host: Host) -> Iterable[Step]:
        first = at("container-runtime", cluster.first_master.name)
        for step in super().install(cluster, host):
            yield step if host is cluster.first_master else replace(step, requires=(*step.requires, first))


class TestQueued(ContainerRuntimeContract):
    finds = ("test_hosts_do_not_wait_for_one_another",)
    provider = giving(Queued())


class Unmirrored(Box):
    def mirrors(self, registry: RegistryEndpoint, domains: Sequence[str]) -> Iterable[Change]:
        return super().mirrors(registry, domains[:1])


class TestUnmirrored(ContainerRuntimeContract):
    finds = ("test_every_domain_is_mirrored",)
    provider = giving(Unmirrored())


class Garbling(Box, SupportsImageImport):
    def image_import(self) -> ImageImport:
        return ImageImport(present="true", run="if then")


class TestGarbling(ContainerRuntimeContract):
    finds = ("test_taking_container_images_can_be_run",)
    provider = giving(Garbling())


class GarblingToy(Toy, SupportsImageImport):
    def image_import(self) -> ImageImport:
        return ImageImport(present="toy status )", run="toy load")


class TestGarblingToy(ClusterRuntimeContract):
    finds = ("test_taking_container_images_can_be_run",)
    provider = giving(GarblingToy())


class Announced(Shelf):
    def traffic(self, cluster: Cluster) -> Iterable[Traffic]:
        everyone = tuple(host.name for host in cluster.hosts)
        port = self.endpoint(cluster).port
        yield Traffic(purpose="shelf", port=port, sources=everyone, targets=everyone[:1])


class TestSoundRegistry(RegistryContract):
    provider = giving(Announced())


class TestUnannounced(RegistryContract):
    finds = ("test_it_says_that_hosts_connect_to_it",)
    provider = giving(Shelf())


class Stubborn(Announced):
    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        return super().endpoint(replace(cluster, registry_settings=RegistrySettings()))


class TestStubborn(RegistryContract):
    finds = ("test_the_user_decides_about_domain_and_port",)
    provider = giving(Stubborn())


class Open(Announced):
    def endpoint(self, cluster: Cluster) -> RegistryEndpoint:
        found = super().endpoint(cluster)
        return replace(found, password=found.certificate_authority, port=0)


class TestOpen(RegistryContract):
    finds = (
        "test_its_password_is_a_secret_that_it_makes",
        "test_the_endpoint_can_be_reached",
        "test_the_user_decides_about_domain_and_port",
    )
    provider = giving(Open())


class Impatient(Announced):
    def serve(self, cluster: Cluster) -> Iterable[Step]:
        for step in super().serve(cluster):
            yield replace(step, requires=())


class TestImpatient(RegistryContract):
    finds = ("test_it_serves",)
    provider = giving(Impatient())


MANIFEST = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'r.example/a:1'}]}\n"


class Pods(AppType):
    """A sound application type."""

    name = "pods"
    summary = "pods"

    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        files = tuple(source.name for source in sources if source.suffix == ".pod")
        return files if len(files) == len(sources) else None

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        for file in files:
            yield from images_in((directory / file).read_bytes(), file)

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        for file in app.files:
            path = f"{app.directory}/{file}".replace("'", "'\\''")
            yield Command(title=f"run {file} of {app.name}", run=f"start '{path}'", unless=f"up '{path}'")


class PodsContract(AppTypeContract):
    samples = giving((AppSample(sources={"a.pod": MANIFEST}, files=("a.pod",), images=("r.example/a:1",)),))


class TestSoundAppType(PodsContract):
    provider = giving(Pods())


class Stuck(Pods):
    def uninstall(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        raise ImageError("no")

    def upgrade(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        return ()

    def objects(self, cluster: Cluster, app: Application) -> str:
        return f"list {app.files[0]}"


class TestStuck(PodsContract):
    finds = (
        "test_what_was_launched_can_be_taken_away",
        "test_upgrading_is_launching_unless_the_type_knows_better",
        "test_its_questions_can_be_asked",
    )
    provider = giving(Stuck())


class Greedy(Pods):
    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        (sources[0].parent / "seen").touch()
        return tuple(source.name for source in sources)

    def images(self, directory: Path, files: Sequence[str], run: ToolRunner) -> Iterable[str]:
        (directory / "seen").touch()
        return ()


class TestGreedy(PodsContract):
    finds = (
        "test_other_files_are_left_to_other_types",
        "test_recognising_only_reads",
        "test_images_of_samples_are_found",
        "test_looking_for_images_only_reads",
    )
    provider = giving(Greedy())


class Careless(Pods):
    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        for file in app.files:
            yield Command(title=f"run {file}", run=f"start {file}")


class TestCareless(PodsContract):
    finds = (
        "test_applications_do_not_share_changes",
        "test_files_with_odd_names_are_launched",
        "test_commands_say_when_they_need_not_run",
    )
    provider = giving(Careless())


class Idle(Pods):
    def detect(self, sources: Sequence[Path]) -> tuple[str, ...] | None:
        return None

    def launch(self, cluster: Cluster, app: Application) -> Iterable[Change]:
        return ()


class TestIdle(PodsContract):
    finds = ("test_samples_are_recognised", "test_something_is_launched")
    provider = giving(Idle())


class Toys(BaseRecipe):
    """A sound recipe."""

    name = "toy"
    summary = "toys"

    def canonical_version(self, version: str) -> str:
        found = re.fullmatch(r"v?([0-9]+\.[0-9]+)", version.strip())
        if found is None:
            raise ImageError(f"{version!r} is no version")
        return f"v{found[1]}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        if platform.os != "linux":
            raise ImageError(f"no toys for {platform}")
        toy = Component(
            name="toy",
            path="bin/toy",
            version_arguments=("-v",),
            version_pattern="(.*)",
            carries_version=True,
        )
        return (toy,)

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        self.components(platform)
        url = f"https://toys.example/{version}/toy"
        return (Download(url=url, checksum=f"sha256:{'0' * 64}", version=version, component="toy"),)

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        return (f"r.example/toy:{version}",)

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {RUNTIME_TYPE_LABEL: self.name, RUNTIME_VERSION_LABEL: version}


class ToysContract(BaseRecipeContract):
    samples = giving((RecipeSample(version="1.2"),))


class TestSoundRecipe(ToysContract):
    provider = giving(Toys())


class Sloppy(Toys):
    def canonical_version(self, version: str) -> str:
        return f"w{version}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        toy = Component(name="toy", path="/bin/toy", version_pattern="x", carries_version=True)
        return (toy, Component(name="b", path="b"))

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        url = "http://toys.example"
        other = Download(url=f"{url}/other", checksum="none", version="", component="other")
        return (other, Download(url=f"{url}/toy", checksum="none", version="1", component="toy"))

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        return ("toy",)

    def image_query(self, version: str) -> ProgramQuery:
        return ProgramQuery(component="unknown", arguments=())

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {RUNTIME_TYPE_LABEL: "another", RUNTIME_VERSION_LABEL: version}

    def files(self, version: str, platform: Platform) -> Mapping[str, str]:
        return {"../outside": Path("/etc/hostname").read_text()}


class TestSloppy(ToysContract):
    finds = (
        "test_versions_have_one_form",
        "test_what_is_no_version_is_refused",
        "test_components_have_places_of_their_own",
        "test_versions_of_programs_can_be_read",
        "test_every_component_has_one_download",
        "test_downloads_are_verified",
        "test_an_unknown_platform_is_refused",
        "test_container_images_are_named_in_full",
        "test_what_is_asked_is_a_component",
        "test_components_of_the_distribution_have_its_version",
        "test_labels_say_what_the_image_brings",
        "test_further_files_are_inside_the_rootfs",
        "test_a_recipe_only_declares",
    )
    provider = giving(Sloppy())


class Stock(Toys, SupportsBaseImages):
    """Brings what the recipe has."""

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return tuple(replace(part, carries_version=False) for part in self.components(platform))

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        return self.downloads(kubernetes, platform)


class TestSoundStock(BaseImagesContract):
    provider = giving(Stock())


class SloppyStock(Sloppy, Box, SupportsBaseImages):
    name = "sloppy"

    def base_components(self, platform: Platform) -> tuple[Component, ...]:
        return self.components(platform)

    def base_downloads(self, kubernetes: str, platform: Platform) -> tuple[Download, ...]:
        Path("/etc/hostname").read_text()
        return self.downloads(kubernetes, platform)

    def base_labels(self, kubernetes: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {CONTAINER_RUNTIME_TYPE_LABEL: "another"}


class TestSloppyStock(BaseImagesContract):
    finds = (
        "test_components_have_places_and_sources",
        "test_downloads_are_verified",
        "test_an_unknown_platform_is_refused",
        "test_labels_say_what_the_image_brings",
        "test_it_only_declares",
    )
    provider = giving(SloppyStock())


class Even(Check):
    id = "site-even"
    title = "an even number"

    def probes(self) -> tuple[Probe, ...]:
        return (Probe(name="site/number", script="echo 2"),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        for host in cluster.hosts:
            if host.facts.answers.get("site/number", "") == "1":
                yield self.finding(host.name, found="1", wanted="2", mend="add one")


class Site(HostChecks):
    """Sound host checks."""

    name = "site"
    summary = "the rules of a site"

    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return (Even(),)


class TestSoundHostChecks(HostChecksContract):
    provider = giving(Site())


class Fragile(Even):
    id = "Site Even"

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        assert cluster.first_master
        for host in cluster.hosts:
            if int(host.facts.answers["site/number"]) % 2:
                yield self.finding("nowhere", found="", wanted="", mend="")


class FragileSite(Site):
    def checks(self, cluster: Cluster) -> Iterable[Check]:
        many = any(host.facts.answers for host in cluster.hosts)
        return (Fragile(), Fragile()) if many else (Fragile(),)


class Nothing(Site):
    def checks(self, cluster: Cluster) -> Iterable[Check]:
        return ()


class TestNothing(HostChecksContract):
    finds = ("test_it_brings_checks",)
    provider = giving(Nothing())


class TestFragile(HostChecksContract):
    finds = (
        "test_checks_can_be_told_apart",
        "test_which_checks_there_are_depends_on_no_answer",
        "test_checks_bear_every_answer",
        "test_checks_bear_hosts_unlike_others",
        "test_asking_and_judging_touch_nothing",
        "test_checks_that_need_no_image_bear_that_there_is_none",
    )
    provider = giving(FragileSite())


class Words(Vocabulary):
    """A sound vocabulary."""

    name = "words"
    summary = "words of a site"

    def label_keys(self) -> Mapping[str, str]:
        return {"site.sealer.io/team": "who answers for the image", "site.sealer.io/x-*": "anything"}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        return {("site.org", "Batch"): ("spec.image", "spec.steps.*.image")}


class TestSoundVocabulary(VocabularyContract):
    provider = giving(Words())


class Wrong(Words):
    def label_keys(self) -> Mapping[str, str]:
        Path("/etc/hostname").read_text(encoding="utf-8")
        return {"team": ""}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        return {("site.org", "Batch"): ("spec..image",)}


class Wordless(Words):
    def label_keys(self) -> Mapping[str, str]:
        return {}

    def image_paths(self) -> Mapping[tuple[str, str], Sequence[str]]:
        return {}


class TestWrongVocabulary(VocabularyContract):
    finds = (
        "test_keys_are_reserved_and_explained",
        "test_paths_lead_somewhere",
        "test_asking_touches_nothing",
    )
    provider = giving(Wrong())


class TestWordless(VocabularyContract):
    finds = ("test_it_brings_words",)
    provider = giving(Wordless())


class Notes(TaskType):
    """A sound type of task."""

    name = "notes"
    summary = "notes"

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        if not task.data:
            raise ValueError("there is nothing to note")
        yield Command(title=f"{task.name} at {task.phase}", run="note", unless="noted")


class NotesContract(TaskTypeContract):
    samples = giving((TaskSample(data="x", bad=""),))


class TestSoundTask(NotesContract):
    provider = giving(Notes())


class Heedless(Notes):
    count = 0

    def changes(self, cluster: Cluster, host: Host, task: Task) -> Iterable[Change]:
        type(self).count += 1
        if task.phase is not Phase.PRE_INSTALL:
            yield Command(title="note", run=f"note '{self.count}", revert=f"forget {self.count}")


class TestHeedless(NotesContract):
    finds = (
        "test_something_is_done_at_every_phase",
        "test_planning_is_pure_and_repeatable",
        "test_scripts_can_be_run",
        "test_data_that_mean_nothing_are_refused",
        "test_tasks_do_not_share_changes",
    )
    provider = giving(Heedless())
