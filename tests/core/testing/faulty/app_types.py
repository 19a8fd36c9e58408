"""Application types with faults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sealer.changes import Change, Command
from sealer.errors import ImageError
from sealer.manifests import images_in
from sealer.model import Application, Cluster
from sealer.providers import AppType, ToolRunner
from sealer.testing.conformance import AppSample, AppTypeContract
from tests.core.testing.faulty.parts import giving

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
