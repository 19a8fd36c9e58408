from __future__ import annotations

import os
from pathlib import Path

import pytest

from sealer.build.context import Directory, FileOpener, OutsideError, open_context
from sealer.errors import ImageError, SourceErrors


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "d/e").mkdir(parents=True)
    (root / "d/e/file").write_text("inside")
    (root / "d/b.yaml").write_text("b")
    (root / "a.yaml").write_text("a")
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret.yaml").write_text("outside")
    return root


def found(root: Path, path: str) -> str | None:
    with Directory(root) as directory:
        item = directory.find(path)
    return None if item is None else item.path


@pytest.mark.parametrize(
    ("link", "target", "path", "expected"),
    [
        ("l", "a.yaml", "l", "a.yaml"),
        ("l", "d/e", "l/file", "d/e/file"),
        ("d/l", "../a.yaml", "d/l", "a.yaml"),
        ("d/e/l", "..//./e", "d/e/l/file", "d/e/file"),
        ("l", "nothing", "l", None),
        ("l", "a.yaml", "l/x", None),
    ],
)
def test_links_are_followed_inside(
    root: Path, link: str, target: str, path: str, expected: str | None
) -> None:
    (root / link).symlink_to(target)
    assert found(root, path) == expected


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("../secret", "l"),
        ("/etc/passwd", "l"),
        ("..", "l/secret"),
        ("d/../../secret", "l"),
        ("../context/a.yaml", "l"),
    ],
)
def test_links_that_lead_outside_are_refused(root: Path, target: str, path: str) -> None:
    (root / "l").symlink_to(target)
    with pytest.raises(OutsideError, match="leads out of the build context"):
        found(root, path)


def test_a_link_to_itself_is_refused(root: Path) -> None:
    (root / "l").symlink_to("l")
    with pytest.raises(OutsideError, match="links to itself"):
        found(root, "l")


def test_a_file_that_becomes_a_link_is_not_read(root: Path, tmp_path: Path) -> None:
    with Directory(root) as directory:
        (root / "a.yaml").unlink()
        (root / "a.yaml").symlink_to(tmp_path / "secret")
        with pytest.raises(ImageError, match="symbolic link"), directory.open("a.yaml"):
            pass


def test_a_directory_that_becomes_a_link_is_not_entered(root: Path, tmp_path: Path) -> None:
    with Directory(root) as directory:
        (root / "d").rename(root / "old")
        (root / "d").symlink_to(tmp_path / "out")
        with pytest.raises(ImageError, match="cannot read it"), directory.open("d/secret.yaml"):
            pass
        with pytest.raises(ImageError, match="cannot read it"):
            list(directory.children("d"))


def test_a_directory_that_becomes_a_link_while_its_files_are_read_leads_nowhere_else(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "out/b.yaml").write_text("outside")
    (tmp_path / "out/secret.yaml").write_text("outside")

    def read(opener: FileOpener, path: str) -> bytes:
        with opener.open(directory, path) as descriptor:
            return os.read(descriptor, 100)

    with Directory(root) as directory, FileOpener() as opener:
        assert read(opener, "d/e/file") == b"inside"
        (root / "d").rename(root / "old")
        (root / "d").symlink_to(tmp_path / "out")
        with pytest.raises(ImageError, match="cannot read it"):
            read(opener, "d/b.yaml")
        assert read(opener, "a.yaml") == b"a"
        with pytest.raises(ImageError, match="cannot read it"):
            read(opener, "d/secret.yaml")


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    (root / "a.yaml").unlink()
    os.mkfifo(root / "a.yaml")
    regular = pytest.raises(ImageError, match="no regular file")
    with Directory(root) as directory, regular, directory.open("a.yaml"):
        pass


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.yaml", ("a.yaml",)),
        ("*/*.yaml", ("d/b.yaml", "link/b.yaml")),
        ("d/*", ("d/b.yaml", "d/e")),
        ("?/e/f*", ("d/e/file",)),
        ("*/e/file", ("d/e/file", "link/e/file")),
        ("*/nothing", ()),
        ("x/*", ()),
        ("link/*", ("link/b.yaml", "link/e")),
    ],
)
def test_globs(root: Path, pattern: str, expected: tuple[str, ...]) -> None:
    (root / "link").symlink_to("d")
    with Directory(root) as directory:
        assert directory.glob(pattern) == expected


def test_a_glob_does_not_lead_outside(root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(tmp_path / "out")
    with Directory(root) as directory, pytest.raises(OutsideError):
        directory.glob("link/*.yaml")


def children(root: Path, path: str = "") -> list[str]:
    with open_context(root) as directory:
        return [item.name for item in directory.children(path)]


def test_what_an_ignore_file_names_is_left_out(root: Path) -> None:
    (root / ".dockerignore").write_text("# note\n\n*.yaml\n/d/e/\n")
    assert children(root) == [".dockerignore", "d"]
    assert children(root, "d") == ["b.yaml"]


def test_a_kubeignore_takes_the_place_of_a_dockerignore(root: Path) -> None:
    (root / ".dockerignore").write_text("*")
    (root / ".kubeignore").write_text("d")
    assert children(root) == [".dockerignore", ".kubeignore", "a.yaml"]


def test_what_is_ignored_can_be_taken_in_again(root: Path) -> None:
    (root / ".dockerignore").write_text("d\n!d/e/file\n")
    with open_context(root) as directory:
        (d,) = [item for item in directory.children("") if item.name == "d"]
        assert d.ignored
        assert [item.name for item in directory.children("d")] == ["e"]
        assert [(item.name, item.ignored) for item in directory.children("d/e")] == [("file", False)]
        assert directory.ignored_by("d/b.yaml") == f"{root}/.dockerignore:1"
        assert directory.ignored_by("d/e/file") is None


def test_the_last_rule_that_matches_decides(root: Path) -> None:
    (root / ".dockerignore").write_text("*\n!d\nd/e\n")
    assert children(root) == ["d"]
    with open_context(root) as directory:
        assert [(item.name, item.ignored) for item in directory.children("d")] == [
            ("b.yaml", False),
            ("e", True),
        ]
        assert list(directory.children("d/e")) == []


def test_a_malformed_rule_is_told_with_its_line(root: Path) -> None:
    (root / ".dockerignore").write_text("a\n[b\n")
    with pytest.raises(SourceErrors) as caught:
        open_context(root)
    assert str(caught.value.problems[0].place) == f"{root}/.dockerignore:2:1"


def test_an_ignore_file_that_is_a_link_to_elsewhere_is_refused(root: Path, tmp_path: Path) -> None:
    (root / ".dockerignore").symlink_to(tmp_path / "secret")
    with pytest.raises(OutsideError):
        open_context(root)


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot read the directory: No such file"):
        open_context(tmp_path / "none")
