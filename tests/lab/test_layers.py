"""Layers of images unpacked on a real machine, with their whiteouts and links."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from sealer.changes import LayerBlob, Tree
from sealer.testing.lab import Node
from tests.lab.machine import DATA, Machine

pytestmark = pytest.mark.lab

Members = Mapping[str, bytes | str | None]
"""Files by path; a text is the target of a link, and nothing is a directory."""


def put_layer(node: Node, members: Members, compression: str) -> LayerBlob:
    """Put a layer where it is when its bytes have arrived."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    data = buffer.getvalue()
    if compression == "gzip":
        data = gzip.compress(data)
    elif compression == "zstd":
        data = subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout
    digest = hashlib.sha256(data).hexdigest()
    target = f"/proc/{node.init.pid}/root{DATA}/blobs/sha256"
    Path(target).mkdir(parents=True, exist_ok=True)
    Path(target, digest).write_bytes(data)
    return LayerBlob(digest=f"sha256:{digest}", size=len(data), compression=compression)


def contents(machine: Machine, path: str) -> dict[str, str]:
    """Return what is below a path: files with their contents, links with their targets, directories."""
    script = f"""
    cd {DATA}/{path}; find . -mindepth 1 | sort | while read -r f; do
      if [ -L "$f" ]; then echo "$f -> $(readlink "$f")"; elif [ -d "$f" ]; then echo "$f /"
      else echo "$f $(cat "$f")"; fi; done"""
    return dict(line.removeprefix("./").split(" ", 1) for line in machine.run(script).splitlines())


def test_layers_with_whiteouts(any_shell: Machine) -> None:
    with any_shell.unharmed():
        lower = put_layer(
            any_shell.node,
            {
                "gone": b"1", "kept": b"kept", "becomes-directory": b"1", "becomes-file": None,
                "becomes-file/inner": b"1", "opaque": None, "opaque/old": b"1", "opaque/sub": None,
                "opaque/sub/old": b"1", "link": "kept", "directory-link": "opaque", "name with space": b"1",
                "tree": None, "tree/a": None, "tree/a/b": b"1",
            },
            "gzip",
        )  # fmt: skip
        upper = put_layer(
            any_shell.node,
            {
                ".wh.gone": b"", "becomes-directory": None, "becomes-directory/inner": b"2",
                "becomes-file": b"2", "opaque": None, "opaque/.wh..wh..opq": b"", "opaque/new": b"2",
                "link": b"no link any more", "directory-link": None, "directory-link/file": b"2",
                ".wh.name with space": b"", "tree": None, "tree/.wh.a": b"", "tree/c": b"2",
            },
            "none",
        )  # fmt: skip
        tree = Tree(path="rootfs", layers=(lower, upper))
        assert any_shell.apply(tree) == ["changed"]
        assert contents(any_shell, "rootfs") == {
            "becomes-directory": "/", "becomes-directory/inner": "2", "becomes-file": "2",
            "directory-link": "/", "directory-link/file": "2", "kept": "kept",
            "link": "no link any more", "opaque": "/", "opaque/new": "2", "tree": "/", "tree/c": "2",
        }  # fmt: skip
        assert any_shell.apply(tree) == ["same"]
        again = Tree(path="rootfs", layers=(lower,))
        assert any_shell.look(again) == ["its layers differ"]
        assert any_shell.apply(again) == ["changed"]
        assert contents(any_shell, "rootfs")["gone"] == "1"
        any_shell.undo()


def test_layers_that_are_merged_into_what_is_there(machine: Machine) -> None:
    with machine.unharmed():
        first = put_layer(machine.node, {"registry": None, "registry/one": b"1"}, "zstd")
        second = put_layer(machine.node, {"registry": None, "registry/two": b"2"}, "gzip")
        trees = [Tree(path="store", layers=(layer,), merge=True) for layer in (first, second)]
        assert machine.apply(*trees) == ["changed", "changed"]
        assert contents(machine, "store") == {"registry": "/", "registry/one": "1", "registry/two": "2"}
        assert machine.apply(*trees) == ["same", "same"]
        machine.undo()


def test_a_link_of_a_layer_leads_no_file_out_of_the_tree(any_shell: Machine) -> None:
    with any_shell.unharmed():
        lower = put_layer(any_shell.node, {"etc": "/etc", "motd": "/etc/motd"}, "none")
        upper = put_layer(any_shell.node, {"etc/trial": b"x", "motd": b"x"}, "none")
        assert any_shell.apply(Tree(path="rootfs", layers=(lower, upper))) == ["changed"]
        assert contents(any_shell, "rootfs") == {"etc": "/", "etc/trial": "x", "motd": "x"}
        any_shell.undo()
