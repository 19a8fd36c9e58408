"""The contract of application types."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sealer.build.tools import run_tool
from sealer.changes import Change
from sealer.cluster.parts import Parts
from sealer.errors import ImageError
from sealer.model import Application, ImageMetadata, Step
from sealer.providers import AppType, ToolRunner
from sealer.testing.conformance.fragments import fragments
from sealer.testing.conformance.planning import PlanningContract
from sealer.testing.examples import example_applications, example_cluster, example_image
from sealer.testing.purity import pure, unwatched
from sealer.testing.shells import syntax_errors
from sealer.testing.stand_ins import STAND_INS


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSample:
    """An application of the type, as an APP instruction names it.

    Attributes:
        sources: The content of each file, by its path beside the Kubefile. The first part of a path is what
            the instruction names: a file, or a directory with all that is below it.
        files: What ``detect`` must return.
        images: The container images that ``images`` must find, as a set.
    """

    sources: Mapping[str, str | bytes]
    files: tuple[str, ...]
    images: tuple[str, ...] = ()

    def write(self, context: Path) -> list[Path]:
        """Write the files, and return what the instruction names, in order."""
        for path, content in self.sources.items():
            file = context / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return [context / name for name in dict.fromkeys(path.split("/")[0] for path in self.sources)]


class AppTypeContract(PlanningContract):
    """What ``sealer_app_types`` provides."""

    @pytest.fixture
    def provider(self) -> Any:
        """Return the application type to be tested."""
        raise NotImplementedError("override the fixture 'provider': it returns the application type")

    @pytest.fixture
    def samples(self) -> Sequence[AppSample]:
        """Return applications of the type; at least one."""
        raise NotImplementedError("override the fixture 'samples': it returns some AppSample")

    @pytest.fixture
    def run(self) -> ToolRunner:
        """Return what runs programs such as a renderer of templates: the one that builds use."""
        return run_tool

    @pytest.fixture
    def image(self, provider: AppType, samples: Sequence[AppSample]) -> ImageMetadata:
        """Return an image with two applications that have the files of the first sample."""
        return example_image(**example_applications(provider.name, *samples[0].files))

    def with_stand_ins(self, provider: AppType) -> Parts:
        """Return it with a cluster that is made of stand-ins."""
        return replace(STAND_INS, app_types={provider.name: provider})

    def test_samples_are_recognised(
        self, provider: AppType, samples: Sequence[AppSample], tmp_path: Path
    ) -> None:
        """The files that are launched come back, in the order they are launched in."""
        assert samples
        for number, sample in enumerate(samples):
            assert provider.detect(sample.write(tmp_path / str(number))) == sample.files

    def test_other_files_are_left_to_other_types(
        self, provider: AppType, samples: Sequence[AppSample], tmp_path: Path
    ) -> None:
        """An application of two types is an error, so nobody claims what he does not know."""
        strange = tmp_path / "strange.sealer-unknown"
        strange.write_bytes(b"\x00\xff\xfe no type knows this")
        empty = tmp_path / "empty"
        empty.mkdir()
        assert provider.detect([strange]) is None
        assert provider.detect([empty]) is None
        sources = samples[0].write(tmp_path / "mixed")
        assert provider.detect([*sources, strange]) is None

    def test_recognising_only_reads(
        self, provider: AppType, samples: Sequence[AppSample], tmp_path: Path
    ) -> None:
        """Sources are the user's, and stay as they are."""
        sources = samples[0].write(tmp_path)
        provider.detect(sources)
        with pure(reading=True):
            provider.detect(sources)

    def test_images_of_samples_are_found(
        self, provider: AppType, samples: Sequence[AppSample], run: ToolRunner, tmp_path: Path
    ) -> None:
        """In the application's directory as it will be in the image."""
        for number, sample in enumerate(samples):
            directory = laid_out(sample, tmp_path / str(number))
            assert set(provider.images(directory, sample.files, run)) == set(sample.images)

    def test_looking_for_images_only_reads(
        self, provider: AppType, samples: Sequence[AppSample], run: ToolRunner, tmp_path: Path
    ) -> None:
        """Programs are started by the runner that core hands over, and by nothing else."""

        def run_unwatched(words: Sequence[str], *, stdin: bytes = b"") -> bytes:
            with unwatched():
                return run(words, stdin=stdin)

        directory = laid_out(samples[0], tmp_path)
        set(provider.images(directory, samples[0].files, run))
        with pure(reading=True):
            set(provider.images(directory, samples[0].files, run_unwatched))

    def test_something_is_launched(self, provider: AppType, samples: Sequence[AppSample]) -> None:
        """An application that was recognised does not vanish when it is run."""
        for sample in samples:
            app = Application(name="first", type=provider.name, files=sample.files)
            assert list(provider.launch(example_cluster(), app))

    def test_what_was_launched_can_be_taken_away(
        self, provider: AppType, samples: Sequence[AppSample]
    ) -> None:
        """Or the refusal says why not, and what to do."""
        for sample in samples:
            app = Application(name="first", type=provider.name, files=sample.files)
            changes, refusal = _uninstalled(provider, app)
            assert changes or (refusal is not None and refusal.hint)
            step = Step(id="uninstall", title="uninstall", host="10.0.0.1", changes=changes)
            assert syntax_errors(dict(fragments(step))) == []

    def test_its_questions_can_be_asked(self, provider: AppType, samples: Sequence[AppSample]) -> None:
        """Each shell can parse what lists and compares objects, whatever is in a path."""
        files = tuple(file if file == "." else f"it's $odd/{file}" for file in samples[0].files)
        app = Application(name="first", type=provider.name, files=files)
        scripts = {"objects": provider.objects(example_cluster(), app)}
        comparison = provider.comparison(example_cluster(), app)
        if comparison is not None:
            scripts |= {"live": comparison.live, "wanted": comparison.wanted}
        wrapped = {name: f"question() {{\n:\n{text}\n}}\n" for name, text in scripts.items()}
        assert syntax_errors(wrapped) == []

    def test_upgrading_is_launching_unless_the_type_knows_better(
        self, provider: AppType, samples: Sequence[AppSample]
    ) -> None:
        """An application that was recognised does not vanish when it is upgraded."""
        for sample in samples:
            app = Application(name="first", type=provider.name, files=sample.files)
            assert list(provider.upgrade(example_cluster(), app))

    def test_applications_do_not_share_changes(self, provider: AppType, samples: Sequence[AppSample]) -> None:
        """Their keys name the application: what one has done must not count as done for the other."""
        keys = [
            {
                change.key
                for change in provider.launch(
                    example_cluster(), Application(name=name, type=provider.name, files=samples[0].files)
                )
            }
            for name in ("first", "second")
        ]
        assert keys[0].isdisjoint(keys[1])

    def test_files_with_odd_names_are_launched(self, provider: AppType, samples: Sequence[AppSample]) -> None:
        """Blanks and quotes in paths are quoted: every fragment can still be parsed."""
        files = tuple(file if file == "." else f"it's $odd/{file}" for file in samples[0].files)
        app = Application(name="first", type=provider.name, files=files)
        changes = tuple(provider.launch(example_cluster(), app))
        step = Step(id="launch", title="launch", host="10.0.0.1", changes=changes)
        assert syntax_errors(dict(fragments(step))) == []


def _uninstalled(provider: AppType, app: Application) -> tuple[tuple[Change, ...], ImageError | None]:
    try:
        return tuple(provider.uninstall(example_cluster(), app)), None
    except ImageError as error:
        return (), error


def laid_out(sample: AppSample, directory: Path) -> Path:
    """Write a sample as builds do: named files, and what is in named directories, at the top."""
    context, target = directory / "context", directory / "application"
    target.mkdir(parents=True)
    for source in sample.write(context):
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    return target
