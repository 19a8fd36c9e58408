"""Find the container images that Kubernetes manifests name, each with its place.

YAML is parsed, never searched as text. In every object, lists called ``containers``, ``initContainers`` and
``ephemeralContainers`` are looked for at any depth, so that all workloads count: Pods, everything with a pod
template, CronJobs, ``List`` objects, and custom workloads that embed a pod template. Beside those,
``image.reference`` of image volumes counts, and the paths of custom resources in ``CUSTOM_PATHS``.

This module is public: plugins may import it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType

import yaml

from sealer.errors import ImageError, Place

CONTAINER_LISTS = frozenset({"containers", "initContainers", "ephemeralContainers"})

_ARGO = tuple(
    f"spec.templates.*.{field}.image" for field in ("container", "script", "sidecars.*", "initContainers.*")
)
_TEKTON = ("spec.steps.*.image", "spec.sidecars.*.image", "spec.stepTemplate.image")


def _below(field: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths of a ``spec`` that is at a field of another resource."""
    return tuple(f"{field}{path.removeprefix('spec')}" for path in paths)


CUSTOM_PATHS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("argoproj.io", "ClusterWorkflowTemplate"): _ARGO,
        ("argoproj.io", "CronWorkflow"): _below("spec.workflowSpec", _ARGO),
        ("argoproj.io", "Workflow"): _ARGO,
        ("argoproj.io", "WorkflowTemplate"): _ARGO,
        ("ceph.rook.io", "CephCluster"): ("spec.cephVersion.image",),
        ("jaegertracing.io", "Jaeger"): ("spec.allInOne.image", "spec.collector.image", "spec.query.image"),
        ("kafka.strimzi.io", "Kafka"): ("spec.kafka.image", "spec.zookeeper.image"),
        ("kafka.strimzi.io", "KafkaConnect"): ("spec.image",),
        ("kubevirt.io", "VirtualMachine"): ("spec.template.spec.volumes.*.containerDisk.image",),
        ("kubevirt.io", "VirtualMachineInstance"): ("spec.volumes.*.containerDisk.image",),
        ("minio.min.io", "Tenant"): ("spec.image",),
        ("monitoring.coreos.com", "Alertmanager"): ("spec.image",),
        ("monitoring.coreos.com", "Prometheus"): ("spec.image", "spec.thanos.image"),
        ("monitoring.coreos.com", "PrometheusAgent"): ("spec.image",),
        ("monitoring.coreos.com", "ThanosRuler"): ("spec.image",),
        ("opentelemetry.io", "OpenTelemetryCollector"): ("spec.image",),
        ("postgresql.cnpg.io", "Cluster"): ("spec.imageName",),
        ("acid.zalan.do", "postgresql"): ("spec.dockerImage",),
        ("tekton.dev", "ClusterTask"): _TEKTON,
        ("tekton.dev", "Pipeline"): _below("spec.tasks.*.taskSpec", _TEKTON),
        ("tekton.dev", "Task"): _TEKTON,
    }
)
"""Where custom resources name further images: paths by API group and kind, ``*`` for every item of a list."""

_NONE: Mapping[tuple[str, str], Sequence[str]] = MappingProxyType({})

LIST_NAME = "imageList"
"""The file beside manifests, or in an application's directory, that names container images one by one."""

YAML_SUFFIXES = (".yaml", ".yml")


# libyaml's parser is several times as fast; wheels of PyYAML bring it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ImageName(str):
    """The name of a container image as it is written, which knows where."""

    __slots__ = ("place",)
    place: Place

    @classmethod
    def at(cls, name: str, place: Place) -> ImageName:
        """Return a name with its place."""
        found = cls(name)
        found.place = place
        return found


_ADDED: ContextVar[Mapping[tuple[str, str], Sequence[str]]] = ContextVar("image paths", default=_NONE)


