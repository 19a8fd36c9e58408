"""One Kubefile, several platforms."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sealer.build.kubefile_build import BuildRequest
from sealer.build.platforms_build import build_platforms
from sealer.errors import ImageError, SourceErrors
from sealer.events import TransferProgress
from sealer.image.oci import Descriptor, Index, parse_index
from sealer.image.store import ImageStore
from sealer.model import Platform

from .helpers import AMD64, ARM64, TYPES, Workshop, files

LINES = ("FROM scratch", "COPY ${ARCH}/bin bin")


def build(workshop: Workshop, *lines: str, platforms: tuple[Platform, ...] = (AMD64, ARM64)) -> Descriptor:
    file = workshop.context.parent / "Kubefile"
    file.write_text("\n".join(lines))
    request = BuildRequest(context=workshop.context, file=file, name="test:1")
    return asyncio.run(
        build_platforms(workshop.store, request, platforms, TYPES, sink=workshop.events.append)
    )


def index_of(store: ImageStore, descriptor: Descriptor) -> Index:
    return parse_index(store.read_blob(descriptor.digest))


def test_each_platform_gets_its_files_and_the_name_an_index(workshop: Workshop) -> None:
    workshop.put({"amd64/bin/i_am_amd64": "1", "arm64/bin/i_am_arm64": "2"})
    index = index_of(workshop.store, build(workshop, *LINES))
    assert [entry.platform for entry in index.manifests] == [AMD64, ARM64]
    for platform in (AMD64, ARM64):
        image = workshop.store.resolve("test:1", platform)
        assert list(files(workshop.store, image)) == [f"bin/i_am_{platform.architecture}"]
    assert [str(entry) for entry in workshop.store.list()] == ["docker.io/library/test:1"]
    subjects = {event.subject for event in workshop.events if isinstance(event, TransferProgress)}
    assert {subject.rpartition(" ")[2] for subject in subjects} == {"(linux/amd64)", "(linux/arm64)"}


def test_the_same_index_comes_out_again(workshop: Workshop) -> None:
    workshop.put({"amd64/bin/x": "1", "arm64/bin/x": "2"})
    first = build(workshop, *LINES)
    assert build(workshop, *LINES).digest == first.digest


def test_a_child_is_built_on_the_parent_for_its_platform(workshop: Workshop) -> None:
    workshop.put({"amd64/bin/x": "amd", "arm64/bin/x": "arm", "more": "more"})
    workshop.store.tag(build(workshop, *LINES).digest, "base:1")
    build(workshop, "FROM base:1", "COPY more more")
    for platform, content in ((AMD64, b"amd"), (ARM64, b"arm")):
        image = workshop.store.resolve("test:1", platform)
        assert files(workshop.store, image) == {"bin/x": content, "more": b"more"}


def test_when_one_platform_fails_there_is_no_image_at_all(workshop: Workshop) -> None:
    workshop.put({"amd64/bin/x": "1"})
    with pytest.raises(SourceErrors, match="arm64/bin"):
        build(workshop, *LINES)
    assert workshop.store.list() == ()
    assert list(workshop.store.layout.temporary.iterdir()) == []


def test_a_platform_named_twice_is_refused(workshop: Workshop) -> None:
    with pytest.raises(ImageError, match="linux/arm64/v8 is named twice"):
        build(workshop, *LINES, platforms=(ARM64, Platform(architecture="arm64", variant="v8")))


def test_a_build_elsewhere_gives_the_same_digest(workshop: Workshop, tmp_path: Path) -> None:
    """Another store, directory, umask, time and order of files, and a cache that is empty."""
    workshop.put({f"{arch}/bin/{name}": name * 1000 for arch in ("amd64", "arm64") for name in "abcdef"})
    (workshop.context / "amd64/bin/b").chmod(0o755)
    lines = (*LINES, "APP one local://amd64/bin/a", 'APPCMDS one ["a"]')
    (workshop.context / "Kubefile").write_text("\n".join(lines))
    copy = tmp_path / "elsewhere" / "copy"
    for path in sorted(workshop.context.rglob("*"), reverse=True):
        target = copy / path.relative_to(workshop.context)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
            os.utime(target, (12345, 12345))
    digests = []
    for home, context, directory, umask in (
        (tmp_path / "a", workshop.context, tmp_path, 0o022),
        (tmp_path / "b", copy, copy, 0o077),
    ):
        words = [sys.executable, "-m", "sealer", "build", "-q", "-t", "x:1"]
        words += ["--platform", "linux/amd64,linux/arm64", str(context)]
        done = subprocess.run(
            words,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SEALER_HOME": str(home)},
            cwd=directory,
            umask=umask,
            check=True,
            capture_output=True,
            text=True,
        )
        digests.append(done.stdout)
    assert digests[0] == digests[1]
    assert digests[0].startswith("docker.io/library/x:1@sha256:")
