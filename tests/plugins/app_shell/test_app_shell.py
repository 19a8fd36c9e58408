from __future__ import annotations

from pathlib import Path

import pytest

from sealer.changes import Command
from sealer.errors import ImageError
from sealer.model import Application
from sealer_app_shell import sealer_app_types

from ..kit import cluster

(SHELL,) = sealer_app_types()


def put(directory: Path, *files: str) -> None:
    for file in files:
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"echo {file}\n")


def test_scripts_are_recognised_in_their_order(tmp_path: Path) -> None:
    put(tmp_path, "z.sh", "d/b.sh", "d/a.sh", "d/e/c.sh", "a.sh")
    sources = [tmp_path / "z.sh", tmp_path / "d", tmp_path / "a.sh"]
    # d/a.sh and a.sh end up under one name in the application's directory
    assert SHELL.detect(sources) == ("z.sh", "a.sh", "b.sh", "e/c.sh")


@pytest.mark.parametrize("other", ["a.yaml", "README.md", "Makefile", "d/x.sh.tmpl"])
def test_anything_else_makes_it_no_shell_application(tmp_path: Path, other: str) -> None:
    put(tmp_path, "d/a.sh", other)
    assert (
        SHELL.detect([tmp_path / "d"] if other.startswith("d/") else [tmp_path / "d", tmp_path / other])
        is None
    )


def test_an_empty_directory_is_no_application(tmp_path: Path) -> None:
    assert SHELL.detect([tmp_path]) is None


def test_scripts_are_run_one_after_the_other() -> None:
    app = Application(name="web", type="shell", files=("a.sh", "d/it's.sh"))
    changes = list(SHELL.launch(cluster(), app))
    assert changes == [
        Command(title="run a.sh of web", run="bash application/apps/web/a.sh"),
        Command(title="run d/it's.sh of web", run="bash 'application/apps/web/d/it'\"'\"'s.sh'"),
    ]


def test_scripts_name_no_images_by_themselves(tmp_path: Path) -> None:
    put(tmp_path, "a.sh")
    assert tuple(SHELL.images(tmp_path, ("a.sh",), _no_tool)) == ()


def _no_tool(words: object, *, stdin: bytes = b"") -> bytes:
    raise AssertionError("no tool is needed")


def test_scripts_for_upgrading_and_uninstalling_are_for_that_alone(tmp_path: Path) -> None:
    put(tmp_path, "install.sh", "upgrade.sh", "uninstall.sh")
    files = SHELL.detect([tmp_path])
    assert files == ("install.sh", "uninstall.sh", "upgrade.sh")
    app = Application(name="web", type="shell", files=files)
    runs = [
        [change.run.rpartition("/")[2] for change in verb(cluster(), app) if isinstance(change, Command)]
        for verb in (SHELL.launch, SHELL.upgrade, SHELL.uninstall)
    ]
    assert runs == [["install.sh"], ["upgrade.sh"], ["uninstall.sh"]]


def test_what_only_takes_away_is_no_application(tmp_path: Path) -> None:
    put(tmp_path, "uninstall.sh")
    assert SHELL.detect([tmp_path]) is None


def test_scripts_without_a_way_back() -> None:
    app = Application(name="web", type="shell", files=("install.sh",))
    with pytest.raises(ImageError, match=r"none of them is called uninstall\.sh") as caught:
        list(SHELL.uninstall(cluster(), app))
    assert "local://uninstall.sh" in (caught.value.hint or "")
    assert [change.key for change in SHELL.upgrade(cluster(), app)] == ["command:run install.sh of web"]