@contextmanager
def with_image_paths(paths: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[None]:
    """Let further custom resources count while the block runs, in this thread and what it awaits.

    Args:
        paths: As ``CUSTOM_PATHS`` has them.
    """
    token = _ADDED.set(paths)
    try:
        yield
    finally:
        _ADDED.reset(token)


def images_in(data: bytes, file: str) -> tuple[ImageName, ...]:
    """Return the images that the objects of a YAML text name, each once, in order.

    Args:
        data: One or more YAML or JSON documents.
        file: What messages call it.

    Raises:
        ImageError: It is not YAML; the place is that of the first mistake.
    """
    lines = _Lines(data, file)
    found: dict[str, ImageName] = {}
    try:
        for document in yaml.compose_all(data, Loader=_LOADER):
            for scalar in _Search().object(document):
                name = ImageName.at(scalar.value, lines.place(scalar.start_mark))
                found.setdefault(name, name)
    except yaml.MarkedYAMLError as error:
        what = error.problem or error.context or "it is malformed"
        mark = error.problem_mark or error.context_mark
        raise ImageError(f"not valid YAML: {what}", place=lines.place(mark)) from error
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else "its text can't be read"
        raise ImageError(f"not valid YAML: {what}", place=Place(file=file, line=1)) from error
    return tuple(found.values())


def images_below(directory: Path, *, shown: str = "") -> tuple[ImageName, ...]:
    """Return the images that the manifests in a directory name, at any depth.

    Args:
        directory: The directory.
        shown: What places put before the paths of files, which are relative to the directory.

    Raises:
        ImageError: A manifest can't be read, or is not YAML.
    """
    found: dict[str, ImageName] = {}
    for path in yaml_files(directory):
        for name in images_in(_read(directory / path), f"{shown}{path}"):
            found.setdefault(name, name)
    return tuple(found.values())


def yaml_files(directory: Path, *, suffixes: Iterable[str] = YAML_SUFFIXES) -> tuple[str, ...]:
    """Return the paths of the manifests in a directory, relative to it, in the order of paths."""
    ends = tuple(suffixes)
    return tuple(
        sorted(
            path.relative_to(directory).as_posix()
            for path in directory.rglob("*")
            if path.name.endswith(ends) and path.is_file() and not path.is_symlink()
        )
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read it: {error.strerror}", place=str(path)) from error


class _Lines:
    """The lines of a text, decoded when a place is asked for."""

    def __init__(self, data: bytes, file: str) -> None:
        self._data = data
        self._file = file
        self._split: list[str] | None = None

    def place(self, mark: yaml.Mark | None) -> Place:
        if mark is None:
            return Place(file=self._file, line=1)
        if self._split is None:
            self._split = self._data.decode(errors="replace").splitlines()
        if mark.line < len(self._split):
            text = self._split[mark.line]
            return Place(file=self._file, line=mark.line + 1, column=mark.column + 1, text=text)
        # What is missing at the end is shown behind the last line.
        text = self._split[-1] if self._split else ""
        return Place(file=self._file, line=max(1, len(self._split)), column=len(text) + 1, text=text)


class _Search:
    """Walks one document. A node is walked once, however many aliases stand for it."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def object(self, node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
        """Yield the image names of an object and of the objects it lists."""
        if isinstance(node, yaml.MappingNode):
            fields = _fields(node)
            kind = _text(fields.get("kind"))
            if kind == "CustomResourceDefinition":
                return
            group, _, _ = _text(fields.get("apiVersion")).rpartition("/")
            for path in (*CUSTOM_PATHS.get((group, kind), ()), *_ADDED.get().get((group, kind), ())):
                yield from _at(node, path.split("."))
            if kind.endswith("List") and isinstance(fields.get("items"), yaml.SequenceNode):
                for item in fields["items"].value:
                    yield from self.object(item)
                return
        yield from self._below(node)

    def _below(self, node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
        waiting = [] if node is None else [node]
        while waiting:
            current = waiting.pop()
            if id(current) in self._seen or isinstance(current, yaml.ScalarNode):
                continue
            self._seen.add(id(current))
            if isinstance(current, yaml.SequenceNode):
                waiting.extend(reversed(current.value))
                continue
            fields = _fields(current)
            yield from _containers(fields)
            waiting.extend(reversed(list(fields.values())))


def _containers(fields: Mapping[str, yaml.Node]) -> Iterator[yaml.ScalarNode]:
    """Yield the images of what is right below a mapping: its containers and its image volumes."""
    for name, value in fields.items():
        if name in CONTAINER_LISTS:
            yield from _at(value, ["*", "image"])
    if "volumes" in fields:
        yield from _at(fields["volumes"], ["*", "image", "reference"])


def _at(node: yaml.Node | None, path: list[str]) -> Iterator[yaml.ScalarNode]:
    """Yield the texts at a path; ``*`` stands for every item of a list."""
    if node is None:
        return
    if not path:
        if not isinstance(node, yaml.ScalarNode):
            problem = "the name of an image must be a text"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        if node.tag.endswith(":str") and node.value.strip():
            yield node
    elif path[0] == "*":
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield from _at(item, path[1:])
    elif isinstance(node, yaml.MappingNode):
        yield from _at(_fields(node).get(path[0]), path[1:])


def _fields(node: yaml.Node) -> Mapping[str, yaml.Node]:
    """Return a mapping's values by key, those of its merge keys (``<<``) included where it has no own."""
    own: dict[str, yaml.Node] = {}
    merged: dict[str, yaml.Node] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag.endswith(":merge"):
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in sources:
                for name, inherited in _plain_fields(source):
                    merged.setdefault(name, inherited)
        elif isinstance(key, yaml.ScalarNode):
            own[key.value] = value
    return {**merged, **own}


def _plain_fields(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, value


def _text(node: yaml.Node | None) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else ""
