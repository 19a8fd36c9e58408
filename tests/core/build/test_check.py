"""``sealer build --check``: what is wrong is told, and nothing is built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sealer.cli.program import run
from sealer.image.store import ImageStore
from sealer.model import Application
from sealer.testing.images import make_image

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build context, which is the working directory too."""
    directory = tmp_path / "context"
    directory.mkdir()
    (directory / "web.yaml").write_text("")
    monkeypatch.chdir(directory)
    return directory


def check(*lines: str, flags: tuple[str, ...] = ()) -> int:
    Path("Kubefile").write_text("\n".join(lines) + "\n")
    return run(["build", "--check", *flags])


def home() -> Path:
    return Path(os.environ["SEALER_HOME"])


def test_a_sound_kubefile_needs_no_name_and_builds_nothing(context: Path, capsys: Captured) -> None:
    assert check("FROM scratch", "APP web local://web.yaml", "RUN exit 1", "LAUNCH web") == 0
    assert capsys.readouterr().out == "nothing is wrong\n"
    assert ImageStore(home()).list() == ()


def test_everything_that_is_wrong_is_told_at_once(context: Path, capsys: Captured) -> None:
    lines = ("FROM scratch", "COPY wbe.yaml /", "APP web local://gone.yaml", "LAUNCH wep")
    assert check(*lines) == 1
    said = capsys.readouterr().err
    assert "Kubefile:2:6: the build context has no wbe.yaml" in said
    assert "did you mean web.yaml?" in said
    assert "Kubefile:3:9: the build context has no gone.yaml" in said
    assert "Kubefile:4:8: there is no application wep" in said


def test_what_deserves_attention_is_shown_with_its_line(context: Path, capsys: Captured) -> None:
    lines = ("FROM scratch", "MAINTAINER me", "LABEL cluster.alpha.sealer.io/kube-cnis=x", "ENV a=$b")
    assert check(*lines, flags=("--build-arg", "no=1")) == 0
    captured = capsys.readouterr()
    assert captured.out == "nothing is wrong, but see above\n"
    shown = "warning: Kubefile:2:1: MAINTAINER is deprecated\n  MAINTAINER me\n  ^\nhint: write LABEL"
    assert shown in captured.err
    assert "Kubefile:3:7: the reserved label cluster.alpha.sealer.io/kube-cnis is unknown" in captured.err
    assert "Kubefile:4:7: the variable b is not set" in captured.err
    assert "note: the argument no is given, and no ARG declares it" in captured.err


def test_what_deserves_attention_comes_in_the_order_of_the_file(context: Path, capsys: Captured) -> None:
    odd = "LABEL cluster.alpha.sealer.io/kube-cnis=x"
    assert check("FROM scratch", odd, *["ENV a=$b"] * 9, flags=("--build-arg", "no=1")) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("note", "warning"))]
    assert lines[0].startswith("note: ")
    assert [int(line.split(":")[2]) for line in lines[1:]] == list(range(2, 12))


def test_what_depends_on_a_parent_that_is_not_there_is_left_out(context: Path, capsys: Captured) -> None:
    lines = ("FROM base:1", "ENV a=$PARENT", "COPY web.yaml /$a", "APPCMDS theirs x", "LAUNCH theirs")
    assert check(*lines) == 0
    assert "docker.io/library/base:1 is not in the store" in capsys.readouterr().err
    theirs = Application(name="other", type="shell")
    make_image(ImageStore(home()), "base:1", applications=(theirs,))
    assert check(*lines) == 1
    said = capsys.readouterr().err
    assert "there is no application theirs" in said


def test_a_platform_that_there_is_not_is_told_with_its_place(context: Path, capsys: Captured) -> None:
    assert check("FROM --platform=linux/amd46 base:1") == 1
    said = capsys.readouterr().err
    assert "Kubefile:1:6: 'linux/amd46' is not a platform: there is no architecture amd46" in said
    assert "did you mean amd64?" in said


def test_each_platform_is_checked(context: Path, capsys: Captured) -> None:
    (context / "amd64").mkdir()
    assert check("FROM scratch", "COPY $ARCH /", flags=("--platform", "linux/amd64")) == 0
    assert check("FROM scratch", "COPY $ARCH /", flags=("--platform", "linux/amd64,linux/arm64")) == 1
    assert "the build context has no arm64" in capsys.readouterr().err
