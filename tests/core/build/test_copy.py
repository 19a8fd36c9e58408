from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from sealer.errors import ImageError

from .helpers import ARM64, Workshop, entries, files, names


def copied(workshop: Workshop, *lines: str, **options: object) -> dict[str, bytes]:
    image = workshop.build("FROM scratch", *lines, **options)
    return files(workshop.store, image)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY a b", {"b": b"A"}),
        ("COPY a d/", {"d/a": b"A"}),
        ("COPY a /", {"a": b"A"}),
        ("COPY a .", {"a": b"A"}),
        ("COPY a d/.", {"d/a": b"A"}),
        ("COPY /a /d//e/../f", {"d/f": b"A"}),
        ("COPY s d", {"d/x": b"X", "d/t/y": b"Y"}),
        ("COPY s/ /", {"x": b"X", "t/y": b"Y"}),
        ("COPY s a d/", {"d/a": b"A", "d/x": b"X", "d/t/y": b"Y"}),
        ("COPY s/* d/", {"d/x": b"X", "d/y": b"Y"}),
        ("COPY [ab] d/", {"d/a": b"A"}),
        ('COPY ["a", "e f"]', {"e f": b"A"}),
        ("COPY link d/", {"d/link": b"A"}),
        ("COPY dirlink d/", {"d/x": b"X", "d/t/y": b"Y"}),
    ],
)
def test_copy_as_in_a_dockerfile(workshop: Workshop, line: str, expected: dict[str, bytes]) -> None:
    workshop.put({"a": "A", "s/x": "X", "s/t/y": "Y"})
    (workshop.context / "link").symlink_to("a")
    (workshop.context / "dirlink").symlink_to("s")
    assert copied(workshop, line) == expected


def test_of_two_sources_with_one_file_the_last_is_taken(workshop: Workshop) -> None:
    workshop.put({"s/x": "1", "s/only": "1", "t/x": "2", "x": "3"})
    assert copied(workshop, "COPY s t d/") == {"d/only": b"1", "d/x": b"2"}
    assert copied(workshop, "COPY x s d/") == {"d/only": b"1", "d/x": b"1"}
    assert copied(workshop, "COPY s x d/") == {"d/only": b"1", "d/x": b"3"}


def test_a_file_goes_into_a_directory_that_an_earlier_copy_made(workshop: Workshop) -> None:
    workshop.put({"root/manifests/a": "A", "b": "B", "c": "C"})
    assert copied(workshop, "COPY root .", "COPY b manifests", "COPY c new/", "COPY c new") == {
        "manifests/a": b"A",
        "manifests/b": b"B",
        "new/c": b"C",
    }


def test_a_file_goes_into_a_directory_of_the_parent(workshop: Workshop) -> None:
    workshop.put({"root/etc/x/a": "A", "b": "B"})
    workshop.build("FROM scratch", "COPY root .", name="base:1")
    image = workshop.build("FROM base:1", "COPY b etc/x", "COPY b etc/y")
    assert set(files(workshop.store, image)) == {"etc/x/a", "etc/x/b", "etc/y"}


def test_arch_in_a_source_is_the_architecture_of_the_image(workshop: Workshop) -> None:
    workshop.put({"arm64/bin/x": "arm", "amd64/bin/x": "amd"})
    lines = ("COPY ${ARCH}/bin bin", "COPY $ARCH/bin/x y")
    assert copied(workshop, *lines, platform=ARM64) == {"bin/x": b"arm", "y": b"arm"}
    assert copied(workshop, *lines) == {"bin/x": b"amd", "y": b"amd"}


