"""The shape of the code: floors, no circles, a core that knows no distribution, plugins within the API."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core/src/sealer"
PLUGINS = sorted(path for path in ROOT.glob("plugins/*/src/*") if path.is_dir())

# Bottom to top. A module imports from its own floor and from those below.
FLOORS = (
    {"sealer", "errors", "events", "home", "secret", "changes", "model"},
    {"kubernetes", "manifests", "providers", "hookspecs", "discovery", "plugins", "templates"},
    {"kubefile", "image", "clusterfile"},
    {"build", "hosts"},
    {"operation"},
    {"cluster"},
    {"cli", "__main__", "testing"},
)

# What plugins may import of core; a package stands for its own names, not for its modules.
PUBLIC = {
    "sealer",
    "sealer.errors",
    "sealer.changes",
    "sealer.kubernetes",
    "sealer.manifests",
    "sealer.model",
    "sealer.providers",
}

# Distributions and programs that only plugins know. Kubernetes itself is core's subject; "docker" and the
# annotation "io.containerd.image.name" are part of image formats.
DISTRIBUTIONS = re.compile(
    r"(?<![a-z])(?<!\bio\.)(k3s|k0s|k8s|rke2?|microk8s|kubeadm|kubelet|containerd|cri-?o|crictl|helm|kustomize|kyverno|calico"
    r"|flannel)(?![a-z])",
    re.IGNORECASE,
)


def modules(source: Path) -> dict[str, Path]:
    """Return the modules of a package by dotted name."""
    found = {}
    for file in sorted(source.rglob("*.py")):
        parts = file.relative_to(source.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def syntax(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imported_names(name: str, file: Path) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name in it) of every import statement, wherever it stands in the file."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(syntax(file)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)


@cache
def core_imports() -> dict[str, frozenset[str]]:
    """Return which modules of core each one imports: at its top, inside functions, and for types alone.

    Whoever imports a module imports the packages it is in as well, except those that the importer is in too.
    """
    known = modules(CORE)
    graph: dict[str, frozenset[str]] = {}
    for name, file in known.items():
        targets: set[str] = set()
        for module, member in imported_names(name, file):
            direct = f"{module}.{member}" if f"{module}.{member}" in known else module
            targets.add(direct)
            targets.update(ancestor for ancestor in ancestors(direct) if not name.startswith(f"{ancestor}."))
        graph[name] = frozenset(targets & known.keys() - {name})
    return graph


def ancestors(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def part(name: str) -> str:
    """Return the part of core that a module belongs to: the name below ``sealer``."""
    return name.split(".")[1] if "." in name else name


def floor(name: str) -> int:
    for number, parts in enumerate(FLOORS):
        if part(name) in parts:
            return number
    raise AssertionError(f"{name} is on no floor; give it one in FLOORS, and in docs/architecture.md")


def circle(graph: dict[str, frozenset[str]]) -> list[str]:
    """Return one circle of imports, or nothing."""
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        for target in sorted(graph[name]):
            found = visit(target)
            if found:
                return found
        path.pop()
        done.add(name)
        return []

    return next((found for found in map(visit, sorted(graph)) if found), [])


def test_every_import_of_core_points_down_or_sideways() -> None:
    upward = [
        f"{name} imports {target}"
        for name, targets in core_imports().items()
        for target in sorted(targets)
        if floor(target) > floor(name)
    ]
    assert upward == []


def test_the_page_on_architecture_has_the_same_floors() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| (.+?) \|", page, re.MULTILINE)
    described = {int(number): set(re.findall(r"`(\w+)`", parts)) for number, parts in rows}
    assert described == dict(enumerate(FLOORS, start=1))


def test_no_part_is_named_that_does_not_exist() -> None:
    existing = {part(name) for name in modules(CORE)}
    assert set().union(*FLOORS) == existing


def test_parts_of_core_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for name, targets in core_imports().items():
        graph.setdefault(part(name), set()).update(part(target) for target in targets)
    assert circle({name: frozenset(targets - {name}) for name, targets in graph.items()}) == []


def test_modules_of_core_do_not_import_each_other_in_a_circle() -> None:
    assert circle(core_imports()) == []


def test_a_circle_would_be_found() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("bd"), "d": frozenset[str]()}
    assert circle(graph) == ["b", "c", "b"]


def test_core_imports_no_plugin() -> None:
    found = [
        f"{name} imports {module}"
        for name, file in modules(CORE).items()
        for module, _ in imported_names(name, file)
        if module.split(".")[0].startswith("sealer_")
    ]
    assert found == []


@pytest.mark.parametrize("package", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_the_public_api_and_no_other_plugin(package: Path) -> None:
    found = [
        f"{name} imports {module}"
        for name, file in modules(package).items()
        for module, _ in imported_names(name, file)
        if module.split(".")[0].startswith("sealer")
        and module.split(".")[0] != package.name
        and module not in PUBLIC
    ]
    assert found == []


@pytest.mark.parametrize("package", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_declares_and_never_drives(package: Path) -> None:
    """It has no business with processes, sockets or event loops."""
    driving = {
        "asyncio",
        "asyncssh",
        "httpx",
        "multiprocessing",
        "paramiko",
        "socket",
        "subprocess",
        "threading",
    }
    found = [
        f"{name} imports {module}"
        for name, file in modules(package).items()
        for module, _ in imported_names(name, file)
        if module.split(".")[0] in driving
    ]
    assert found == []


def test_only_one_module_touches_hooks() -> None:
    touching = {
        name
        for name, file in modules(CORE).items()
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.Attribute) and node.attr in ("hook", "subset_hook_caller", "PluginManager")
    }
    assert touching == {"sealer.discovery"}


def test_nothing_uses_except_star() -> None:
    """Python 3.11.2, which is Debian 12's, wraps whatever such a clause raises in a group."""
    found = [
        f"{name}:{node.lineno}"
        for source in (CORE, *PLUGINS)
        for name, file in modules(source).items()
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.TryStar)
    ]
    assert found == []


def docstrings(tree: ast.Module) -> set[int]:
    """Return the lines that docstrings begin on, those of attributes included."""
    return {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
    }


def distributions_named(name: str, file: Path) -> Iterator[str]:
    """Yield where a module names a distribution in code; comments may give examples and sources."""
    text = file.read_text(encoding="utf-8")
    explained = docstrings(syntax(file))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or token.start[0] in explained:
            continue
        yield from (f"{name}:{token.start[0]}: {match[0]}" for match in DISTRIBUTIONS.finditer(token.string))


def test_core_names_no_distribution() -> None:
    found = [line for name, file in modules(CORE).items() for line in distributions_named(name, file)]
    found += [
        f"{file.name}: {match[0]}"
        for file in CORE.rglob("*.sh")
        for match in DISTRIBUTIONS.finditer(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_module_says_what_it_is_for_in_two_sentences_at_most() -> None:
    """The first paragraph of the docstring; more may follow."""
    talkative = []
    for source in (CORE, *PLUGINS):
        for name, file in modules(source).items():
            first = (ast.get_docstring(syntax(file)) or "").split("\n\n")[0]
            if not first or len(re.findall(r"[.!?](?:\s|$)", first)) > 2:
                talkative.append(name)
    assert talkative == []
