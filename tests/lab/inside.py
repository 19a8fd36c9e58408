"""Someone who types ``sealer`` commands on a node itself, which has no Python of its own.

The directories of this Python are mounted in the node, and its loader starts it there: programs that it
starts in turn are the node's own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sealer.testing.lab import Node

PLACE = "/opt/operator"

# open_tree(2), setns(2) and move_mount(2): the one way to mount a directory from outside.
_MOUNT = """
import ctypes, json, os, sys
process, pairs = int(sys.argv[1]), json.loads(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    found = libc.syscall(*arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(arguments))
    return found
trees = [(call(428, -100, source.encode(), 1 | 0x8000), target) for source, target in pairs]
root = os.open(f"/proc/{process}/root", os.O_RDONLY)
namespace = os.open(f"/proc/{process}/ns/mnt", os.O_RDONLY)
if libc.setns(namespace, 0x20000) != 0:
    raise OSError(ctypes.get_errno(), "setns")
os.fchdir(root)
os.chroot(".")
for tree, target in trees:
    os.makedirs(target, exist_ok=True)
    call(429, tree, b"", -100, target.encode(), 4)
"""


@dataclass(frozen=True, kw_only=True)
class Insider:
    """Someone on a node.

    Attributes:
        node: The node.
        user: Who it is.
        words: How Python is started there.
        paths: Where its modules are.
        variables: Further environment variables.
    """

    node: Node
    user: str
    words: tuple[str, ...]
    paths: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> str:
        return "/root" if self.user == "root" else f"/home/{self.user}"

    def sealer(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the program to its end, and see that it ends with an exit code."""
        variables = {
            "PYTHONHOME": f"{PLACE}/python",
            "PYTHONPATH": os.pathsep.join(self.paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": self.home,
            "USER": self.user,
            "LOGNAME": self.user,
            "NO_COLOR": "1",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **self.variables,
        }
        words = ["env", "-i", *(f"{name}={text}" for name, text in variables.items()), *self.words]
        command = ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups", *words]
        done = self.node.run([*command, "-m", "sealer", *arguments], check=False, timeout=300)
        assert done.returncode == code, (
            f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
        return done


def bring_python(node: Node, further: Sequence[Path] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Mount what this Python needs in a node; return how it is started there, and where its modules are.

    Args:
        node: The node; until its power is cut.
        further: Further directories with modules.
    """
    import sealer.hosts.ssh  # noqa: F401  # so that all its libraries are loaded

    loaded = set(re.findall(r"(/\S+\.so(?:\.\d+)*)\n", Path("/proc/self/maps").read_text()))
    (loader,) = (Path(path) for path in loaded if Path(path).name.startswith("ld-"))
    libraries = sorted({str(Path(path).parent) for path in loaded})
    inside = [str(path) for path in map(Path.resolve, map(Path, [*sys.path, *further])) if path.is_dir()]
    modules = [path for path in inside if not path.startswith(f"{sys.base_prefix}/lib/python3")]
    own = [path for path in inside if path.endswith("-packages") and path not in modules]
    places = {
        **{path: f"{PLACE}/library/{number}" for number, path in enumerate(libraries)},
        **{path: f"{PLACE}/modules/{number}" for number, path in enumerate([*modules, *own])},
    }
    pairs = [(sys.base_prefix, f"{PLACE}/python"), *places.items()]
    mount = [sys.executable, "-c", _MOUNT, str(node.init.pid), json.dumps(pairs)]
    subprocess.run(mount, check=True)
    program = os.path.relpath(os.path.realpath(sys.executable), sys.base_prefix)
    search = os.pathsep.join(places[path] for path in libraries)
    words = (
        f"{places[str(loader.parent)]}/{loader.name}",
        "--library-path",
        search,
        f"{PLACE}/python/{program}",
    )
    return words, tuple(places[path] for path in [*modules, *own])