def test_links_in_a_directory_stay_links(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    workshop.put({"s/file": "F"})
    for name, target in {"in": "file", "out": "../../secret", "absolute": "/etc/passwd", "dead": "x"}.items():
        (workshop.context / "s" / name).symlink_to(target)
    image = workshop.build("FROM scratch", "COPY s d")
    links = {
        entry.name: entry.linkname for entry, _ in entries(workshop.store, image.layers[0]) if entry.issym()
    }
    assert links == {"d/in": "file", "d/out": "../../secret", "d/absolute": "/etc/passwd", "d/dead": "x"}
    assert files(workshop.store, image) == {"d/file": b"F"}


def test_a_link_that_leads_out_of_the_context_can_not_be_copied(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    (workshop.context / "link").symlink_to("../secret")
    (workshop.context / "d").symlink_to(tmp_path)
    message = "the symbolic link link leads out of the build context, to ../secret"
    assert workshop.problem("FROM scratch", "COPY link d/") == (message, 2, 6)
    assert workshop.problem("FROM scratch", "COPY d/secret d/")[0].startswith("the symbolic link d leads out")
    assert workshop.problem("FROM scratch", "COPY d/s* d/")[0].startswith("the symbolic link d leads out")


def test_owner_and_mode(workshop: Workshop) -> None:
    workshop.put({"s/x": "X"})
    image = workshop.build("FROM scratch", "COPY --chown=12:34 --chmod=0750 s d", "COPY s e")
    first, second = image.layers
    found = {entry.name: (entry.uid, entry.gid, entry.mode) for entry, _ in entries(workshop.store, first)}
    assert found == {"d": (12, 34, 0o750), "d/x": (12, 34, 0o750)}
    found = {entry.name: (entry.uid, entry.gid, entry.mode) for entry, _ in entries(workshop.store, second)}
    assert found == {"e": (0, 0, 0o755), "e/x": (0, 0, 0o644)}


def test_what_may_be_executed_stays_so_and_other_permissions_do_not_count(workshop: Workshop) -> None:
    workshop.put({"s/x": "X", "s/y": "Y"})
    (workshop.context / "s/x").chmod(stat.S_ISUID | 0o700)
    (workshop.context / "s/y").chmod(0o666)
    image = workshop.build("FROM scratch", "COPY s .")
    found = {entry.name: entry.mode for entry, _ in entries(workshop.store, image.layers[0])}
    assert found == {"x": 0o755, "y": 0o644}


def test_entries_are_sorted_and_directories_come_first(workshop: Workshop) -> None:
    workshop.put({"s/b": "", "s/a/z": "", "s/a.x": "", "s/B": "", "s/\u00e4": ""})
    image = workshop.build("FROM scratch", "COPY s d/e")
    assert names(workshop.store, image.layers[0]) == [
        "d/",
        "d/e/",
        "d/e/B",
        "d/e/a/",
        "d/e/a/z",
        "d/e/a.x",
        "d/e/b",
        "d/e/\u00e4",
    ]


def test_names_that_are_long_or_no_text_survive(workshop: Workshop) -> None:
    raw = os.fsencode(workshop.context) + b"/s/\xff\xfe"
    long = "/".join(["x" * 200] * 3)
    workshop.put({f"s/{long}": "L"})
    Path(os.fsdecode(raw)).write_text("R")
    image = workshop.build("FROM scratch", "COPY s .")
    assert files(workshop.store, image) == {long: b"L", "\udcff\udcfe": b"R"}


def test_files_that_an_ignore_file_names_are_not_copied(workshop: Workshop) -> None:
    workshop.put(
        {
            ".dockerignore": "**/*.log\ncache\n!cache/keep\n",
            "s/a": "A",
            "s/b.log": "",
            "cache/x": "",
            "cache/keep": "K",
        }
    )
    assert copied(workshop, "COPY . .") == {
        ".dockerignore": b"**/*.log\ncache\n!cache/keep\n",
        "cache/keep": b"K",
        "s/a": b"A",
    }


def test_directories_of_which_everything_is_ignored_leave_nothing(workshop: Workshop) -> None:
    workshop.put({".dockerignore": "cache\n!other", "cache/deep/x": "", "a": "A"})
    image = workshop.build("FROM scratch", "COPY . d")
    assert names(workshop.store, image.layers[0]) == ["d/", "d/.dockerignore", "d/a"]


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("COPY manifest d/", "the build context has no manifest", 6),
        ("COPY a/x d/", "the build context has no a/x", 6),
        ("COPY *.tar d/", "nothing in the build context matches *.tar", 6),
        ("COPY a[ d/", "a bracket in the pattern 'a[' is not closed", 6),
        ("COPY a s d", "2 sources need a directory to go to, and d may be a file", 10),
        ("COPY secret d", "secret is kept out of the build by {context}/.dockerignore:1", 6),
    ],
)
def test_sources_that_are_not_there(workshop: Workshop, line: str, message: str, column: int) -> None:
    workshop.put({"a": "A", "s/x": "X", "manifests/m": "", "secret": "", ".dockerignore": "secret"})
    expected = message.format(context=workshop.context)
    assert workshop.problem("FROM scratch", line) == (expected, 2, column)


def test_a_source_that_is_not_there_is_answered_with_the_nearest(workshop: Workshop) -> None:
    workshop.put({"d/manifests/m": ""})
    (found,) = workshop.problems("FROM scratch", "COPY d/manifest x")
    assert found.hint == "did you mean d/manifests?"


def test_all_sources_that_are_not_there_are_told(workshop: Workshop) -> None:
    found = workshop.problems("FROM scratch", "COPY x y d/", "COPY z d/")
    assert [(each.place.line, each.place.column) for each in found] == [(2, 6), (2, 8), (3, 6)]


def test_a_file_and_a_directory_at_one_path(workshop: Workshop) -> None:
    workshop.put({"s/x": "", "t/x/y": ""})
    with pytest.raises(ImageError, match="d/x is a directory in one source and a file in another"):
        workshop.build("FROM scratch", "COPY s t d/")


def test_what_is_no_file_can_not_be_copied(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(workshop.context / "pipe")
    with pytest.raises(ImageError, match="neither a file, a directory nor a link") as caught:
        workshop.build("FROM scratch", "COPY . d")
    assert caught.value.place == str(workshop.context / "pipe")
    (workshop.context / "pipe").unlink()
    monkeypatch.chdir(workshop.context)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(ImageError, match="neither a file"):
            workshop.build("FROM scratch", "COPY . d")


def test_a_name_that_marks_a_removal_can_not_be_copied(workshop: Workshop) -> None:
    workshop.put({"s/.wh.x": ""})
    with pytest.raises(ImageError, match=r"d/\.wh\.x: a file's name can't start with \.wh\."):
        workshop.build("FROM scratch", "COPY s d")


def test_a_build_that_fails_leaves_nothing(workshop: Workshop) -> None:
    workshop.put({"a": "A", "s/.wh.x": ""})
    with pytest.raises(ImageError):
        workshop.build("FROM scratch", "COPY a b", "COPY s d")
    assert workshop.store.list() == ()
    assert list(workshop.store.layout.temporary.iterdir()) == []
